"""Hair styles: what each is made of, who wears it, and the measures drawn for a person."""

from dataclasses import dataclass

from dicface.data.render.draws import Draws


@dataclass(frozen=True)
class Style:
    """Mean measures of a style, cm; weights say how often women and men wear it.

    Attributes:
        top, side: thickness on the crown and beside it.
        women, men: relative frequency.
        bottom: height where falling hair ends (only if `falls`).
        opening: half angle of the face's window in falling hair, radians.
        falls: hair hangs beside the face.
        parted: hair falls to both sides of a parting.
        front: height of the hairline over the nose; None for the person's own.
        slant: how much lower a fringe is on one side, cm a radian.
        curl: fineness of curls; 0 for straight hair.
        wave: swing of the strands, radians.
        pole: where strands start; None for the parting.
        quiff: added thickness over the forehead.
        knot: a ball of hair: "", "bun" on top, "low" at the nape, "two" beside.
        tight: only for people with tightly curled hair.
    """

    top: float
    side: float
    women: float
    men: float
    bottom: float = -9.0
    opening: float = 9.0
    falls: bool = False
    parted: bool = False
    front: float | None = None
    slant: float = 0.0
    curl: float = 0.0
    wave: float = 0.01
    pole: tuple[float, float, float] | None = None
    quiff: float = 0.0
    knot: str = ""
    tight: bool = False


_CROWN, _BACK = (0.1, 0.9, -0.3), (0.05, 0.35, 0.95)

STYLES = {
    "bald": Style(0.1, 0.1, 0.1, 1.0),
    "horseshoe": Style(0.3, 0.7, 0.0, 1.0, pole=_CROWN),
    "shaved": Style(0.16, 0.14, 0.2, 1.1, curl=2.8),
    "buzz": Style(0.35, 0.25, 0.2, 1.2, curl=2.4),
    "crop": Style(1.3, 0.55, 0.3, 1.8, pole=_CROWN),
    "caesar": Style(1.0, 0.6, 0.2, 1.0, front=4.9, pole=_CROWN),
    "sidepart": Style(2.1, 0.7, 0.5, 1.8, parted=True),
    "swept": Style(2.0, 0.6, 0.3, 1.6, pole=_BACK, quiff=0.8),
    "quiff": Style(2.5, 0.35, 0.3, 1.5, pole=_BACK, quiff=2.2),
    "slick": Style(0.9, 0.5, 0.3, 0.9, pole=_BACK),
    "undercut": Style(2.4, 0.2, 0.3, 1.0, parted=True, quiff=0.8),
    "messy": Style(2.6, 1.2, 0.6, 1.4, front=5.0, pole=_CROWN, wave=0.16, slant=0.9),
    "curls": Style(2.3, 1.5, 0.8, 1.0, curl=1.0),
    "coils": Style(1.5, 1.0, 0.6, 1.2, curl=1.7, tight=True),
    "afro": Style(4.2, 3.6, 1.0, 0.8, bottom=-7.5, curl=1.15, tight=True),
    "pixie": Style(1.5, 0.8, 1.0, 0.1, front=4.2, slant=1.5, parted=True),
    "bob": Style(1.5, 1.5, 1.5, 0.05, -9.5, 1.10, True, True, wave=0.03),
    "lob": Style(1.6, 1.9, 1.3, 0.1, -12.5, 1.02, True, True, wave=0.09),
    "long": Style(1.4, 1.5, 2.0, 0.25, -19.0, 1.08, True, True, wave=0.03),
    "waves": Style(1.8, 2.3, 1.5, 0.2, -18.0, 1.05, True, True, wave=0.17),
    "ringlets": Style(2.3, 2.9, 1.0, 0.15, -14.0, 1.06, True, True, curl=0.75),
    "cloud": Style(3.4, 4.2, 0.8, 0.1, -12.0, 1.10, True, False, curl=1.0, tight=True),
    "curtain": Style(1.9, 1.3, 0.4, 0.6, -4.5, 1.12, True, True, front=5.6, wave=0.05),
    "fringe": Style(1.6, 1.6, 1.0, 0.05, -10.5, 1.16, True, front=3.2, pole=(0.05, 0.95, 0.1)),
    "bowl": Style(1.7, 1.5, 0.3, 0.25, -2.5, 1.22, True, front=3.4, pole=(0.05, 0.95, 0.1)),
    "longfringe": Style(1.5, 1.7, 1.0, 0.05, -19.0, 1.12, True, front=3.3, pole=(0.1, 0.95, 0.1)),
    "sidefringe": Style(
        1.6, 1.5, 1.1, 0.1, -14.0, 1.10, True, front=4.3, slant=1.9, pole=(0.5, 0.8, 0.3)
    ),
    "bun": Style(0.8, 0.4, 1.1, 0.15, pole=(0.0, 0.3, 0.95), knot="bun"),
    "lowbun": Style(1.0, 0.6, 0.8, 0.05, parted=True, knot="low"),
    "spacebuns": Style(0.9, 0.5, 0.35, 0.0, parted=True, knot="two"),
    "ponytail": Style(0.9, 0.45, 1.0, 0.15, pole=(0.0, 0.25, 0.97), knot="tail"),
}


