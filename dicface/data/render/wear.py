"""Meshes of what a person wears: glasses with lenses, hats, earrings."""

import numpy as np

from dicface.data.render.features import FRAME, HAT, JEWEL, LENS
from dicface.data.render.hair import hat_edge
from dicface.data.render.head import TOP, HeadMesh, skull
from dicface.data.render.identity import Identity
from dicface.data.render.mesh import Part, part
from dicface.data.render.wardrobe import Glasses


def tube(path: np.ndarray, across: np.ndarray, away: np.ndarray, material: int) -> Part:
    """A tube around `path` (N, 3), whose section is spanned by `across` and `away` (N, 3)."""
    phi = np.linspace(0.0, 2.0 * np.pi, 9)
    grid = path[:, None] + across[:, None] * np.cos(phi)[:, None]
    grid = grid + away[:, None] * np.sin(phi)[:, None]
    return part(grid, None, material)


def _outline(glasses: Glasses, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rim of the right lens around its centre, x outwards, as functions of the angle `phi`."""
    c, s = np.cos(phi), np.sin(phi)
    n = glasses.power
    radius = (np.abs(c) ** n + np.abs(s) ** n) ** (-1.0 / n)
    x, y = glasses.half_w * radius * c, glasses.half_h * radius * s
    x = x + glasses.droop * np.clip(-s, 0.0, 1.0) * 0.5
    y = y + glasses.tilt * x * np.clip(0.5 + s, 0.0, 1.0)
    return x, y


def _plane(head: HeadMesh, x: np.ndarray, front: float) -> np.ndarray:
    return front - 0.030 * x**2


def glasses(person: Identity, head: HeadMesh) -> list[Part]:
    """Rims, bridge, temples and lenses (in that order); nothing without glasses."""
    g = person.wardrobe.glasses
    if g is None:
        return []
    centre_x = max(person.look.eye_x + 0.10, g.half_w + 0.75)
    centre_y = -0.15 - g.drop
    p = head.rest
    near = (np.abs(p[:, 1] - centre_y) < g.half_h) & (np.abs(p[:, 0]) < centre_x + g.half_w)
    clear = p[:, 2] + 0.030 * p[:, 0] ** 2
    brow = near & (np.abs(p[:, 0]) > 1.2)
    nose = (np.abs(p[:, 0]) < 0.7) & (np.abs(p[:, 1] - centre_y - 0.35 * g.half_h) < 0.2)
    front = float(max(clear[brow].max() + 0.18, p[nose, 2].max() + 0.10))
    phi = np.linspace(0.0, 2.0 * np.pi, 61)
    parts, lenses = [], []
    for side in (-1.0, 1.0):
        x, y = _outline(g, phi)
        x, y = side * (centre_x + x), centre_y + y
        path = np.stack([x, y, _plane(head, x, front)], -1)
        outward = np.stack([x - side * centre_x, y - centre_y, np.zeros_like(x)], -1)
        outward /= np.linalg.norm(outward, axis=-1, keepdims=True)
        if g.rim > 0.0:
            thick = np.where(np.sin(phi) > 0.05, g.brow, g.rim)[:, None]
            back = np.array([0.0, 0.0, 1.0]) * np.maximum(thick * 0.8, 0.08)
            parts.append(tube(path, outward * thick, back, FRAME))
        # From the hinge to the ear.
        hinge = np.array([side * (centre_x + g.half_w), centre_y + 0.45 * g.half_h, 0.0])
        hinge[2] = _plane(head, hinge[0], front)
        ear = np.array([side * 7.35 * person.shape.width, 0.6, -0.4])
        f = np.linspace(0.0, 1.0, 9)[:, None]
        line = hinge + (ear - hinge) * f
        line[:, 0] += side * 0.5 * np.sin(np.pi * f[:, 0]) * (1.0 - f[:, 0])
        high = max(0.09, 0.9 * g.brow)
        up = np.repeat([[0.0, high, 0.0]], len(f), 0)
        parts.append(tube(line, up, np.repeat([[0.07, 0.0, 0.0]], len(f), 0), FRAME))
        r = np.linspace(0.0, 1.0, 9)[:, None, None]
        middle = np.array([side * centre_x, centre_y, 0.0])
        middle[2] = _plane(head, middle[0], front) + 0.12
        grid = middle + (path - middle) * r
        grid[..., 2] = middle[2] + (path[..., 2] - middle[2]) * r[..., 0] ** 2
        lenses.append(part(grid, None, LENS))
    inner = centre_x - g.half_w
    x = np.linspace(-inner, inner, 15)
    y = centre_y + 0.35 * g.half_h + 0.25 * (1.0 - (x / inner) ** 2)
    path = np.stack([x, y, _plane(head, x, front) + 0.05], -1)
    high = max(0.085, 0.8 * g.brow)
    up, away = np.array([[0.0, high, 0.0]]), np.array([[0.0, 0.0, max(0.08, 0.7 * high)]])
    parts.append(tube(path, np.repeat(up, 15, 0), np.repeat(away, 15, 0), FRAME))
    return parts + lenses


def hat(person: Identity) -> list[Part]:
    """A beanie, a cap with its brim, or a scarf around the face."""
    kind = person.wardrobe.hat
    if not kind:
        return []
    top = TOP * person.shape.height
    theta = np.linspace(-np.pi, np.pi, 91)
    if kind == "scarf":
        return [_scarf(person, theta, top)]
    line = person.wardrobe.hat_line
    rows = top - (top + 2.0) * (1.0 - np.cos(np.linspace(0.02, np.pi / 2, 60)))
    turn, level = np.meshgrid(theta, rows)
    base = skull(person, turn, np.minimum(level, top - 1e-3))
    edge = hat_edge(person, base)
    # Rows below the border are drawn up to it, so that the last ones make a hem.
    below = np.maximum(edge, 0.0)
    base = skull(person, turn, np.minimum(level + below, top - 1e-3))
    out = base - np.array([0.0, 2.0, -0.5])
    out /= np.linalg.norm(out, axis=-1, keepdims=True)
    thick = 0.75 + 0.25 * np.clip(-edge / 4.0, 0.0, 1.0)
    if kind == "beanie":
        cuff = np.clip(1.0 - np.abs(-edge - 1.0) / 1.2, 0.0, 1.0)
        thick = thick + 0.35 * cuff**0.5
        thick = thick + 0.8 * np.clip((base[..., 1] - 8.0) / 4.0, 0.0, 1.0)
    extra = np.stack([turn, -edge], -1)
    parts = [part(base + out * thick[..., None], extra, HAT)]
    if kind == "cap":
        parts.append(_brim(person, line))
    return parts


def _brim(person: Identity, line: float) -> Part:
    turn, share = np.meshgrid(np.linspace(-1.0, 1.0, 41), np.linspace(0.0, 1.0, 9))
    base = skull(person, turn, np.full(turn.shape, line + 0.15))
    reach = 5.2 * np.sqrt(np.maximum(1.0 - turn**2, 0.0)) * share
    base[..., 2] += 0.7 + reach
    base[..., 1] -= 0.22 * reach * (0.6 + 0.4 * share) - 0.1
    base[..., 1] += 0.35 * np.cos(turn * 1.5)
    base[..., 0] *= 1.08
    return part(base, np.stack([turn, np.full(turn.shape, -1.0)], -1), HAT)


def _scarf(person: Identity, theta: np.ndarray, top: float) -> Part:
    """A cloth around the face and down to the shoulders.

    Its last coordinate is -2 at the border of the face's window: what is below is cut out.
    """
    chin = -11.4 - person.shape.chin_length
    high = person.wardrobe.hat_line + 1.0
    crown = 3.0 + (top - 3.0) * np.sin(np.linspace(np.pi / 2, 0.0, 34))
    rows = np.concatenate([crown, np.arange(2.7, -17.0, -0.4)])
    turn, level = np.meshgrid(np.linspace(-np.pi, np.pi, 2 * len(theta)), rows)
    base = skull(person, turn, np.maximum(level, -9.5))
    out = base - np.array([0.0, 2.0, 0.0])
    out /= np.linalg.norm(out, axis=-1, keepdims=True) + 1e-9
    sway = np.clip(np.abs(turn) - 0.5, 0.0, 1.0)
    folds = 0.16 * np.sin(5.0 * turn + 0.9 * level) * sway
    points = base + out * (0.35 + 0.7 * np.clip(np.abs(turn) - 0.9, 0.0, 0.7) + folds)[..., None]
    low = np.clip((-9.5 - level) / 6.0, 0.0, 1.0)
    points[..., 1] -= np.maximum(-9.5 - level, 0.0)
    points[..., 2] -= low * 0.45 * np.maximum(points[..., 2], 0.0)
    points[..., 0] *= 1.0 + 0.35 * low**2
    middle, half = (high + chin + 0.3) / 2, (high - chin - 0.3) / 2
    wide = 6.3 * person.shape.width
    window = np.hypot(points[..., 0] / wide, (points[..., 1] - middle) / half) - 1.0
    window = np.where(points[..., 2] > 0.0, 6.0 * window, 9.0)
    return part(points, np.stack([turn, window - 2.0], -1), HAT)


def earrings(person: Identity) -> list[Part]:
    """Studs, drops or hoops under both ears."""
    kind, size = person.wardrobe.earrings, person.wardrobe.earring_size
    if not kind:
        return []
    lobe_x, lobe_y = 6.75 * person.shape.width + 0.45, -1.0 - 2.75 * 0.93 * person.shape.ear
    phi, up = np.meshgrid(np.linspace(0, 2 * np.pi, 13), np.linspace(0, np.pi, 9))
    ball = np.stack([np.sin(up) * np.cos(phi), np.cos(up), np.sin(up) * np.sin(phi)], -1)
    out = []
    for side in (-1.0, 1.0):
        place = np.array([side * (lobe_x + 0.15), lobe_y, 0.1])
        if kind == "hoop":
            turn = np.linspace(0.0, 2 * np.pi, 41)
            ring = np.stack([0.35 * side * np.sin(turn), np.cos(turn), np.sin(turn)], -1)
            path = place + size * (ring * 1.0 - np.array([0.0, 1.0, 0.0]))
            out.append(tube(path, ring * 0.11, np.repeat([[0.11, 0, 0.0]], 41, 0), JEWEL))
            continue
        out.append(part(place + ball * 0.26 * size, None, JEWEL))
        if kind == "drop":
            low = place - np.array([0.0, 1.4 * size, 0.0])
            out.append(part(low + ball * np.array([0.28, 0.85, 0.28]) * size, None, JEWEL))
    return out
