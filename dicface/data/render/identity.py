"""A person of the demo: proportions, colours and hair, all drawn from the person's name."""

from dataclasses import dataclass

import numpy as np

from dicface.base.seeds import numpy_rng, seed_of
from dicface.data.render.features import Colour, Look

# Linear RGB, from deep to fair.
_SKINS = (
    (0.075, 0.036, 0.022),
    (0.135, 0.066, 0.039),
    (0.220, 0.115, 0.068),
    (0.330, 0.185, 0.110),
    (0.440, 0.265, 0.170),
    (0.530, 0.330, 0.225),
    (0.620, 0.400, 0.300),
    (0.680, 0.460, 0.370),
)
_DARK_HAIR = ((0.010, 0.008, 0.007), (0.022, 0.014, 0.010), (0.045, 0.025, 0.015))
_FAIR_HAIR = (
    (0.022, 0.014, 0.010),
    (0.060, 0.032, 0.017),
    (0.115, 0.062, 0.030),
    (0.330, 0.210, 0.095),
    (0.460, 0.320, 0.165),
    (0.230, 0.070, 0.022),
    (0.140, 0.045, 0.018),
)
_GREYS = ((0.300, 0.295, 0.290), (0.470, 0.465, 0.460), (0.160, 0.155, 0.150))
_DARK_EYES = ((0.060, 0.026, 0.010), (0.030, 0.014, 0.008), (0.110, 0.052, 0.018))
_FAIR_EYES = (
    (0.110, 0.052, 0.018),
    (0.075, 0.180, 0.330),
    (0.120, 0.200, 0.260),
    (0.110, 0.170, 0.070),
    (0.190, 0.130, 0.045),
    (0.200, 0.240, 0.260),
)
_SHIRTS = (
    (0.050, 0.090, 0.180),
    (0.280, 0.060, 0.060),
    (0.060, 0.160, 0.110),
    (0.550, 0.540, 0.520),
    (0.035, 0.035, 0.040),
    (0.230, 0.160, 0.300),
    (0.420, 0.300, 0.120),
    (0.150, 0.200, 0.240),
)
STYLES = ("crop", "sidepart", "swept", "buzz", "curls", "afro", "bob", "long", "fringe", "bun")


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


@dataclass(frozen=True)
class Hair:
    """Hair style; lengths in cm, angles in radians."""

    style: str
    top: float
    side: float
    front_y: float
    recess: float
    bottom: float
    opening: float
    part: float


@dataclass(frozen=True)
class Identity:
    """One person: the same name gives the same person on every machine."""

    name: str
    shape: Shape
    look: Look
    hair: Hair


def _mix(a: Colour, b: Colour, t: float) -> Colour:
    return tuple(float(p + (q - p) * t) for p, q in zip(a, b, strict=True))


def _hair(rng: np.random.Generator, feminine: bool, tone: float, age: float) -> Hair:
    """Draw a style and its measures."""
    if feminine:
        styles = ["long", "bob", "bun", "fringe", "sidepart"]
        weights = np.array([3.0, 2.2, 1.6, 1.6, 0.8])
    else:
        styles = ["crop", "sidepart", "swept", "buzz"]
        weights = np.array([2.2, 2.0, 1.8, 1.2])
    if tone < 0.45:
        styles += ["curls", "afro", "buzz"]
        weights = np.append(weights, [1.6, 1.4, 0.0 if feminine else 2.0])
    elif rng.random() < 0.3:
        styles += ["curls"]
        weights = np.append(weights, [2.0])
    style = str(rng.choice(styles, p=weights / weights.sum()))
    top, side, bottom, opening = {
        "crop": (1.3, 0.55, -7.0, 9.0),
        "sidepart": (2.1, 0.7, -7.0, 9.0),
        "swept": (2.0, 0.6, -7.0, 9.0),
        "buzz": (0.35, 0.25, -7.0, 9.0),
        "curls": (2.3, 1.5, -7.0, 9.0),
        "afro": (4.2, 3.6, -7.5, 9.0),
        "bob": (1.5, 1.5, -9.5, 1.10),
        "long": (1.4, 1.5, -19.0, 1.08),
        "fringe": (1.6, 1.6, -10.5, 1.10),
        "bun": (0.8, 0.4, -7.0, 9.0),
    }[style]
    front = rng.uniform(5.9, 6.7) + (0.0 if feminine else 0.9 * age * rng.random())
    if style == "fringe":
        front = rng.uniform(2.9, 3.6)
    return Hair(
        style=style,
        top=top * rng.uniform(0.85, 1.15),
        side=side * rng.uniform(0.85, 1.15),
        front_y=front,
        recess=rng.uniform(0.1, 0.4) if feminine else rng.uniform(0.3, 1.3 + 0.8 * age),
        bottom=bottom + rng.uniform(-1.2, 1.2),
        opening=opening + rng.uniform(-0.06, 0.06),
        part=rng.choice([-1.0, 1.0]) * rng.uniform(0.0 if feminine else 1.6, 2.6),
    )


