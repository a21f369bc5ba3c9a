"""A person of the demo: shape, colours, hair and clothes, all drawn from the person's name."""

from dataclasses import dataclass

import numpy as np

from dicface.base.seeds import seed_of
from dicface.data.render import palettes
from dicface.data.render.draws import Draws
from dicface.data.render.features import Colour, Look
from dicface.data.render.hairstyles import Hair, draw_hair
from dicface.data.render.wardrobe import Wardrobe, clothes_colours, draw_wardrobe

HATS = ("", "beanie", "cap", "", "scarf")


@dataclass(frozen=True)
class Shape:
    """Proportions of a head; lengths in cm, factors near 1."""

    width: float
    height: float
    cheekbone: float
    jaw: float
    chin: float
    chin_length: float
    brow_ridge: float
    cheek_fat: float
    eye_depth: float
    nose_bridge: float
    nose_width: float
    nose_out: float
    nose_hump: float
    nose_up: float
    lip_out: float
    ear: float
    neck: float
    fold: float
    dimple: float


@dataclass(frozen=True)
class Beard:
    """A beard that stands off the skin; lengths in cm, 0 where there is none."""

    length: float
    moustache: float
    hang: float


@dataclass(frozen=True)
class Identity:
    """One person: the same name gives the same person on every machine."""

    name: str
    shape: Shape
    look: Look
    hair: Hair
    beard: Beard
    wardrobe: Wardrobe


def _shape(d: Draws, feminine: bool, tone: float) -> Shape:
    m = 0.0 if feminine else 1.0
    return Shape(
        width=d.uniform("width", 0.90, 1.10) * (0.975 + 0.04 * m),
        height=d.uniform("height", 0.95, 1.05),
        cheekbone=d.uniform("cheekbone", 0.3, 1.7),
        jaw=d.uniform("jaw", 0.86, 1.12) * (0.95 + 0.08 * m),
        chin=d.uniform("chin", 0.4, 1.5) * (0.85 + 0.3 * m),
        chin_length=d.uniform("chin length", -0.7, 0.7) + 0.25 * m,
        brow_ridge=d.uniform("brow ridge", 0.0, 0.3) + 0.5 * m * d.uniform("ridge", 0.3, 1.1),
        cheek_fat=d.uniform("cheek fat", -1.0, 1.8),
        eye_depth=d.uniform("eye depth", -0.22, 0.18),
        nose_bridge=d.uniform("nose bridge", 0.6, 1.2) * (0.8 + 0.25 * tone),
        nose_width=d.uniform("nose width", 0.85, 1.22) * (1.08 - 0.12 * tone),
        nose_out=d.uniform("nose out", 0.82, 1.15),
        nose_hump=d.uniform("nose hump", -0.18, 0.28),
        nose_up=d.uniform("nose up", -0.25, 0.4),
        lip_out=d.uniform("lip out", 0.8, 1.25) * (1.15 - 0.2 * tone),
        ear=d.uniform("ear", 0.85, 1.15),
        neck=d.uniform("neck", 0.9, 1.08) * (0.9 + 0.14 * m),
        fold=d.uniform("fold", 0.4, 1.6),
        dimple=d.uniform("dimple", 0.2, 1.0) if d.chance("dimpled", 0.2) else 0.0,
    )


def _beard(d: Draws, feminine: bool, age: float) -> tuple[Beard, dict[str, float]]:
    """The standing beard, and the painted one's fields of `Look`."""
    kinds = {
        "none": 5.0,
        "stubble": 3.0,
        "moustache": 0.9,
        "goatee": 1.3,
        "short": 2.0,
        "full": 1.3,
        "long": 0.7 + 0.5 * age,
    }
    kind = "none" if feminine else d.weighted("beard", kinds)
    # Paint's density, its reach over cheeks and chin, the moustache's; then cm: beard, moustache.
    paint, cheek, chin, lip, length, tache, hang = {
        "none": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        "stubble": (0.6, 1.0, 1.0, 0.6, 0.0, 0.0, 0.0),
        "moustache": (0.9, 0.12, 0.15, 1.2, 0.0, 0.45, 0.0),
        "goatee": (1.0, 0.08, 1.2, 1.1, 0.45, 0.30, 0.3),
        "short": (1.0, 1.0, 1.0, 1.0, 0.35, 0.25, 0.1),
        "full": (1.1, 1.0, 1.2, 1.1, 0.9, 0.50, 0.9),
        "long": (1.1, 1.0, 1.2, 1.2, 1.2, 0.60, 3.2),
    }[kind]
    much = d.uniform("beard amount", 0.7, 1.25)
    if kind == "none" and not feminine:
        # A shaved chin keeps a shade.
        paint, cheek, chin, lip = 0.22 * much, 1.0, 1.0, 0.2
    fields = {
        "stubble": paint * much if kind == "stubble" else paint,
        "moustache": lip * much,
        "beard_cheek": cheek * d.uniform("beard cheek", 0.7, 1.0),
        "beard_chin": chin,
    }
    return Beard(length * much, tache * much, hang * d.uniform("beard hang", 0.6, 1.4)), fields


