"""The head's surface: a sculpted grid, how speech and smile move it, and points on it.

The head is a stack of rounded slices (front view in cm, origin between the eyes, z towards the
viewer). The slices tilt along the jaw. Two grids meet at the seam of the lips, so that the mouth
opens as a real gap.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter

from dicface.data.render.features import eye_local, lip_curves
from dicface.data.render.identity import Identity

BLENDS = ("jaw", "smile", "round", "brows", "upper_lip")
TOP, BOTTOM = 11.1, -11.4
_CRANIUM = 3.0

# Front-line height y: half width, front depth, roundness, slope of the slice, centre depth, back.
_SLICES = np.array(
    [
        [12.0, 7.70, 9.20, 2.10, 0.00, -0.3, -10.2],
        [6.0, 7.75, 9.30, 2.15, 0.00, -0.2, -10.2],
        [3.0, 7.60, 9.35, 2.25, 0.00, 0.0, -10.0],
        [1.0, 7.30, 9.20, 2.20, 0.00, 0.2, -9.6],
        [-1.0, 7.05, 8.95, 2.12, 0.02, 0.4, -9.0],
        [-3.0, 6.80, 8.95, 2.05, 0.08, 0.6, -8.0],
        [-5.0, 6.45, 9.20, 2.00, 0.20, 0.9, -5.5],
        [-6.6, 6.25, 9.30, 2.00, 0.28, 1.1, -3.0],
        [-8.5, 5.85, 9.05, 1.94, 0.37, 1.3, -1.5],
        [-10.0, 5.28, 9.10, 1.86, 0.45, 1.5, -1.0],
        [-10.9, 4.65, 8.75, 1.80, 0.50, 1.6, -1.0],
        [-11.4, 4.10, 8.15, 1.78, 0.52, 1.6, -1.0],
    ]
)


def _smooth_max(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    h = np.clip(0.5 + 0.5 * (a - b) / k, 0.0, 1.0)
    return b + (a - b) * h + k * h * (1.0 - h)


def _step(a: float, b: float, x: np.ndarray) -> np.ndarray:
    t = np.clip((x - a) / (b - a), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _bump(x: np.ndarray, y: np.ndarray, cx: float, cy: float, sx: float, sy: float) -> np.ndarray:
    return np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)


def columns() -> np.ndarray:
    """Angles (radians) of the grid's columns around the head, dense in front."""
    half = np.concatenate(
        [
            np.linspace(0.0, 0.36, 46),
            np.linspace(0.36, 0.86, 36)[1:],
            np.linspace(0.86, 1.8, 34)[1:],
            np.linspace(1.8, np.pi, 22)[1:],
        ]
    )
    return np.concatenate([-half[:0:-1], half])


def skull(person: Identity, theta: np.ndarray, level: np.ndarray, extra: float = 0.0,
          lift: float = 0.0) -> np.ndarray:
    """Smooth head without features.

    Args:
        person: whose proportions.
        theta: angles around the head, 0 in front; any shape.
        level: front-line height of the slice (cm), same shape.
        extra: added thickness (cm) all around; `lift`: added at the crown.

    Returns:
        Points (…, 3) in cm.
    """
    s = person.shape
    knots = PchipInterpolator(_SLICES[::-1, 0], _SLICES[::-1, 1:], axis=0)
    # Identity: chin length stretches the lower face, height the cranium.
    source = np.where(level < -6.0, -6.0 + (level + 6.0) * 5.4 / (5.4 + s.chin_length), level)
    width, front, round_, slope, centre, back = np.moveaxis(knots(np.maximum(source, BOTTOM)), -1, 0)
    low = _step(-2.0, -8.0, source)
    width = width * s.width * (1.0 + (s.jaw - 1.0) * low)
    width = width + 0.10 * (s.cheekbone - 1.0) * np.exp(-(((source + 1.5) / 2.0) ** 2)) * 3.0
    top = TOP * s.height + lift
    q = np.clip((level - _CRANIUM) / (top - _CRANIUM), 0.0, 1.0)
    cap = np.maximum(1.0 - q**2.35, 0.0) ** (1 / 2.1)
    front = -0.3 + (front + 0.3 + extra) * cap
    back = -0.3 + (back + 0.3 - extra) * cap
    width = (width + extra) * cap
    centre = -0.3 + (centre + 0.3) * cap
    sine, cosine = np.sin(theta), np.cos(theta)
    reach = np.where(cosine > 0, front - centre, centre - back)
    n = np.where(cosine > 0, round_, 2.2)
    radius = (
        (np.abs(sine) / np.maximum(width, 1e-6)) ** n
        + (np.abs(cosine) / np.maximum(reach, 1e-6)) ** n
    ) ** (-1.0 / n)
    x = radius * sine
    z = centre + radius * cosine
    y = level + slope * (front - z)
    return np.stack([x, y, z], axis=-1)