def _look(
    rng: np.random.Generator, name: str, feminine: bool, age: float, hair: Hair, tone: float
) -> Look:
    place = tone * (len(_SKINS) - 1)
    low = min(int(place), len(_SKINS) - 2)
    skin = _mix(_SKINS[low], _SKINS[low + 1], place - low)
    warm = rng.uniform(-0.06, 0.06)
    skin = (skin[0] * (1 + warm), skin[1], skin[2] * (1 - warm))
    fair = tone > 0.62
    greys = age > 0.72 and rng.random() < 0.75
    palette = _GREYS if greys else (_FAIR_HAIR if fair else _DARK_HAIR)
    hair_colour = palette[rng.integers(len(palette))]
    brow_colour = _mix(hair_colour, (0.02, 0.014, 0.01), 0.55 if not greys else 0.4)
    iris = (_FAIR_EYES if fair else _DARK_EYES)[rng.integers(6 if fair else 3)]
    lips = _mix(
        (skin[0] * 0.95, skin[1] * 0.58, skin[2] * 0.62),
        (0.42, 0.085, 0.095),
        rng.uniform(0.05, 0.2) + (rng.uniform(0.05, 0.5) if feminine else 0.0),
    )
    full = rng.uniform(0.8, 1.25) * (1.08 if feminine else 0.92) * (1.15 - 0.25 * tone)
    style = hair.style
    curly = style in ("curls", "afro", "buzz")
    pole = {
        "crop": (0.1, 0.9, -0.3),
        "buzz": (0.1, 0.9, -0.3),
        "swept": (0.05, 0.35, 0.95),
        "bun": (0.0, 0.3, 0.95),
        "fringe": (0.05, 0.95, 0.1),
    }.get(style, (0.11 * hair.part, 0.85, 0.55))
    pole = np.array(pole) / np.linalg.norm(pole)
    beard = 0.0 if feminine or rng.random() < 0.45 else rng.uniform(0.35, 1.0)
    return Look(
        eye_x=rng.uniform(2.98, 3.22),
        eye_y=0.0,
        eye_half=rng.uniform(1.32, 1.50),
        lid_up=rng.uniform(0.43, 0.55) + (0.02 if feminine else 0.0),
        lid_low=rng.uniform(0.40, 0.48),
        eye_tilt=rng.uniform(-0.03, 0.2),
        crease=rng.uniform(0.12, 0.34),
        lash=rng.uniform(0.8, 1.2) if feminine else 0.45,
        iris=iris,
        mouth_half=rng.uniform(2.35, 2.85),
        mouth_y=rng.uniform(-6.85, -6.35),
        lip_up=0.66 * full * rng.uniform(0.85, 1.15),
        lip_low=0.92 * full,
        cupid=rng.uniform(0.1, 0.32),
        corner=rng.uniform(-0.12, 0.16),
        lip_colour=lips,
        brow_y=rng.uniform(1.5, 1.85) + (0.15 if feminine else 0.0),
        brow_in=rng.uniform(1.15, 1.6),
        brow_out=rng.uniform(4.8, 5.25),
        brow_arch=rng.uniform(0.12, 0.45) + (0.12 if feminine else 0.0),
        brow_tilt=rng.uniform(-0.05, 0.4),
        brow_thick=rng.uniform(0.28, 0.42) if feminine else rng.uniform(0.40, 0.60),
        brow_density=rng.uniform(0.85, 1.1),
        brow_colour=brow_colour,
        nose_half=rng.uniform(1.5, 1.75) * (1.14 - 0.2 * tone),
        nose_base=rng.uniform(-4.75, -4.4),
        nose_tip=rng.uniform(-3.85, -3.55),
        skin=skin,
        redness=rng.uniform(0.4, 1.0),
        freckles=rng.uniform(0.4, 1.0) if fair and rng.random() < 0.35 else 0.0,
        stubble=beard,
        moustache=beard * rng.uniform(0.7, 1.2),
        age=age,
        oil=rng.uniform(0.45, 0.9),
        hair_colour=hair_colour,
        hair_streak=rng.uniform(0.5, 1.0),
        hair_curl={"curls": 1.0, "afro": 1.15, "buzz": 2.4}.get(style, 0.0),
        hair_wave=rng.uniform(0.0, 0.07) if style in ("long", "bob") else 0.01,
        hair_jag=rng.uniform(0.5, 1.3) if not curly else 0.8,
        hair_density=0.80 if style == "buzz" else 1.15,
        pole_x=float(pole[0]),
        pole_y=float(pole[1]),
        pole_z=float(pole[2]),
        shirt=_SHIRTS[rng.integers(len(_SHIRTS))],
        collar_y=rng.uniform(-16.0, -14.8),
        collar_v=rng.uniform(0.0, 1.2),
        seed=seed_of("look", name) % 100003,
    )


