"""Outlines of the facial features in rest coordinates (compiled): lids, lips, brows, hair holes.

Rest coordinates are centimetres in the front view of the unmoved head: x to the image's right,
y up, 0 between the eyes. The landmarks and the shader read the same curves, so they agree exactly.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from dicface.data.render.noise import clamp01, noise2, noise3, smoothstep

Colour = tuple[float, float, float]

# Materials of the triangles.
SKIN, EYE, TEETH, MOUTH, HAIR, BODY, EAR, BEARD, FRAME, JEWEL, HAT, LENS = range(12)


class Look(NamedTuple):
    """What the compiled code knows of an identity. Lengths in cm, colours linear RGB in [0, 1]."""

    eye_x: float
    eye_y: float
    eye_half: float
    lid_up: float
    lid_low: float
    eye_tilt: float
    crease: float
    lash: float
    iris: Colour
    iris_r: float
    liner: float
    shadow: float
    shadow_colour: Colour
    blush: float
    mouth_half: float
    mouth_y: float
    lip_up: float
    lip_low: float
    cupid: float
    corner: float
    lip_colour: Colour
    brow_y: float
    brow_in: float
    brow_out: float
    brow_arch: float
    brow_tilt: float
    brow_thick: float
    brow_density: float
    brow_colour: Colour
    nose_half: float
    nose_base: float
    nose_tip: float
    nostril: float
    skin: Colour
    redness: float
    freckles: float
    stubble: float
    moustache: float
    beard_cheek: float
    beard_chin: float
    beard_colour: Colour
    age: float
    oil: float
    hair_colour: Colour
    hair_tip: Colour
    hair_dip: float  # height (cm) below which the tips have their colour
    roots: float
    hair_streak: float
    hair_curl: float  # 0 straight; else the fineness of the curls
    hair_wave: float
    hair_jag: float
    hair_density: float
    pole_x: float
    pole_y: float
    pole_z: float
    shirt: Colour
    shirt_two: Colour
    shirt_kind: int  # see `wardrobe`
    pattern: int
    collar_y: float
    collar_v: float
    frame: Colour
    frame_shine: float
    frame_speckle: float
    hat_colour: Colour
    hat_two: Colour
    hat_kind: int
    jewel: Colour
    seed: int


@njit(cache=True)
def lid_curves(t: float, look: Look, closure: float) -> tuple[float, float]:
    """Upper and lower lid height (cm from the eye's centre) at t in [-1 inner, 1 outer]."""
    if t < -1.0 or t > 1.0:
        base = look.eye_tilt * t
        return base, base
    u = t + 0.16 * (1.0 - t * t)
    upper = look.lid_up * max(0.0, 1.0 - u * u) ** 0.72
    v = t - 0.12 * (1.0 - t * t)
    lower = -look.lid_low * max(0.0, 1.0 - v * v) ** 0.8
    base = look.eye_tilt * t
    lower = lower * (1.0 - 0.12 * closure)
    upper = upper + (lower - upper) * closure
    return base + upper, base + lower


@njit(cache=True)
def eye_local(x: float, y: float, look: Look) -> tuple[float, float, int]:
    """Position in the nearer eye: t in [-1 inner, 1 outer], height in cm, eye number 0 or 1."""
    if x < 0.0:
        return (-x - look.eye_x) / look.eye_half, y - look.eye_y, 0
    return (x - look.eye_x) / look.eye_half, y - look.eye_y, 1


@njit(cache=True)
def eye_gap(x: float, y: float, look: Look, lids: np.ndarray) -> float:
    """Distance (cm, positive inside) to the edge of the opening between the lids.

    `lids` is (2, 3): closure in [0, 1], gaze to the right and up (radians) of the two eyes.
    """
    t, h, eye = eye_local(x, y, look)
    if t <= -1.0 or t >= 1.0:
        return -1.0
    upper, lower = lid_curves(t, look, lids[eye, 0])
    return min(upper - h, h - lower)


@njit(cache=True)
def lip_curves(x: float, look: Look) -> tuple[float, float, float]:
    """Rest height of the upper contour, the seam and the lower contour of the lips at `x`."""
    u = abs(x) / look.mouth_half
    seam = look.mouth_y + look.corner * min(u * u, 1.3) - 0.05 * math.exp(-((x / 0.45) ** 2)) + 0.03
    if u >= 1.0:
        return seam, seam, seam
    body = 1.0 - u * u
    bow = look.cupid * math.exp(-((x / 0.33) ** 2))
    upper = look.lip_up * (body**0.85 * (1.0 - 0.18 * u) - bow)
    lower = look.lip_low * body**0.75
    return seam + upper, seam, seam - lower


@njit(cache=True)
def brow_centre(s: float, look: Look) -> float:
    """Rest height of the brow's middle line at s in [0 inner, 1 outer]."""
    arch = look.brow_arch * (1.0 - ((s - 0.62) / 0.62) ** 2)
    tail = -0.28 * max(0.0, s - 0.68) / 0.32
    return look.brow_y + arch + look.brow_tilt * (s - 0.5) + tail


@njit(cache=True)
def brow_cover(x: float, y: float, look: Look, detail: float) -> float:
    """How much of the skin at (x, y) the brow's hairs hide, in [0, 1].

    `detail` in [0, 1] fades the single hairs out where a pixel is too large for them.
    """
    ax = abs(x)
    s = (ax - look.brow_in) / (look.brow_out - look.brow_in)
    if s < -0.12 or s > 1.12:
        return 0.0
    mid = brow_centre(s, look)
    width = look.brow_thick * (0.86 + 0.3 * s - 0.95 * s * s * s)
    if width < 0.03:
        width = 0.03
    d = (y - mid) / width
    if abs(d) > 2.0:
        return 0.0
    # Hairs lean up at the inner end and lie along the brow further out.
    lean = 1.5 * (1.0 - s) - 0.35
    across = (ax - lean * (y - mid)) * 9.0 + d * 1.5 * s
    hairs = noise2(across * 1.3, (y - mid) * 3.0 + ax * (2.0 + 5.0 * s), look.seed + 11)
    fine = noise2(across * 2.6, (y - mid) * 5.0 + ax * 4.0, look.seed + 12)
    ragged = d + 0.55 * detail * (hairs - 0.5)
    body = smoothstep(1.15, 0.35, abs(ragged))
    ends = smoothstep(-0.1, 0.14, s) * smoothstep(1.1, 0.82, s)
    texture = 1.0 - detail * 0.62 * smoothstep(0.35, 0.75, 0.55 * hairs + 0.45 * fine)
    return clamp01(body * ends * texture * look.brow_density)


@njit(cache=True)
def strand_coords(x: float, y: float, z: float, look: Look) -> tuple[float, float]:
    """(across, along) of the strand through a point of the hair: both in cm, roughly."""
    px, py, pz = look.pole_x, look.pole_y, look.pole_z
    # Origin above the ears; hair that hangs below it is combed straight down.
    qy = y - 1.5 if y > 1.5 else 0.35 * (y - 1.5)
    length = math.sqrt(x * x + qy * qy + z * z) + 1e-9
    ux, uy, uz = x / length, qy / length, z / length
    cosine = ux * px + uy * py + uz * pz
    # Two axes across the pole; the angle jumps at the nape or over the face, where none looks.
    dot = 2.0 * py * pz
    bx, by, bz = -px * dot, pz - py * dot, py - pz * dot
    size = math.sqrt(bx * bx + by * by + bz * bz)
    bx, by, bz = bx / size, by / size, bz / size
    cx = py * bz - pz * by
    cy = pz * bx - px * bz
    cz = px * by - py * bx
    turn = math.atan2(ux * cx + uy * cy + uz * cz, ux * bx + uy * by + uz * bz)
    along = math.acos(max(-1.0, min(1.0, cosine))) * 8.0
    if y < 1.5:
        along += 1.5 - y
    turn += look.hair_wave * math.sin(along * 1.1 + 3.0 * noise2(turn * 3.0, along * 0.15, 5))
    return turn * 8.0, along


@njit(cache=True)
def hair_is_open(x: float, y: float, z: float, edge: float, level: float, look: Look) -> bool:
    """Whether a point of a hair shell is air: outside the hairline or between strands.

    `edge` is the distance (cm) inside the hairline, `level` the shell: 0 scalp, 1 outermost.
    """
    if edge < -1.2:
        return True
    across, along = strand_coords(x, y, z, look)
    if look.hair_curl > 0.5:
        k = look.hair_curl
        n = 0.6 * noise3(x * 2.2 * k, y * 2.2 * k, z * 2.2 * k, look.seed + 3)
        n += 0.4 * noise3(x * 5.0 * k, y * 5.0 * k, z * 5.0 * k, look.seed + 4)
        wisp = n
    else:
        mid = noise2(across * 5.5, along * 0.45, look.seed + 4)
        n = 0.55 * noise2(across * 2.0, along * 0.22, look.seed + 3) + 0.45 * mid
        wisp = 0.4 * mid + 0.6 * noise2(across * 13.0, along * 0.6, look.seed + 5)
    inside = edge + look.hair_jag * (n - 0.5) * 1.6
    if inside < 0.0:
        return True
    # Single strands first, closed hair a centimetre further in.
    if wisp < 0.72 * (1.0 - inside / (0.7 + 0.5 * level)):
        return True
    threshold = 0.31 * level * (1.0 + 0.4 * level) / look.hair_density
    return n < threshold - 0.02


@njit(cache=True)
def beard_is_open(x: float, y: float, z: float, area: float, level: float, look: Look) -> bool:
    """Whether a point of a beard's shell is air; `area` as in `skin.beard_area`."""
    n = 0.5 * noise2(x * 4.5 + 0.4 * y, y * 1.5 + 0.8 * z, look.seed + 42)
    n += 0.5 * noise2(x * 9.0 + z, y * 2.5 + z, look.seed + 43)
    # Ragged where it ends: single hairs before closed ones.
    if area < 0.75 * n * (0.4 + 0.6 * level):
        return True
    return n < 0.42 * level * level
