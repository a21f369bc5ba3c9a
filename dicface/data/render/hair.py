"""Hair as nested shells with holes between the strands, and beards of the same make."""

import numpy as np

from dicface.data.render.features import BEARD, HAIR
from dicface.data.render.head import TOP, HeadMesh, skull
from dicface.data.render.identity import Identity
from dicface.data.render.mesh import Part, part
from dicface.data.render.skin import beard_areas

_LEVELS = {"afro": (0.5, 0.72, 0.87, 1.0), "cloud": (0.5, 0.72, 0.87, 1.0)}
_SHORT = ("buzz", "shaved")


def _hairline(person: Identity, theta: np.ndarray) -> np.ndarray:
    """Height (cm) of the hair's border around the head."""
    h, style = person.hair, person.hair.style
    f = h.front_y
    turn = np.abs(theta)
    if style.parted:
        # Hair falls to both sides of the parting, like a curtain.
        turn = np.abs(theta - 0.11 * h.part * np.clip(1.5 - np.abs(theta), 0.0, 1.0))
    side = 1.6 - 0.9 * h.sideburn
    if style.falls and style.front is None:
        table = [(0, f + 0.9), (12, f + 0.45), (24, f - 0.3), (36, f - 1.4), (48, f - 3.0)]
        table += [(58, 1.6), (66, -0.5), (76, -1.3)]
    elif style.falls:
        table = [(0, f), (35, f - 0.2), (52, f - 0.7), (62, f - 2.0), (72, -1.0)]
    else:
        table = [(0, f - 0.15), (14, f), (30, f + 0.55 * h.recess), (42, f + 0.1 + 0.3 * h.recess)]
        table += [(52, f - 1.6), (60, min(f - 3.2, 3.4)), (66, 2.2), (72, side - 1.0)]
        table += [(78, side - 2.9)]
    table += [(82, -1.5 - h.sideburn), (86, 1.6), (96, 2.2), (110, 1.0), (120, -2.5)]
    table += [(138, -5.5), (181, -6.5)]
    knots = np.array(table)
    line = np.interp(turn, np.deg2rad(knots[:, 0]), knots[:, 1])
    return line + h.slant * theta * np.clip(1.4 - np.abs(theta), 0.0, 1.0)


def hair_edge(person: Identity, points: np.ndarray) -> np.ndarray:
    """Distance (cm) inside the hairline of points on the scalp (…, 3); negative on the face."""
    theta = np.arctan2(points[..., 0], points[..., 2])
    edge = points[..., 1] - _hairline(person, theta)
    if person.hair.name == "horseshoe":
        edge = np.minimum(edge, 6.2 + 1.2 * np.clip(-np.cos(theta), 0.0, 1.0) - points[..., 1])
        edge = np.minimum(edge, (np.abs(theta) - 0.95) * 7.0)
    return edge


def hat_edge(person: Identity, points: np.ndarray) -> np.ndarray:
    """Distance (cm) under the border of the hat of points (…, 3); large without a hat."""
    wear = person.wardrobe
    if wear.hat not in ("beanie", "cap"):
        return np.full(points.shape[:-1], 99.0)
    back = np.clip(0.5 - 0.5 * np.cos(np.arctan2(points[..., 0], points[..., 2])), 0.0, 1.0)
    return wear.hat_line - 3.5 * back - points[..., 1]


def _outward(base: np.ndarray) -> np.ndarray:
    """Unit directions (…, 3) away from the head."""
    lifted = np.maximum(base[..., 1] - 1.5, 0.0)
    out = np.stack([base[..., 0] / 7.6**2, lifted / 9.5**2, (base[..., 2] + 0.5) / 9.6**2], -1)
    return out / (np.linalg.norm(out, axis=-1, keepdims=True) + 1e-9)