def _warmer(colour: Colour, amount: float) -> Colour:
    """Beards are redder than the hair above them."""
    return (colour[0] * (1 + 0.5 * amount), colour[1] * (1 + 0.15 * amount), colour[2])


def _hair_colours(d: Draws, tone: float, age: float, feminine: bool) -> dict[str, object]:
    """Hair, brows and beard: natural, greying or dyed."""
    fair = tone > 0.55
    natural = palettes.between(d.rng("hair colour"), palettes.DARK_HAIR)
    if fair:
        natural = palettes.between(d.rng("hair colour"), palettes.FAIR_HAIR)
    grey = palettes.between(d.rng("grey"), palettes.GREYS)
    greying = np.clip((age - 0.66) * 4.0 * d.uniform("greying", 0.0, 1.6), 0.0, 1.0)
    hair = palettes.mix(natural, grey, float(greying))
    dyed = d.chance("dyed", 0.09 if feminine else 0.03)
    if dyed:
        hair = palettes.between(d.rng("dye"), palettes.DYES)
    tip = hair
    if feminine and d.chance("dipped", 0.18):
        tip = palettes.between(d.rng("tip"), (*palettes.DYES, *palettes.FAIR_HAIR[3:7]))
    dark = palettes.mix(natural, grey, float(0.6 * greying))
    return {
        "hair_colour": hair,
        "hair_tip": tip,
        "hair_dip": d.uniform("dip", -6.0, 1.0),
        "hair_streak": d.uniform("streak", 0.5, 1.3),
        "brow_colour": palettes.mix(dark, (0.02, 0.014, 0.01), d.uniform("brow dark", 0.25, 0.7)),
        "beard_colour": _warmer(dark, d.uniform("beard warm", 0.0, 0.6)),
    }


def _face(d: Draws, tone: float, feminine: bool) -> dict[str, float]:
    """Outlines of eyes, mouth, brows and nose."""
    full = d.uniform("lips", 0.65, 1.35) * (1.08 if feminine else 0.92) * (1.15 - 0.25 * tone)
    mono = d.chance("single lid", 0.2)
    return {
        "eye_x": d.uniform("eye x", 2.92, 3.30),
        "eye_y": 0.0,
        "eye_half": d.uniform("eye half", 1.34, 1.62),
        "lid_up": d.uniform("lid up", 0.40, 0.64) + (0.03 if feminine else 0.0),
        "lid_low": d.uniform("lid low", 0.36, 0.52),
        "eye_tilt": d.uniform("eye tilt", -0.10, 0.24),
        "crease": 0.03 if mono else d.uniform("crease", 0.12, 0.42),
        "iris_r": d.uniform("iris r", 0.58, 0.68),
        "mouth_half": d.uniform("mouth half", 2.15, 2.95),
        "mouth_y": d.uniform("mouth y", -6.95, -6.25),
        "lip_up": 0.66 * full * d.uniform("lip up", 0.8, 1.2),
        "lip_low": 0.92 * full * d.uniform("lip low", 0.9, 1.1),
        "cupid": d.uniform("cupid", 0.05, 0.36),
        "corner": d.uniform("corner", -0.18, 0.20),
        "brow_y": d.uniform("brow y", 1.40, 1.95) + (0.15 if feminine else 0.0),
        "brow_in": d.uniform("brow in", 0.85, 1.65),
        "brow_out": d.uniform("brow out", 4.6, 5.35),
        "brow_arch": d.uniform("brow arch", 0.02, 0.50) + (0.10 if feminine else 0.0),
        "brow_tilt": d.uniform("brow tilt", -0.15, 0.50),
        "brow_thick": d.uniform("brow thick", 0.22, 0.45) + (0.0 if feminine else 0.15),
        "brow_density": d.uniform("brow density", 0.70, 1.15),
        "nose_half": d.uniform("nose half", 1.38, 1.85) * (1.14 - 0.2 * tone),
        "nose_base": d.uniform("nose base", -4.85, -4.25),
        "nose_tip": d.uniform("nose tip", -3.9, -3.4),
        "nostril": d.uniform("nostril", 0.8, 1.25),
    }