def identity(name: str) -> Identity:
    """The person called `name`.

    Args:
        name: any text; every property is drawn from it and from nothing else.

    Returns:
        Proportions, colours and hair style of an adult.
    """
    rng = numpy_rng("identity", name)
    feminine = bool(rng.random() < 0.5)
    age = float(rng.beta(1.4, 1.7))
    tone = float(rng.uniform(0.0, 1.0))
    hair = _hair(rng, feminine, tone, age)
    look = _look(rng, name, feminine, age, hair, tone)
    m = 0.0 if feminine else 1.0
    shape = Shape(
        width=rng.uniform(0.95, 1.05) * (0.975 + 0.04 * m),
        height=rng.uniform(0.97, 1.04),
        cheekbone=rng.uniform(0.6, 1.4),
        jaw=rng.uniform(0.93, 1.05) * (0.95 + 0.08 * m),
        chin=rng.uniform(0.6, 1.3) * (0.85 + 0.3 * m),
        chin_length=rng.uniform(-0.4, 0.5) + 0.25 * m,
        brow_ridge=rng.uniform(0.0, 0.25) + 0.5 * m * rng.uniform(0.4, 1.0),
        cheek_fat=rng.uniform(-0.6, 1.0),
        eye_depth=rng.uniform(-0.15, 0.15),
        nose_bridge=rng.uniform(0.75, 1.15) * (0.8 + 0.25 * tone),
        nose_width=rng.uniform(0.9, 1.1),
        nose_out=rng.uniform(0.88, 1.12),
        nose_hump=rng.uniform(-0.12, 0.22),
        nose_up=rng.uniform(-0.1, 0.25),
        lip_out=rng.uniform(0.85, 1.2) * (1.15 - 0.2 * tone),
        ear=rng.uniform(0.9, 1.12),
        neck=rng.uniform(0.93, 1.03) * (0.9 + 0.14 * m),
    )
    return Identity(name=name, shape=shape, look=look, hair=hair)