def _thickness(person: Identity, base: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Thickness (cm) of the hair over the scalp points `base`."""
    h, style = person.hair, person.hair.style
    x, y, z = base[..., 0], base[..., 1], base[..., 2]
    blend = np.clip((y - 2.0) / 6.5, 0.0, 1.0)
    blend = blend * blend * (3 - 2 * blend)
    thick = h.side + (h.top - h.side) * blend
    if style.parted:
        valley = np.exp(-(((x - h.part) / 0.55) ** 2)) * (y > 5.5) * (z > -4.0)
        thick = thick * (1.0 - 0.5 * valley)
        thick = thick + 0.25 * h.top * blend * np.clip(-np.sign(h.part) * x / 5.0, -0.3, 1.0)
    if h.quiff > 0.0:
        thick = thick + h.quiff * np.exp(-(((z - 5.5) / 3.0) ** 2)) * blend
    fringe = style.front is not None
    taper = np.clip((edge + 0.1) / (0.9 if fringe else 2.2), 0.0, 1.0)
    thick = thick * (0.06 + 0.94 * taper**0.8)
    if fringe and style.falls:
        thick = np.maximum(thick, 0.35)
    if person.wardrobe.hat in ("beanie", "cap"):
        # A hat presses the hair flat down to a little below its border.
        under = np.clip(hat_edge(person, base), 0.0, 20.0)
        thick = np.minimum(thick, 0.45 + 0.35 * under)
    return thick


def hair(person: Identity) -> list[Part]:
    """Nested shells with strand holes (see `features.hair_is_open`)."""
    h, style = person.hair, person.hair.style
    if h.name == "bald" or person.wardrobe.hat == "scarf":
        return []
    t = np.concatenate(
        [
            np.linspace(-np.pi, -1.7, 20),
            np.linspace(-1.7, 1.7, 105)[1:-1],
            np.linspace(1.7, np.pi, 20),
        ]
    )
    top = TOP * person.shape.height
    crown = 3.0 + (top - 3.0) * np.sin(np.linspace(np.pi / 2, 0.0, 34))
    rows = np.concatenate([crown, np.arange(2.7, h.bottom if style.falls else -9.0, -0.3)])
    theta, level = np.meshgrid(t, rows)
    base = skull(person, theta, level)
    out = _outward(base)
    slope = np.gradient(_hairline(person, t), t) / 7.5
    edge = hair_edge(person, base) / np.sqrt(1.0 + slope**2)[None, :]
    if style.falls:
        opening = h.opening + 0.10 * np.clip((2.0 - level) / 8.0, 0.0, 1.0)
        edge = np.maximum(edge, (np.abs(theta) - opening) * 7.5)
        edge = np.minimum(edge, level - h.bottom)
    edge = np.minimum(edge, hat_edge(person, base) + 0.4)
    outer = base + out * _thickness(person, base, edge)[..., None]
    if style.falls:
        start = int(np.argmin(np.abs(rows - 1.2)))
        ring = outer[start]
        fall = rows[start:] - rows[start]
        long = h.bottom < -12.0
        swell = 0.16 if h.curl > 0.0 else 0.05 + 0.4 * h.wave
        for i, drop in zip(range(start, len(rows)), fall, strict=True):
            share = -drop / max(-fall[-1], 1e-6)
            scale = 1.0 + swell * np.sin(np.pi * share) - (0.0 if long else 0.13 * share**3)
            outer[i, :, 0] = ring[:, 0] * scale
            outer[i, :, 1] = rows[i]
            outer[i, :, 2] = ring[:, 2] * scale
            base[i] = outer[i] * np.array([0.90, 1.0, 0.90])
    levels = (0.45, 0.7, 0.87, 1.0) if h.curl > 0.0 else (0.35, 0.72, 0.88, 1.0)
    if h.name in _SHORT:
        levels = (0.3, 1.0)
    parts = []
    for share in _LEVELS.get(h.name, levels):
        grid = base + (outer - base) * share + out * 0.05
        extra = np.stack([edge, np.full(edge.shape, share if share > 0.35 else 0.0)], -1)
        parts.append(part(grid, extra, HAIR))
    return parts + _knots(person, top)


def _knots(person: Identity, top: float) -> list[Part]:
    """Balls of hair: a bun on top, at the nape, two of them, or a tail beside the neck."""
    side = 1.0 if person.hair.part > 0 else -1.0
    balls = {
        "bun": [((0.0, top + 0.9, -2.6), (2.4, 2.0, 2.4))],
        "low": [((0.0, -4.5, -9.5), (2.6, 2.3, 2.0))],
        "two": [((s * 5.4, top - 1.0, -1.5), (2.2, 2.1, 2.2)) for s in (-1.0, 1.0)],
        "tail": [((side * 6.6, -9.0, -4.2), (1.9, 9.5, 1.8)), ((0, 9.5, -7.5), (1.8, 1.8, 2.2))],
    }.get(person.hair.style.knot, [])
    if person.wardrobe.hat in ("beanie", "cap"):
        balls = [ball for ball in balls if ball[0][1] < 5.0]
    a, b = np.meshgrid(np.linspace(0, 2 * np.pi, 41), np.linspace(0.02, np.pi - 0.02, 25))
    ball = np.stack([np.cos(a) * np.sin(b), np.cos(b), np.sin(a) * np.sin(b)], -1)
    parts = []
    for place, radius in balls:
        for swell, level in ((0.94, 0.0), (1.0, 0.8)):
            grid = np.array(place) + ball * np.array(radius) * swell
            extra = np.stack([np.full(a.shape, 3.0), np.full(a.shape, level)], -1)
            parts.append(part(grid, extra, HAIR))
    return parts


def beard(person: Identity, head: HeadMesh, normals: np.ndarray) -> list[Part]:
    """Shells over the skin where a beard stands off; they move with the skin below.

    Args:
        person: whose beard.
        head: the skin.
        normals: (N, 3) of its points at rest.
    """
    size = person.beard
    if max(size.length, size.moustache) <= 0.0:
        return []
    cheeks, lip = beard_areas(np.ascontiguousarray(head.rest), person.look)
    full = np.clip(cheeks * 1.1, 0.0, 1.0) ** 1.2 * size.length
    full = np.maximum(full, np.clip(lip * 1.2, 0.0, 1.0) * size.moustache)
    area = np.maximum(cheeks * (size.length > 0.0), lip * (size.moustache > 0.0))
    used = (area[head.tris] > 0.04).all(axis=1) & (head.rest[head.tris[:, 0], 2] > -2.0)
    numbers, tris = np.unique(head.tris[used], return_inverse=True)
    tris = tris.reshape(-1, 3).astype(np.int32)
    if len(numbers) == 0:
        return []
    rest, thick = head.rest[numbers], full[numbers]
    low = np.clip((-8.3 - rest[:, 1]) / 2.5, 0.0, 1.0) * cheeks[numbers]
    parts = []
    for level in (0.40, 0.70, 1.0):
        points = rest + normals[numbers] * (thick * level + 0.03)[:, None]
        points[:, 1] -= size.hang * low * level
        coords = np.column_stack([rest, area[numbers], np.full(len(numbers), level)])
        coords[:, 1] = points[:, 1]
        moves = head.moves[:, numbers]
        parts.append(Part(points, tris, coords, BEARD, moves=moves))
    return parts