def _paint(d: Draws, skin: Colour, feminine: bool, age: float, tone: float) -> dict[str, object]:
    """Lips, make-up and skin."""
    lips = (skin[0] * 0.95, skin[1] * 0.60, skin[2] * 0.64)
    lips = palettes.mix(lips, (0.42, 0.12, 0.12), d.uniform("lip red", 0.0, 0.35))
    made_up = feminine and d.chance("make-up", 0.65)
    if made_up:
        stick = palettes.between(d.rng("lipstick"), palettes.LIPSTICKS)
        lips = palettes.mix(lips, stick, d.uniform("lipstick cover", 0.15, 0.95))
    fair = tone > 0.55
    iris = palettes.between(d.rng("iris"), palettes.FAIR_EYES if fair else palettes.DARK_EYES)
    freckled = fair and d.chance("freckled", 0.3)
    lash = d.uniform("lash", 0.8, 1.4) if feminine else d.uniform("lash", 0.45, 0.8)
    return {
        "lip_colour": lips,
        "iris": iris,
        "skin": skin,
        "lash": lash,
        "liner": d.uniform("liner", 0.3, 1.0) if made_up else 0.0,
        "shadow": d.uniform("shadow", 0.2, 0.8) if made_up and d.chance("shaded", 0.6) else 0.0,
        "shadow_colour": palettes.between(d.rng("shadow colour"), palettes.EYESHADOWS),
        "blush": d.uniform("blush", 0.2, 0.9) if made_up else 0.0,
        "redness": d.uniform("redness", 0.2, 1.3),
        "freckles": d.uniform("freckles", 0.4, 1.2) if freckled else 0.0,
        "age": age,
        "oil": d.uniform("oil", 0.25, 0.95),
    }


def _skin(d: Draws, tone: float) -> Colour:
    skin = palettes.along(palettes.SKINS, tone)
    warm, olive = d.normal("skin warm", 0.05), d.normal("skin olive", 0.03)
    return (skin[0] * (1 + warm), skin[1] * (1 + olive), skin[2] * (1 - warm))


def _strands(d: Draws, hair: Hair) -> dict[str, float]:
    """Where strands start and how closed the hair is."""
    pole = hair.style.pole or (0.11 * hair.part, 0.85, 0.55)
    x, y, z = np.array(pole) / np.linalg.norm(pole)
    scalp = {"bald": 0.0, "horseshoe": 0.7, "shaved": 0.75}.get(hair.name, 0.9)
    return {
        "hair_curl": hair.curl,
        "hair_wave": hair.wave,
        "hair_jag": 0.8 if hair.curl > 0.0 else d.uniform("hair jag", 0.5, 1.5),
        "hair_density": 0.80 if hair.name in ("buzz", "shaved") else 1.3,
        "roots": scalp,
        "pole_x": float(x),
        "pole_y": float(y),
        "pole_z": float(z),
    }


def identity(name: str) -> Identity:
    """The person called `name`.

    Args:
        name: any text; every property is drawn from it and from nothing else.

    Returns:
        Proportions, colours, hair style and clothes of an adult.
    """
    d = Draws("identity", name)
    feminine = d.chance("feminine", 0.5)
    age = float(d.rng("age").beta(1.3, 1.6))
    tone = d.uniform("tone", 0.0, 1.0)
    hair = draw_hair(d, feminine, tone, age)
    wardrobe = draw_wardrobe(d, feminine, age)
    beard, stubble = _beard(d, feminine, age)
    look = Look(
        **_face(d, tone, feminine),
        **_paint(d, _skin(d, tone), feminine, age, tone),
        **_hair_colours(d, tone, age, feminine),
        **_strands(d, hair),
        **stubble,
        **clothes_colours(d, feminine),
        hat_kind=HATS.index(wardrobe.hat),
        seed=seed_of("look", name) % 100003,
    )
    return Identity(name, _shape(d, feminine, tone), look, hair, beard, wardrobe)
