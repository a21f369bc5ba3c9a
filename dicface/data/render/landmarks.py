"""The 68 landmarks as points of the head's mesh (iBUG order).

Eyes, nose, mouth and brows are fixed material points (the lids' ones slide with the lids). The
17 jaw points follow the convention of detectors: on the far side of a turned head they lie on the
visible outline, on the near side on the jaw's edge.
"""

import numpy as np

from dicface.data.render.features import Look, brow_centre, lid_curves, lip_curves
from dicface.data.render.head import HeadMesh, columns, locate, skull
from dicface.data.render.identity import Identity

EYES, NOSE, MOUTH = slice(36, 48), slice(27, 36), slice(48, 68)
_JAW_LEVELS = np.array([0.6, -1.5, -4.0, -6.7, -8.9, -10.5, -11.15, -11.3])
_JAW_TURN = np.array([1.30, 1.30, 1.30, 1.28, 1.14, 0.86, 0.54, 0.26])


def _static(look: Look) -> tuple[np.ndarray, np.ndarray]:
    """Front-view positions (39, 2) of points 17–35 and 48–67, and which lie on the lower lip."""
    points, lower = [], []
    for s in (0.98, 0.74, 0.5, 0.26, 0.04):
        x = look.brow_in + (look.brow_out - look.brow_in) * s
        points.append((-x, brow_centre(s, look) + 0.02))
    points += [(-x, y) for x, y in points[::-1]]
    tip = look.nose_tip
    for f in (0.0, 0.34, 0.68, 1.0):
        points.append((0.0, 0.05 + (tip - 0.05) * f))
    base = look.nose_base
    for fx, dy in ((-0.80, 0.12), (-0.42, -0.04), (0.0, -0.12), (0.42, -0.04), (0.80, 0.12)):
        points.append((look.nose_half * fx, base + dy))
    lower += [False] * len(points)
    half = look.mouth_half
    eps = 1e-4
    for f in (-0.985, -0.58, -0.20, 0.0, 0.20, 0.58, 0.985):
        points.append((half * f, lip_curves(half * f, look)[0 if abs(f) < 0.9 else 1] + eps))
        lower.append(False)
    for f in (0.58, 0.24, 0.0, -0.24, -0.58):
        points.append((half * f, lip_curves(half * f, look)[2]))
        lower.append(True)
    for f in (-0.86, -0.28, 0.0, 0.28, 0.86):
        points.append((half * f, lip_curves(half * f, look)[1] + 0.02))
        lower.append(False)
    for f in (0.28, 0.0, -0.28):
        points.append((half * f, lip_curves(half * f, look)[1] - 0.02))
        lower.append(True)
    return np.array(points), np.array(lower)


def lid_points(look: Look, lids: np.ndarray) -> np.ndarray:
    """Front-view positions (12, 2) of the eye points 36–47 under `lids` (2, 3)."""
    out = np.empty((12, 2))
    for eye, sign in ((0, -1.0), (1, 1.0)):
        closure = float(lids[eye, 0])
        place = []
        # Outer corner, upper outer, upper inner, inner corner, lower inner, lower outer.
        for t, side in ((0.97, 0), (0.36, 0), (-0.36, 0), (-0.97, 0), (-0.36, 1), (0.36, 1)):
            h = lid_curves(t, look, closure)[side]
            place.append((sign * (look.eye_x + t * look.eye_half), look.eye_y + h))
        if eye == 1:
            place = [place[i] for i in (3, 2, 1, 0, 5, 4)]
        out[eye * 6 : eye * 6 + 6] = place
    return out


class Tracker:
    """Landmarks of one person's head, frame by frame."""

    def __init__(self, person: Identity, head: HeadMesh) -> None:
        """Find the material points of `person` on `head`."""
        self._look = person.look
        self._head = head
        query, lower = _static(person.look)
        found = np.empty(len(query), np.int64)
        weights = np.empty((len(query), 3))
        in_lower = head.lower[head.tris].any(axis=1)
        for flag in (False, True):
            usable = head.front & (in_lower == flag)
            found[lower == flag], weights[lower == flag] = locate(
                head.rest, head.tris, usable, query[lower == flag]
            )
        self._corners, self._weights = head.tris[found], weights
        eye = (
            head.front
            & (np.abs(head.rest[head.tris[:, 0], 1]) < 2.0)
            & (np.abs(head.rest[head.tris[:, 0], 0]) < 6.0)
        )
        self._eye_tris = head.tris[eye]
        self._all = np.ones(len(self._eye_tris), bool)
        self._jaw = self._jaw_candidates(person)

    def _jaw_candidates(self, person: Identity) -> np.ndarray:
        """Vertex numbers (17, K) among which each frame picks the outermost one."""
        theta = columns()
        stretch = person.shape.chin_length
        levels = np.where(
            _JAW_LEVELS < -6, -6 + (_JAW_LEVELS + 6) * (5.4 + stretch) / 5.4, _JAW_LEVELS
        )
        spread = np.linspace(-0.32, 0.12, 9)
        rest, count = self._head.rest, len(theta)
        grid = rest[: len(rest) // count * count].reshape(-1, count, 3)
        n = np.arange(17)
        step, side = np.minimum(n, 16 - n), np.where(n < 8, -1.0, 1.0)
        width = np.where(step < 6, 1.0, 0.3)
        step = np.minimum(step, 7)
        turn = side[:, None] * (_JAW_TURN[step][:, None] + spread * width[:, None])
        column = np.abs(theta - turn[..., None]).argmin(axis=-1)
        level = np.broadcast_to(levels[step][:, None], column.shape)
        target = skull(person, theta[column], level)
        off = np.abs(grid[:, column] - target)
        rows = (off[..., 1] + 0.5 * off[..., 2]).argmin(axis=0) * count + column
        target = skull(person, np.zeros(1), np.array([-11.0 - stretch]))[0]
        middle = count // 2
        line = grid[:, middle]
        rows[8] = int(np.argmin(np.abs(line - target).sum(axis=1))) * count + middle
        return rows

    def points(self, posed: np.ndarray, lids: np.ndarray, outline_x: np.ndarray) -> np.ndarray:
        """The 68 points (68, 3) on the moved head.

        Args:
            posed: (N, 3) the head's vertices in view space.
            lids: (2, 3) of the frame.
            outline_x: (N,) horizontal image position of the vertices, for the jaw's outline.
        """
        out = np.empty((68, 3))
        fixed = (posed[self._corners] * self._weights[..., None]).sum(axis=1)
        out[17:36] = fixed[:19]
        out[48:68] = fixed[19:]
        found, weights = locate(
            self._head.rest, self._eye_tris, self._all, lid_points(self._look, lids)
        )
        out[36:48] = (posed[self._eye_tris[found]] * weights[..., None]).sum(axis=1)
        for n in range(17):
            choice = self._jaw[n]
            if n < 8:
                best = choice[np.argmin(outline_x[choice])]
            else:
                best = choice[np.argmax(outline_x[choice])]
            out[n] = posed[best]
        return out
