"""Triangle raster with a depth buffer, vertex normals, and the key light's shadow map (compiled).

Everything is single-threaded and adds in a fixed order, so a frame is the same on every run.
"""

import math

import numpy as np
from numba import njit

from dicface.data.render.features import (
    BEARD,
    EYE,
    HAIR,
    HAT,
    SKIN,
    Look,
    beard_is_open,
    eye_gap,
    hair_is_open,
)


@njit(cache=True, nogil=True)
def pose_points(
    rest: np.ndarray,
    moves: np.ndarray,
    blends: np.ndarray,
    turn: np.ndarray,
    calm_turn: np.ndarray,
    calm: np.ndarray,
    pivot: np.ndarray,
    shift: np.ndarray,
) -> np.ndarray:
    """View-space points (N, 3).

    Args:
        rest: (N, 3) points at rest, cm.
        moves: (K, M, 3) displacements of the first M points at full weight.
        blends: (K,) weights.
        turn: (3, 3) rotation of the head.
        calm_turn: (3, 3) rotation of the shoulders.
        calm: (N,) how much of the shoulders' rotation a point takes, 0 to 1.
        pivot: (3,) point around which all turns.
        shift: (3,) cm.
    """
    out = np.empty_like(rest)
    p = np.empty(3)
    for n in range(rest.shape[0]):
        for q in range(3):
            p[q] = rest[n, q]
            if n < moves.shape[1]:
                for k in range(blends.shape[0]):
                    p[q] += blends[k] * moves[k, n, q]
            p[q] -= pivot[q]
        for q in range(3):
            v = turn[q, 0] * p[0] + turn[q, 1] * p[1] + turn[q, 2] * p[2]
            if calm[n] > 0.0:
                w = calm_turn[q, 0] * p[0] + calm_turn[q, 1] * p[1] + calm_turn[q, 2] * p[2]
                v += calm[n] * (w - v)
            out[n, q] = v + pivot[q] + shift[q]
    return out


@njit(cache=True, nogil=True)
def vertex_normals(points: np.ndarray, tris: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals (N, 3) of `points` (N, 3) under `tris` (M, 3)."""
    normals = np.zeros_like(points)
    for m in range(tris.shape[0]):
        i, j, k = tris[m, 0], tris[m, 1], tris[m, 2]
        ax = points[j, 0] - points[i, 0]
        ay = points[j, 1] - points[i, 1]
        az = points[j, 2] - points[i, 2]
        bx = points[k, 0] - points[i, 0]
        by = points[k, 1] - points[i, 1]
        bz = points[k, 2] - points[i, 2]
        nx = ay * bz - az * by
        ny = az * bx - ax * bz
        nz = ax * by - ay * bx
        for q in (i, j, k):
            normals[q, 0] += nx
            normals[q, 1] += ny
            normals[q, 2] += nz
    for n in range(points.shape[0]):
        x, y, z = normals[n, 0], normals[n, 1], normals[n, 2]
        length = math.sqrt(x * x + y * y + z * z) + 1e-12
        normals[n, 0] = x / length
        normals[n, 1] = y / length
        normals[n, 2] = z / length
    return normals


@njit(cache=True, nogil=True)
def rasterise(
    screen: np.ndarray,
    order: np.ndarray,
    tris: np.ndarray,
    material: np.ndarray,
    coords: np.ndarray,
    look: Look,
    lids: np.ndarray,
    side: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest triangle of every pixel.

    Args:
        screen: (N, 3) pixel x, pixel y, closeness (larger is nearer).
        order: (M,) the order of drawing.
        tris: (M, 3) vertex numbers.
        material: (M,) materials of the triangles; skin and eyes end at the lids, hair has holes
            between its strands.
        coords: (N, 5) rest coordinates, for the holes of eyes, hair, beards and scarves.
        look: the identity's features.
        lids: closure and gaze of this frame (see `features.eye_gap`).
        side: pixels a side.

    Returns:
        index (side, side) int32, -1 where nothing is; weights (side, side, 2) of the second and
        third corner; depth (side, side), the closeness.
    """
    index = np.full((side, side), -1, np.int32)
    weights = np.zeros((side, side, 2), np.float32)
    depth = np.full((side, side), -1e30)
    for m in order:
        i, j, k = tris[m, 0], tris[m, 1], tris[m, 2]
        x0, y0 = screen[i, 0], screen[i, 1]
        x1, y1 = screen[j, 0], screen[j, 1]
        x2, y2 = screen[k, 0], screen[k, 1]
        left = max(0, int(math.ceil(min(x0, x1, x2))))
        right = min(side - 1, int(math.floor(max(x0, x1, x2))))
        top = max(0, int(math.ceil(min(y0, y1, y2))))
        bottom = min(side - 1, int(math.floor(max(y0, y1, y2))))
        if left > right or top > bottom:
            continue
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-12:
            continue
        inverse = 1.0 / area
        z0, z1, z2 = screen[i, 2], screen[j, 2], screen[k, 2]
        kind = material[m]
        for py in range(top, bottom + 1):
            for px in range(left, right + 1):
                b1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) * inverse
                b2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) * inverse
                b0 = 1.0 - b1 - b2
                if b0 < -1e-9 or b1 < -1e-9 or b2 < -1e-9:
                    continue
                z = b0 * z0 + b1 * z1 + b2 * z2
                if z <= depth[py, px]:
                    continue
                if kind == SKIN or kind == HAIR or kind == EYE or kind == BEARD or kind == HAT:
                    cx = b0 * coords[i, 0] + b1 * coords[j, 0] + b2 * coords[k, 0]
                    cy = b0 * coords[i, 1] + b1 * coords[j, 1] + b2 * coords[k, 1]
                    if kind == SKIN:
                        if abs(cy - look.eye_y) < 1.3 and eye_gap(cx, cy, look, lids) > 0.0:
                            continue
                    elif kind == HAT:
                        if b0 * coords[i, 4] + b1 * coords[j, 4] + b2 * coords[k, 4] < -2.0:
                            continue
                    elif kind == EYE:
                        if eye_gap(cx, cy, look, lids) < -0.05:
                            continue
                    else:
                        cz = b0 * coords[i, 2] + b1 * coords[j, 2] + b2 * coords[k, 2]
                        edge = b0 * coords[i, 3] + b1 * coords[j, 3] + b2 * coords[k, 3]
                        level = b0 * coords[i, 4] + b1 * coords[j, 4] + b2 * coords[k, 4]
                        if kind == BEARD:
                            if beard_is_open(cx, cy, cz, edge, level, look):
                                continue
                        elif hair_is_open(cx, cy, cz, edge, level, look):
                            continue
                depth[py, px] = z
                index[py, px] = m
                weights[py, px, 0] = b1
                weights[py, px, 1] = b2
    return index, weights, depth


