"""Lenses of glasses: what they take from the picture behind, and what they mirror (compiled)."""

import math

import numpy as np
from numba import njit

from dicface.data.render.light import FILL, FILL_DIR, KEY, KEY_DIR, SKY
from dicface.data.render.noise import clamp01, smoothstep


@njit(cache=True, nogil=True)
def look_through(
    image: np.ndarray,
    depth: np.ndarray,
    screen: np.ndarray,
    points: np.ndarray,
    tris: np.ndarray,
    tint: tuple[float, float, float],
    mirror: float,
    lights: np.ndarray,
) -> None:
    """Change `image` where a lens is the nearest thing.

    Args:
        image: (side, side, 3) display-linear.
        depth: (side, side) closeness of what is behind, from `raster.rasterise`.
        screen: (N, 3) pixel x, pixel y, closeness.
        points: (N, 3) view space.
        tris: (K, 3) the lenses.
        tint: share of the light that passes, RGB.
        mirror: strength of the reflections.
        lights: table of `light`.
    """
    side = image.shape[0]
    key, fill = lights[KEY_DIR], lights[FILL_DIR]
    done = np.zeros((side, side), np.bool_)
    for m in range(tris.shape[0]):
        i, j, k = tris[m, 0], tris[m, 1], tris[m, 2]
        x0, y0 = screen[i, 0], screen[i, 1]
        x1, y1 = screen[j, 0], screen[j, 1]
        x2, y2 = screen[k, 0], screen[k, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9:
            continue
        a, b = points[j] - points[i], points[k] - points[i]
        nx = a[1] * b[2] - a[2] * b[1]
        ny = a[2] * b[0] - a[0] * b[2]
        nz = a[0] * b[1] - a[1] * b[0]
        size = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
        if nz < 0.0:
            size = -size
        nx, ny, nz = nx / size, ny / size, nz / size
        # The viewer is far away on the z axis: what the lens mirrors lies in this direction.
        rx, ry, rz = 2.0 * nz * nx, 2.0 * nz * ny, 2.0 * nz * nz - 1.0
        near_key = rx * key[0] + ry * key[1] + rz * key[2]
        near_fill = rx * fill[0] + ry * fill[1] + rz * fill[2]
        pane = smoothstep(0.925, 0.95, near_key)
        if abs(rx - key[0]) < 0.03:
            pane *= 0.5  # the bar of a window
        glow = 0.05 * clamp01(0.4 + ry)
        top, bottom = max(0, int(math.ceil(min(y0, y1, y2)))), int(math.floor(max(y0, y1, y2)))
        left, right = max(0, int(math.ceil(min(x0, x1, x2)))), int(math.floor(max(x0, x1, x2)))
        for py in range(top, min(side - 1, bottom) + 1):
            for px in range(left, min(side - 1, right) + 1):
                b1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) / area
                b2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) / area
                if b1 < -1e-9 or b2 < -1e-9 or b1 + b2 > 1.0 + 1e-9 or done[py, px]:
                    continue
                z = (1.0 - b1 - b2) * screen[i, 2] + b1 * screen[j, 2] + b2 * screen[k, 2]
                if z <= depth[py, px]:
                    continue
                done[py, px] = True
                for q in range(3):
                    shine = mirror * (0.22 * pane * lights[KEY, q])
                    shine += mirror * 0.25 * smoothstep(0.93, 0.97, near_fill) * lights[FILL, q]
                    shine += mirror * glow * lights[SKY, q]
                    image[py, px, q] = min(image[py, px, q] * tint[q] + shine, 1.0)
