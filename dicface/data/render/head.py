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

from dicface.data.render.identity import Identity
from dicface.data.render.sculpt import bump, lip_table, sculpt, step

BLENDS = ("jaw", "smile", "round", "brows", "upper_lip", "frown", "inner_up")
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
_PROFILE = PchipInterpolator(_SLICES[::-1, 0], _SLICES[::-1, 1:], axis=0)


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


def skull(
    person: Identity, theta: np.ndarray, level: np.ndarray, extra: float = 0.0, lift: float = 0.0
) -> np.ndarray:
    """Smooth head without features.

    Args:
        person: whose proportions.
        theta: angles around the head, 0 in front; any shape.
        level: front-line height of the slice (cm), same shape.
        extra: added thickness (cm) all around.
        lift: added height (cm) at the crown.

    Returns:
        Points (…, 3) in cm.
    """
    s = person.shape
    # Identity: chin length stretches the lower face, height the cranium.
    source = np.where(level < -6.0, -6.0 + (level + 6.0) * 5.4 / (5.4 + s.chin_length), level)
    profile = _PROFILE(np.maximum(source, BOTTOM))
    width, front, round_, slope, centre, back = np.moveaxis(profile, -1, 0)
    low = step(-2.0, -8.0, source)
    width = width * s.width * (1.0 + (s.jaw - 1.0) * low)
    width = width + 0.10 * (s.cheekbone - 1.0) * np.exp(-(((source + 1.5) / 2.0) ** 2)) * 3.0
    # Full or hollow cheeks, seen from the front.
    width = width + 0.30 * s.cheek_fat * np.exp(-(((source + 5.6) / 2.6) ** 2))
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


@dataclass(frozen=True)
class HeadMesh:
    """The head at rest and how it moves.

    Attributes:
        rest: (N, 3) points, cm.
        moves: (K, N, 3) displacement at full `BLENDS`.
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
    """Displacements (K, N, 3) of points `p` (N, 3) at full weights; see `BLENDS`."""
    look = person.look
    x, y, z = p[:, 0], p[:, 1], p[:, 2]
    ax = np.abs(x)
    half = look.mouth_half
    seam = look.mouth_y + look.corner * np.minimum(ax / half, 1.0) ** 2
    gap = np.maximum(1.0 - (ax / half) ** 2, 0.0) ** 0.8
    out = np.zeros((len(BLENDS), len(p), 3))
    ramp = step(-4.4, -9.2, y)
    swing = np.clip((z + 0.5) / 9.5, 0.0, 1.05)
    drop = np.where(lower, ramp + (1 - ramp) * gap, ramp * (1 - gap)) * swing
    out[0, :, 1] = -drop
    out[0, :, 2] = -0.28 * drop
    near = np.exp(-(((ax - half) / 1.15) ** 2) - ((y - look.mouth_y) / 1.2) ** 2)
    cheek = bump(ax, y, 3.7, -3.6, 1.3, 1.0)
    flat = np.exp(-((x / half) ** 2) - ((y - seam) / 0.9) ** 2)
    out[1, :, 0] = np.sign(x) * (0.50 * near * np.minimum(ax / 0.8, 1.0) + 0.1 * cheek)
    out[1, :, 1] = 0.46 * near + 0.22 * cheek - 0.05 * flat
    out[1, :, 2] = -0.30 * near + 0.22 * cheek - 0.12 * flat
    ring = np.exp(-((x / 3.0) ** 2) - ((y - look.mouth_y) / 1.6) ** 2)
    out[2, :, 0] = -0.30 * x * ring
    out[2, :, 1] = 0.12 * (y - seam) * ring
    out[2, :, 2] = 0.42 * np.exp(-((x / 2.0) ** 2) - ((y - look.mouth_y) / 1.3) ** 2)
    out[3, :, 1] = 0.34 * bump(ax, y, 2.9, 2.4, 2.4, 1.4)
    out[4, :, 1] = np.where(lower, 0.0, 0.22 * gap * np.exp(-(((y - seam) / 1.0) ** 2)))
    inner = bump(ax, y, 1.6, 1.9, 1.2, 1.1)
    out[5, :, 1] = -0.36 * inner
    out[5, :, 0] = -np.sign(x) * 0.22 * inner * np.minimum(ax / 0.6, 1.0)
    out[5, :, 2] = 0.12 * bump(ax, y, 0.8, 1.9, 0.7, 0.9)
    out[6, :, 1] = 0.40 * inner - 0.10 * bump(ax, y, 4.4, 2.0, 1.0, 1.0)
    front = step(0.5, 3.0, z)
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
    near = step(2.0, 1.15, np.abs(p[..., 0]) / look.mouth_half)
    front = step(4.0, 6.0, p[..., 2]) * near * np.exp(-(((level - seam_y) / 1.1) ** 2))
    seam = lip_table(np.ascontiguousarray(p[tops][:, 0]), look)[:, 1]
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
    on_front = (
        np.concatenate(front)
        & (rest[all_tris[:, 0], 2] > 2.0)
        & (all_tris.max(axis=1) < cut * cols)
    )
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