@dataclass(frozen=True)
class Hair:
    """One person's hair; lengths in cm, angles in radians. See `Style` for what is not here.

    Attributes:
        name: key of `STYLES`.
        top, side, bottom, opening, slant, wave, curl, quiff: as in `Style`, drawn around it.
        front_y: height of the hairline over the nose.
        recess: how far the hairline recedes at the temples.
        part: place of the parting, positive to the image's right.
        sideburn: added length of the hair before the ears.
    """

    name: str
    top: float
    side: float
    bottom: float
    opening: float
    slant: float
    wave: float
    curl: float
    quiff: float
    front_y: float
    recess: float
    part: float
    sideburn: float

    @property
    def style(self) -> Style:
        """The style's constants."""
        return STYLES[self.name]


def draw_hair(draws: Draws, feminine: bool, tone: float, age: float) -> Hair:
    """Draw a style and its measures.

    Args:
        draws: the person's draws.
        feminine: chooses among the styles.
        tone: lightness of the skin in [0, 1]; tight curls are drawn for dark tones only.
        age: in [0, 1]; old men are bald more often.
    """
    tight = draws.chance("hair tight", 0.75 if tone < 0.4 else 0.0)
    curly = draws.chance("hair curly", 0.28)
    weights = {}
    for name, style in STYLES.items():
        weight = style.women if feminine else style.men
        if style.tight:
            weight *= 2.5 if tight else 0.0
        elif style.curl > 0.0 and style.curl < 2.0:
            weight *= 2.5 if curly or tight else 0.35
        elif tight and name not in ("bald", "horseshoe", "shaved", "buzz", "bun"):
            weight *= 0.45
        if name in ("bald", "horseshoe"):
            weight *= 0.25 + 3.0 * age**2
        weights[name] = weight
    name = draws.weighted("hair style", weights)
    style = STYLES[name]
    front = draws.uniform("hair front", 5.5, 7.0) + (0.0 if feminine else 1.0 * age)
    if style.front is not None:
        front = style.front + draws.uniform("hair fringe", -0.45, 0.55)
    side = draws.choice("hair slant", (-1.0, 1.0))
    part = draws.uniform("hair part", 0.0 if feminine else 0.6, 2.8)
    curl = 0.0
    if style.curl > 0.0:
        curl = style.curl * draws.uniform("hair curl", 0.8, 1.3)
    return Hair(
        name=name,
        top=style.top * draws.uniform("hair top", 0.75, 1.3),
        side=style.side * draws.uniform("hair side", 0.75, 1.3),
        bottom=style.bottom + draws.uniform("hair bottom", -1.6, 1.6),
        opening=style.opening + draws.uniform("hair opening", -0.10, 0.08),
        slant=side * style.slant * draws.uniform("hair slope", 0.5, 1.3),
        wave=style.wave * draws.uniform("hair wave", 0.5, 1.6),
        curl=curl,
        quiff=style.quiff * draws.uniform("hair quiff", 0.6, 1.3),
        front_y=front,
        recess=draws.uniform("hair recess", 0.0, 0.5 if feminine else 1.3 + 0.8 * age),
        part=side * part,
        sideburn=0.0 if feminine else draws.uniform("hair sideburn", 0.0, 2.6),
    )