@njit(cache=True, nogil=True)
def shadow_map(
    points: np.ndarray, tris: np.ndarray, axes: np.ndarray, side: int, half: float
) -> np.ndarray:
    """Depth (side, side) of the scene seen from a distant light.

    Args:
        points: (N, 3) view space, cm.
        tris: (M, 3) triangles that cast shadows.
        axes: (3, 3) right, up and towards-the-light unit vectors.
        side: pixels a side.
        half: half of the square's side, cm, centred on the origin.
    """
    depth = np.full((side, side), -1e30)
    count = points.shape[0]
    flat = np.empty((count, 3))
    scale = side / (2.0 * half)
    for n in range(count):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        flat[n, 0] = (x * axes[0, 0] + y * axes[0, 1] + z * axes[0, 2] + half) * scale - 0.5
        flat[n, 1] = (x * axes[1, 0] + y * axes[1, 1] + z * axes[1, 2] + half) * scale - 0.5
        flat[n, 2] = x * axes[2, 0] + y * axes[2, 1] + z * axes[2, 2]
    for m in range(tris.shape[0]):
        i, j, k = tris[m, 0], tris[m, 1], tris[m, 2]
        x0, y0 = flat[i, 0], flat[i, 1]
        x1, y1 = flat[j, 0], flat[j, 1]
        x2, y2 = flat[k, 0], flat[k, 1]
        left = max(0, int(math.ceil(min(x0, x1, x2))))
        right = min(side - 1, int(math.floor(max(x0, x1, x2))))
        top = max(0, int(math.ceil(min(y0, y1, y2))))
        bottom = min(side - 1, int(math.floor(max(y0, y1, y2))))
        if left > right or top > bottom:
            continue
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-12:
            continue
        inverse = 1.0 / area
        for py in range(top, bottom + 1):
            for px in range(left, right + 1):
                b1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) * inverse
                b2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) * inverse
                b0 = 1.0 - b1 - b2
                if b0 < -1e-9 or b1 < -1e-9 or b2 < -1e-9:
                    continue
                z = b0 * flat[i, 2] + b1 * flat[j, 2] + b2 * flat[k, 2]
                if z > depth[py, px]:
                    depth[py, px] = z
    return depth