def _nose(person: Identity, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Depth with the nose on it."""
    s, look = person.shape, person.look
    tip_y, base_y = look.nose_tip, look.nose_base
    root = 8.95 + 0.45 * s.nose_bridge
    tip = 9.35 + 2.15 * s.nose_out
    f = np.minimum((0.3 - y) / (0.3 - tip_y), 1.3)
    line = root + (tip - 0.25 - root) * np.where(f > 0, np.maximum(f, 0) ** 1.12, f * 0.3)
    line = line + s.nose_hump * np.exp(-(((f - 0.4) / 0.22) ** 2))
    width = (0.92 + 0.36 * np.clip(f, 0, 1)) * s.nose_width
    below = np.maximum(tip_y - 0.10 - y, 0.0) / 0.5
    above = np.maximum(-f, 0.0)
    line = line - 1.9 * below**2 - 1.2 * above - 1.6 * above**2
    # Height over the cheeks, rounded where it meets them.
    rise = line - z
    rise = 0.5 * (rise + np.sqrt(rise**2 + 0.05)) - 0.5 * np.sqrt(0.05)
    out = z + np.maximum(rise, 0.0) * np.exp(-((np.abs(x) / width) ** 2.2))
    # Ball of the tip; steeper below than above.
    dy = y - (tip_y - 0.05 + 0.5 * s.nose_up * 0.3)
    ry = np.where(dy < 0, 0.86, 1.25)
    ball = tip - 1.15 * (x / (1.02 * s.nose_width)) ** 2 - 1.25 * (dy / ry) ** 2
    out = _smooth_max(ball, out, 0.45)
    # Wings.
    wing_x = look.nose_half - 0.42
    dx, dy = np.abs(x) - wing_x, y - (base_y + 0.42)
    wing = tip - 1.08 - 1.1 * (dx / 0.62) ** 2 - 1.0 * (dy / np.where(dy < 0, 0.50, 0.80)) ** 2
    out = _smooth_max(wing, out, 0.40)
    # Columella between the nostrils, nostrils as dents beneath.
    column = tip - 0.65 - 4.0 * (x / 0.62) ** 2 - 1.0 * ((y - (base_y + 0.25)) / 0.42) ** 2
    out = _smooth_max(column, out, 0.25)
    hole = np.exp(-(((np.abs(x) - 0.66) / 0.32) ** 2) - ((y - base_y - 0.12) / 0.20) ** 2)
    groove = np.exp(-(((np.abs(x) - look.nose_half - 0.12) / 0.22) ** 2)
                    - ((y - base_y - 0.45) / 0.6) ** 2)
    return out - 0.42 * hole - 0.12 * groove


def _lips(person: Identity, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    s, look = person.shape, person.look
    curves = _lip_table(np.ascontiguousarray(x.ravel()), look).reshape(*x.shape, 3)
    upper, seam, lower = curves[..., 0], curves[..., 1], curves[..., 2]
    u = np.abs(x) / look.mouth_half
    fade = np.clip(1.08 - u**3, 0.0, 1.0) * (u < 1.2)
    up = np.clip((y - seam) / np.maximum(upper - seam, 0.12), -1.0, 3.0)
    down = np.clip((seam - y) / np.maximum(seam - lower, 0.12), -1.0, 3.0)
    upper_body = np.where(up < 0, 0.0, np.exp(-(((up - 0.55) / 0.75) ** 2)))
    lower_body = np.where(down < 0, 0.0, np.exp(-(((down - 0.5) / 0.62) ** 2)))
    out = z + fade * s.lip_out * (0.30 * upper_body + 0.40 * lower_body)
    seam_dent = np.exp(-(((y - seam) / 0.13) ** 2)) * (u < 1.15) * np.clip(1.25 - u, 0, 1)
    corner = _bump(np.abs(x), y, look.mouth_half + 0.12, look.mouth_y + look.corner, 0.3, 0.32)
    rim = np.exp(-((np.where(up > 0, up - 1.12, 9.0) / 0.16) ** 2)) * fade
    return out - 0.20 * seam_dent - 0.20 * corner + 0.05 * rim


def sculpt(person: Identity, points: np.ndarray) -> np.ndarray:
    """Depth z (…,) of the featured face over smooth points (…, 3)."""
    s, look = person.shape, person.look
    x, y, z0 = points[..., 0], points[..., 1], points[..., 2]
    ax = np.abs(x)
    z = z0.copy()
    z += 0.34 * s.brow_ridge * _bump(ax, y, 2.7, 1.75, 1.9, 0.75)
    z += 0.18 * _bump(x, y, 0.0, 1.7, 1.3, 0.9)
    z -= (0.78 + s.eye_depth) * _bump(ax, y, look.eye_x - 0.1, 0.25, 1.75, 0.95)
    z -= 0.62 * _bump(ax, y, 1.5, 0.15, 0.62, 0.8)
    z -= 0.30 * _bump(ax, y, 6.3, 2.2, 1.3, 2.0)
    z += 0.34 * s.cheekbone * _bump(ax, y, 4.7, -1.9, 1.5, 1.2)
    z += (0.26 + 0.16 * s.cheek_fat) * _bump(ax, y, 3.3, -3.4, 1.5, 1.4)
    z += (0.20 * s.cheek_fat - 0.05) * _bump(ax, y, 4.6, -5.6, 1.4, 1.6)
    z -= 0.16 * _bump(ax, y, 2.3, -1.2, 1.2, 0.55)
    z += 0.38 * _bump(x, y, 0.0, -6.2, 2.6, 1.7)
    z = _nose(person, x, y, z)
    z -= 0.10 * _bump(x, y, 0.0, look.nose_base - 0.75, 0.24, 0.5)
    z += 0.05 * _bump(ax, y, 0.42, look.nose_base - 0.8, 0.2, 0.5)
    z = _lips(person, x, y, z)
    chin_y = -10.0 - 0.6 * s.chin_length
    z -= 0.36 * _bump(x, y, 0.0, look.mouth_y - look.lip_low - 0.62, 1.7, 0.42)
    z += 0.40 * s.chin * _bump(x, y, 0.0, chin_y, 1.35, 0.85)
    # Fold from the nose wing to the mouth's corner, deeper with age.
    f = np.clip((look.nose_base + 0.3 - y) / 3.0, -0.2, 1.2)
    fold = ax - (look.nose_half + 0.25 + 1.45 * np.maximum(f, 0.0) ** 0.9)
    z -= (0.05 + 0.10 * look.age) * np.exp(-((fold / 0.24) ** 2)) * _step(-0.1, 0.2, f) * _step(
        1.2, 0.6, f)
    z = _lids(person, x, y, z)
    return z0 + (z - z0) * _step(1.0, 4.0, z0)


def lid_surface(person: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Depth of the outside of the closed lids over the eyeball."""
    look = person.look
    dx, dy = np.abs(x) - look.eye_x, y - look.eye_y
    return 8.12 - dx**2 / (2 * 1.75) - dy**2 / (2 * 1.22) - 0.06 * dx


def _lids(person: Identity, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    look = person.look
    dx, dy = np.abs(x) - look.eye_x, y - look.eye_y
    lid = lid_surface(person, x, y)
    near = np.exp(-((dx / 1.9) ** 6) - ((dy / 1.1) ** 6))
    out = np.where(near > 1e-3, z + (_smooth_max(lid, z, 0.22) - z) * near, z)
    # Sharp edge of the socket over the lid: the crease.
    t = dx / look.eye_half
    arc = look.lid_up * np.maximum(1 - t * t, 0.0) ** 0.5 + look.crease + look.eye_tilt * t
    crease = np.exp(-(((dy - arc) / 0.13) ** 2)) * np.exp(-((t / 0.95) ** 6))
    bag_y = -look.lid_low - 0.42 - 0.25 * (1 - t * t)
    bag = np.exp(-(((dy - bag_y) / 0.22) ** 2)) * np.exp(-((t / 0.9) ** 4))
    return out - 0.07 * crease - (0.03 + 0.07 * look.age) * bag


@njit(cache=True)
def _lip_table(x: np.ndarray, look) -> np.ndarray:  # noqa: ANN001 - a Look, typed by numba
    out = np.empty((x.shape[0], 3))
    for n in range(x.shape[0]):
        out[n, 0], out[n, 1], out[n, 2] = lip_curves(x[n], look)
    return out


@dataclass(frozen=True)
class HeadMesh:
    """The head at rest and how it moves.

    Attributes:
        rest: (N, 3) points, cm.
        moves: (5, N, 3) displacement at full `BLENDS`.
        tris: (M, 3) vertex numbers.
        hollow: (N,) how sunken a point lies, 0 (open) to 1.
        lower: (N,) True for the lower lip's side of the seam.
        front: (M,) True for triangles a landmark may lie on.
    """

    rest: np.ndarray
    moves: np.ndarray
    tris: np.ndarray
    hollow: np.ndarray
    lower: np.ndarray
    front: np.ndarray


def blends(person: Identity, p: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Displacements (5, N, 3) of points `p` (N, 3) at full jaw (1 cm), smile, round, brows, lip."""
    look = person.look
    x, y, z = p[:, 0], p[:, 1], p[:, 2]
    ax = np.abs(x)
    half = look.mouth_half
    seam = look.mouth_y + look.corner * np.minimum(ax / half, 1.0) ** 2
    gap = np.maximum(1.0 - (ax / half) ** 2, 0.0) ** 0.8
    out = np.zeros((5, len(p), 3))
    ramp = _step(-4.4, -9.2, y)
    swing = np.clip((z + 0.5) / 9.5, 0.0, 1.05)
    drop = np.where(lower, ramp + (1 - ramp) * gap, ramp * (1 - gap)) * swing
    out[0, :, 1] = -drop
    out[0, :, 2] = -0.28 * drop
    near = np.exp(-(((ax - half) / 1.15) ** 2) - ((y - look.mouth_y) / 1.2) ** 2)
    cheek = _bump(ax, y, 3.7, -3.6, 1.3, 1.0)
    flat = np.exp(-((x / half) ** 2) - ((y - seam) / 0.9) ** 2)
    out[1, :, 0] = np.sign(x) * (0.50 * near * np.minimum(ax / 0.8, 1.0) + 0.1 * cheek)
    out[1, :, 1] = 0.46 * near + 0.22 * cheek - 0.05 * flat
    out[1, :, 2] = -0.30 * near + 0.22 * cheek - 0.12 * flat
    ring = np.exp(-((x / 3.0) ** 2) - ((y - look.mouth_y) / 1.6) ** 2)
    out[2, :, 0] = -0.30 * x * ring
    out[2, :, 1] = 0.12 * (y - seam) * ring
    out[2, :, 2] = 0.42 * np.exp(-((x / 2.0) ** 2) - ((y - look.mouth_y) / 1.3) ** 2)
    out[3, :, 1] = 0.34 * _bump(ax, y, 2.9, 2.4, 2.4, 1.4)
    out[4, :, 1] = np.where(lower, 0.0, 0.22 * gap * np.exp(-(((y - seam) / 1.0) ** 2)))
    front = _step(0.5, 3.0, z)
    out[1:] *= front[None, :, None]
    return out


def build_head(person: Identity) -> HeadMesh:
    """Sculpt the head of `person` and lay out its two grids."""
    look = person.look
    bottom = BOTTOM - person.shape.chin_length
    top = TOP * person.shape.height
    theta = columns()
    seam_y = look.mouth_y
    crown = _CRANIUM + (top - _CRANIUM) * np.sin(np.linspace(np.pi / 2, 0.0, 30))
    upper_rows = np.concatenate(
        [
            crown,
            np.linspace(_CRANIUM, -2.4, 44)[1:],
            np.linspace(-2.4, -5.1, 34)[1:],
            np.linspace(-5.1, seam_y, 22)[1:],
        ]
    )
    lower_rows = np.concatenate(
        [np.linspace(seam_y, -8.8, 28), np.linspace(-8.8, bottom, 22)[1:], np.full(6, bottom)]
    )
    tops, lows = len(upper_rows), len(lower_rows)
    rows = np.concatenate([upper_rows, lower_rows])
    t, level = np.meshgrid(theta, rows)
    p = skull(person, t, level)
    # Bend the rows so that one follows the seam of the lips.
    near = _step(2.0, 1.15, np.abs(p[..., 0]) / look.mouth_half)
    front = _step(4.0, 6.0, p[..., 2]) * near * np.exp(-(((level - seam_y) / 1.1) ** 2))
    seam = _lip_table(np.ascontiguousarray(p[tops][:, 0]), look)[:, 1]
    at_seam = p[tops][:, 1]
    p[..., 1] += np.where(front > 0, (seam - at_seam)[None, :] * front, 0.0)
    # Close the underside towards the neck.
    for i, f in enumerate(np.linspace(0.93, 0.45, 6)):
        ring = p[tops + lows - 6 + i]
        ring[:, 0] *= f
        ring[:, 2] = 0.8 + (ring[:, 2] - 0.8) * f
        ring[:, 1] += 0.25 * (1 - f) - 0.02
    depth = sculpt(person, p)
    cut = tops + lows - 6
    p[:cut, :, 2] = depth[:cut]
    hollow = np.zeros(p.shape[:2])
    relief = p[..., 2] - skull(person, t, level)[..., 2]
    for sigma, gain in ((3.0, 1.6), (8.0, 0.55)):
        for part in (slice(0, tops), slice(tops, cut)):
            blurred = gaussian_filter(relief[part], sigma, mode="nearest")
            hollow[part] += gain * np.maximum(blurred - relief[part], 0.0)
    hollow = gaussian_filter(np.clip(hollow, 0.0, 1.0), 0.8)
    return _weave(person, p, hollow, tops, cut)


def _weave(person: Identity, p: np.ndarray, hollow: np.ndarray, tops: int, cut: int) -> HeadMesh:
    """Join the grids outside the mouth, tuck the lips inwards, list the triangles."""
    rows, cols = p.shape[:2]
    number = np.arange(rows * cols).reshape(rows, cols)
    x = p[tops, :, 0]
    inside = (np.abs(x) < person.look.mouth_half) & (p[tops, :, 2] > 3.0)
    number[tops, ~inside] = number[tops - 1, ~inside]
    points = [p.reshape(-1, 3)]
    sunk = [hollow.ravel()]
    lower = np.zeros((rows, cols), bool)
    lower[tops:] = True
    sides = [lower.ravel()]

    def quads(a: np.ndarray) -> np.ndarray:
        i, j, k, m = a[:-1, :-1].ravel(), a[1:, :-1].ravel(), a[1:, 1:].ravel(), a[:-1, 1:].ravel()
        return np.concatenate([np.stack([i, j, k], 1), np.stack([i, k, m], 1)])

    tris = [quads(number[:tops]), quads(number[tops:])]
    front = [np.repeat(True, len(t)) for t in tris]
    mouth = np.flatnonzero(inside)
    mouth = np.concatenate([[mouth[0] - 1], mouth, [mouth[-1] + 1]])
    count = rows * cols
    for row, sign in ((tops - 1, -1.0), (tops, 1.0)):
        ids = [number[row, mouth]]
        edge = p[row, mouth]
        for depth, turn in ((0.10, 0.03), (0.28, 0.02), (0.60, -0.10)):
            points.append(edge + np.array([0.0, sign * turn, -depth]))
            sunk.append(np.full(len(mouth), 0.25 + depth))
            sides.append(np.full(len(mouth), row == tops))
            ids.append(np.arange(count, count + len(mouth)))
            count += len(mouth)
        strip = np.stack(ids if sign < 0 else ids[::-1])
        tris.append(quads(strip))
        front.append(np.repeat(False, len(tris[-1])))
    rest = np.concatenate(points)
    side = np.concatenate(sides)
    all_tris = np.concatenate(tris)
    on_front = np.concatenate(front) & (rest[all_tris[:, 0], 2] > 2.0) & (
        all_tris.max(axis=1) < cut * cols)
    moves = blends(person, rest, side)
    # The tucked rows and the shared seam move with the lip they belong to.
    start = rows * cols
    for row in (tops - 1, tops):
        for _ in range(3):
            moves[:, start : start + len(mouth)] = moves[:, number[row, mouth]]
            start += len(mouth)
    return HeadMesh(rest, moves, all_tris.astype(np.int32), np.concatenate(sunk), side, on_front)


@njit(cache=True)
def locate(
    rest: np.ndarray, tris: np.ndarray, usable: np.ndarray, query: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Triangle and weights (Q, 3) of front-view positions `query` (Q, 2); -1 where none."""
    count = query.shape[0]
    found = np.full(count, -1, np.int64)
    weights = np.zeros((count, 3))
    for m in range(tris.shape[0]):
        if not usable[m]:
            continue
        i, j, k = tris[m, 0], tris[m, 1], tris[m, 2]
        x0, y0 = rest[i, 0], rest[i, 1]
        x1, y1 = rest[j, 0], rest[j, 1]
        x2, y2 = rest[k, 0], rest[k, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-14:
            continue
        low_x, high_x = min(x0, x1, x2), max(x0, x1, x2)
        low_y, high_y = min(y0, y1, y2), max(y0, y1, y2)
        for q in range(count):
            px, py = query[q, 0], query[q, 1]
            if px < low_x or px > high_x or py < low_y or py > high_y or found[q] >= 0:
                continue
            b1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) / area
            b2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) / area
            if b1 < -1e-7 or b2 < -1e-7 or b1 + b2 > 1.0 + 1e-7:
                continue
            found[q] = m
            weights[q, 0] = 1.0 - b1 - b2
            weights[q, 1] = b1
            weights[q, 2] = b2
    return found, weights
