"""What a person wears: glasses, hats, earrings and clothes, drawn from the person's name."""

from dataclasses import dataclass

from dicface.data.render.draws import Draws
from dicface.data.render.features import Colour
from dicface.data.render.palettes import CLOTHES, FRAMES, METALS, between

CREW, VEE, SHIRT, ROLL, JACKET = range(5)
PLAIN, STRIPES, CHECKS, FLECKS = range(4)

_GLASSES = {
    # Half width, half height (cm), exponent of the outline, tilt, droop outwards.
    "round": (2.15, 2.10, 2.0, 0.0, 0.0),
    "oval": (2.40, 1.75, 2.2, 0.0, 0.0),
    "square": (2.45, 1.95, 4.5, 0.0, 0.0),
    "narrow": (2.55, 1.35, 4.0, 0.0, 0.0),
    "wayfarer": (2.55, 2.00, 3.2, 0.12, 0.25),
    "aviator": (2.55, 2.25, 2.3, -0.05, 0.55),
    "cateye": (2.50, 1.80, 2.6, 0.28, 0.20),
    "large": (2.70, 2.45, 2.8, 0.0, 0.10),
}


@dataclass(frozen=True)
class Glasses:
    """A pair of glasses; lengths in cm.

    Attributes:
        half_w, half_h: half width and height of a lens.
        power: exponent of its superellipse outline.
        tilt: rise of the outer end (cm a cm).
        droop: how far the lower half leans outwards.
        rim: radius of the rim; 0 for none.
        brow: radius of the rim's upper half.
        drop: how low they sit.
        tint: share of light a lens lets through, RGB.
        mirror: strength of reflections.
    """

    half_w: float
    half_h: float
    power: float
    tilt: float
    droop: float
    rim: float
    brow: float
    drop: float
    tint: Colour
    mirror: float


@dataclass(frozen=True)
class Wardrobe:
    """What the meshes need to know; colours and patterns are in the `Look`.

    Attributes:
        glasses: None for most.
        hat: "", "beanie", "cap" or "scarf".
        hat_line: its height over the forehead, cm.
        earrings: "", "stud", "drop" or "hoop".
        earring_size: factor near 1.
    """

    glasses: Glasses | None
    hat: str
    hat_line: float
    earrings: str
    earring_size: float


def _glasses(draws: Draws) -> Glasses:
    shape = draws.choice("glasses shape", tuple(_GLASSES))
    half_w, half_h, power, tilt, droop = _GLASSES[shape]
    size = draws.uniform("glasses size", 0.9, 1.08)
    kind = draws.weighted("glasses rim", {"thin": 3.0, "thick": 3.0, "brow": 1.2, "none": 0.8})
    thick = draws.uniform("glasses thickness", 0.8, 1.25)
    rim = {"thin": 0.075, "thick": 0.19, "brow": 0.055, "none": 0.0}[kind] * thick
    brow = {"thin": 0.085, "thick": 0.22, "brow": 0.25, "none": 0.0}[kind] * thick
    dark = draws.weighted("glasses tint", {0.0: 7.0, 0.18: 1.6, 0.40: 1.0})
    hue = between(draws.rng("glasses hue"), ((1.0, 0.9, 0.7), (0.75, 0.9, 1.0), (0.9, 0.9, 0.9)))
    top = max(hue)
    return Glasses(
        half_w=half_w * size,
        half_h=half_h * size * draws.uniform("glasses height", 0.92, 1.08),
        power=power,
        tilt=tilt,
        droop=droop,
        rim=rim,
        brow=brow,
        drop=draws.uniform("glasses drop", 0.05, 0.55),
        tint=tuple(0.96 * (1.0 - dark) * (1.0 - dark * (1.0 - v / top)) for v in hue),
        mirror=draws.weighted("glasses mirror", {0.1: 2.0, 0.45: 2.0, 1.0: 1.5}),
    )


def draw_wardrobe(draws: Draws, feminine: bool, age: float) -> Wardrobe:
    """Draw what a person wears."""
    hats = {"": 88.0, "beanie": 4.0, "cap": 3.0}
    if feminine:
        hats |= {"scarf": 3.0}
    earrings = {"": 50.0, "stud": 22.0, "drop": 14.0, "hoop": 14.0}
    if not feminine:
        earrings = {"": 92.0, "stud": 6.0, "hoop": 2.0}
    hat = draws.weighted("hat", hats)
    return Wardrobe(
        glasses=_glasses(draws) if draws.chance("glasses", 0.22 + 0.16 * age) else None,
        hat=hat,
        hat_line=draws.uniform("hat line", 3.6, 5.4),
        earrings="" if hat == "scarf" else draws.weighted("earrings", earrings),
        earring_size=draws.uniform("earring size", 0.75, 1.3),
    )


def clothes_colours(draws: Draws, feminine: bool) -> dict[str, object]:
    """The fields of a `Look` that say how clothes, frames and jewels look."""
    kinds = {CREW: 4.0, VEE: 2.5, SHIRT: 2.5, ROLL: 1.2, JACKET: 1.0 if feminine else 2.0}
    kind = draws.weighted("shirt kind", kinds)
    line = {CREW: -14.0, VEE: -14.0, SHIRT: -13.0, ROLL: -11.6, JACKET: -13.0}[kind]
    metal = draws.chance("frame metal", 0.4)
    return {
        "shirt": between(draws.rng("shirt"), CLOTHES),
        "shirt_two": between(draws.rng("shirt two"), CLOTHES),
        "shirt_kind": kind,
        "pattern": draws.weighted("pattern", {PLAIN: 6.0, STRIPES: 2.0, CHECKS: 1.5, FLECKS: 1.0}),
        "collar_y": line + draws.uniform("collar", -1.2, 0.6),
        "collar_v": draws.uniform("collar v", 0.0, 1.0) if kind == CREW else 2.5,
        "frame": between(draws.rng("frame"), METALS if metal else FRAMES),
        "frame_shine": 1.0 if metal else 0.35,
        "frame_speckle": 1.0 if not metal and draws.chance("frame speckle", 0.25) else 0.0,
        "hat_colour": between(draws.rng("hat colour"), CLOTHES),
        "hat_two": between(draws.rng("hat two"), CLOTHES),
        "jewel": between(draws.rng("jewel"), (*METALS, (0.6, 0.6, 0.62))),
    }
