"""The picture from the visible triangles (compiled): colour of every surface under the lights."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from dicface.data.render.cloth import beard, body, frame, hat
from dicface.data.render.eye import eye_colour
from dicface.data.render.features import (
    BEARD,
    EAR,
    EYE,
    FRAME,
    HAIR,
    HAT,
    JEWEL,
    MOUTH,
    SKIN,
    TEETH,
    Look,
)
from dicface.data.render.light import (
    FILL,
    FILL_DIR,
    GROUND,
    KEY,
    KEY_DIR,
    RIM,
    RIM_DIR,
    SKY,
    Light,
    gloss,
    hair_light,
    lit,
    soft,
)
from dicface.data.render.noise import clamp01, smoothstep
from dicface.data.render.skin import skin_colour
from dicface.data.render.surface import (
    BLUE,
    GREEN,
    OPEN,
    POWER,
    RED,
    SHARE_A,
    SHARE_B,
    SHINE,
    WRAP,
    set_surface,
)


class Scene(NamedTuple):
    """All triangles in view space.

    Attributes:
        tris: (M, 3) vertex numbers.
        material: (M,) materials.
        points: (N, 3) cm.
        normals: (N, 3) unit vectors.
        coords: (N, 5) rest coordinates.
    """

    tris: np.ndarray
    material: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    coords: np.ndarray


class Layer(NamedTuple):
    """What is visible at every supersample: from `raster.rasterise` and `paint_skin`."""

    index: np.ndarray
    weights: np.ndarray
    paint: np.ndarray
    slope: np.ndarray


@njit(cache=True, nogil=True)
def paint_skin(
    index: np.ndarray,
    weights: np.ndarray,
    tris: np.ndarray,
    material: np.ndarray,
    coords: np.ndarray,
    look: Look,
    lids: np.ndarray,
    detail: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Skin of every supersample: (side, side, 6) as `skin_colour`, and its relief's slope.

    The slope (side, side, 2), cm a supersample, is what tilts the normal in `shade`.
    """
    side = index.shape[0]
    paint = np.zeros((side, side, 6), np.float32)
    slope = np.zeros((side, side, 2), np.float32)
    out = np.empty(6)
    for py in range(side):
        for px in range(side):
            m = index[py, px]
            if m < 0 or material[m] != SKIN:
                continue
            i, j, k = tris[m, 0], tris[m, 1], tris[m, 2]
            b1 = weights[py, px, 0]
            b2 = weights[py, px, 1]
            b0 = 1.0 - b1 - b2
            x = b0 * coords[i, 0] + b1 * coords[j, 0] + b2 * coords[k, 0]
            y = b0 * coords[i, 1] + b1 * coords[j, 1] + b2 * coords[k, 1]
            z = b0 * coords[i, 2] + b1 * coords[j, 2] + b2 * coords[k, 2]
            hollow = b0 * coords[i, 3] + b1 * coords[j, 3] + b2 * coords[k, 3]
            edge = b0 * coords[i, 4] + b1 * coords[j, 4] + b2 * coords[k, 4]
            skin_colour(x, y, z, hollow, edge, look, lids, detail, out)
            for q in range(6):
                paint[py, px, q] = out[q]
    for py in range(1, side - 1):
        for px in range(1, side - 1):
            if paint[py, px, 4] == 0.0:
                continue
            if paint[py, px - 1, 4] > 0.0 and paint[py, px + 1, 4] > 0.0:
                slope[py, px, 0] = 0.5 * (paint[py, px - 1, 5] - paint[py, px + 1, 5])
            if paint[py - 1, px, 4] > 0.0 and paint[py + 1, px, 4] > 0.0:
                slope[py, px, 1] = 0.5 * (paint[py + 1, px, 5] - paint[py - 1, px, 5])
    return paint, slope


@njit(cache=True)
def _ear(c: np.ndarray, look: Look, s: np.ndarray) -> None:
    dent = 1.0 - 0.75 * clamp01(c[3])
    dent *= 0.62 + 0.38 * smoothstep(6.6, 8.2, abs(c[0]))
    red = look.skin[0] * 0.96 * (0.35 + 0.65 * dent)
    set_surface(s, red, look.skin[1] * 0.86 * dent, look.skin[2] * 0.85 * dent, 0.5, 16.0)


@njit(cache=True)
def _teeth(c: np.ndarray, s: np.ndarray) -> None:
    u, v = c[0], c[1]
    part = abs(u - math.floor(u) - 0.5) * 2.0
    gap = smoothstep(0.86, 1.0, part)
    front = clamp01(1.0 - (u / 3.3) ** 2)
    gum = smoothstep(0.34, 0.20, v - 0.10 * part * part)
    tone = (0.04 + 0.96 * front) * (1.0 - 0.40 * gap) * (0.62 + 0.38 * v)
    if c[3] < 0.5:
        tone *= 0.72
    red = (0.66 + (0.36 - 0.66) * gum) * tone
    green = (0.61 + (0.12 - 0.61) * gum) * tone
    set_surface(s, red, green, (0.53 + (0.11 - 0.53) * gum) * tone, 0.9, 60.0)
    s[WRAP] = s[WRAP + 1] = s[WRAP + 2] = 0.4
    s[SHARE_A], s[SHARE_B] = 0.45, 0.4


@njit(cache=True)
def _mouth(c: np.ndarray, s: np.ndarray) -> None:
    tone, shine = 0.16, 0.0
    if c[3] > 0.5:
        tone, shine = 1.0 - 0.8 * clamp01(c[4]), 0.5
    set_surface(s, 0.33 * tone, 0.085 * tone, 0.080 * tone, shine, 20.0)
    s[WRAP] = s[WRAP + 1] = s[WRAP + 2] = 0.0
    s[OPEN], s[SHARE_A], s[SHARE_B] = 0.55, 0.35, 0.3


@njit(cache=True)
def _surface_light(
    s: np.ndarray,
    n: np.ndarray,
    view: np.ndarray,
    lights: np.ndarray,
    share: float,
    out: np.ndarray,
) -> None:
    """Fill `out` (0..2) with what a surface `s` sends to the viewer."""
    key, fill, rim = lights[KEY_DIR], lights[FILL_DIR], lights[RIM_DIR]
    ndk = n[0] * key[0] + n[1] * key[1] + n[2] * key[2]
    ndf = n[0] * fill[0] + n[1] * fill[1] + n[2] * fill[2]
    ndr = n[0] * rim[0] + n[1] * rim[1] + n[2] * rim[2]
    ndv = n[0] * view[0] + n[1] * view[1] + n[2] * view[2]
    up = 0.5 + 0.5 * n[1]
    share = s[SHARE_A] + s[SHARE_B] * share
    shine, power = s[SHINE], s[POWER]
    from_key = from_fill = from_rim = 0.0
    if shine > 0.0:
        from_key = 0.75 * gloss(n, key, view, power) + 0.35 * gloss(n, key, view, power * 0.28)
        from_key *= shine * share
        from_fill = shine * 0.6 * gloss(n, fill, view, power * 0.4)
        from_rim = shine * gloss(n, rim, view, power * 0.5)
    edge = clamp01(ndr + 0.1) * (0.25 + 0.75 * (1.0 - clamp01(ndv)) ** 2)
    wide = clamp01(0.35 + 0.65 * ndf)
    for q in range(3):
        # Light scattered in the skin comes out red: the red of a shadow's edge is softer.
        arrives = share**0.75 if q == 0 and s[WRAP] > 0.0 else share
        ambient = lights[FILL, q] * wide + lights[SKY, q] * up + lights[GROUND, q] * (1.0 - up)
        light = lights[KEY, q] * soft(ndk, s[WRAP + q]) * arrives
        light += s[OPEN] * (ambient + lights[RIM, q] * edge)
        out[q] = s[q] * light + lights[KEY, q] * from_key
        out[q] += lights[FILL, q] * from_fill + lights[RIM, q] * from_rim


@njit(cache=True, nogil=True)
def shade(
    layer: Layer,
    scene: Scene,
    look: Look,
    lids: np.ndarray,
    head: np.ndarray,
    light: Light,
    camera: float,
    detail: float,
    backdrop: np.ndarray,
) -> np.ndarray:
    """Display-linear colour of every supersample.

    Args:
        layer: what is visible where.
        scene: the triangles.
        look: the identity's features.
        lids: (2, 3) closure and gaze of this frame.
        head: (3, 3) rotation of the head.
        light: lamps and shadow.
        camera: distance of the camera from the origin, cm.
        detail: supersamples a centimetre.
        backdrop: (side, side, 3) colours where nothing is hit.

    Returns:
        (side, side, 3) in [0, 1], before gamma.
    """
    side = layer.index.shape[0]
    lights = light.table
    image = np.empty((side, side, 3))
    c, n, p, view = np.empty(5), np.empty(3), np.empty(3), np.empty(3)
    s, ball, out = np.empty(11), np.empty(5), np.empty(3)
    for py in range(side):
        for px in range(side):
            m = layer.index[py, px]
            if m < 0:
                for q in range(3):
                    image[py, px, q] = backdrop[py, px, q]
                continue
            i, j, k = scene.tris[m, 0], scene.tris[m, 1], scene.tris[m, 2]
            b1, b2 = layer.weights[py, px, 0], layer.weights[py, px, 1]
            b0 = 1.0 - b1 - b2
            for q in range(3):
                p[q] = b0 * scene.points[i, q] + b1 * scene.points[j, q] + b2 * scene.points[k, q]
                n[q] = b0 * scene.normals[i, q]
                n[q] += b1 * scene.normals[j, q] + b2 * scene.normals[k, q]
            for q in range(5):
                c[q] = b0 * scene.coords[i, q] + b1 * scene.coords[j, q] + b2 * scene.coords[k, q]
            kind = scene.material[m]
            size = math.sqrt(p[0] ** 2 + p[1] ** 2 + (camera - p[2]) ** 2)
            view[0], view[1], view[2] = -p[0] / size, -p[1] / size, (camera - p[2]) / size
            size = math.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) + 1e-9
            n[0], n[1], n[2] = n[0] / size, n[1] / size, n[2] / size
            facing = n[0] * view[0] + n[1] * view[1] + n[2] * view[2]
            if kind != SKIN and facing < 0.0:
                n[0], n[1], n[2] = -n[0], -n[1], -n[2]
            share = lit(light, p[0], p[1], p[2], 0.25)
            if kind == HAIR:
                hair_light(c, n, view, look, head, lights, share, detail, out)
            else:
                if kind == SKIN:
                    paint = layer.paint[py, px]
                    set_surface(
                        s, paint[0], paint[1], paint[2], paint[3], 2.0 / paint[4] ** 4 - 2.0
                    )
                    if facing < -0.12:
                        # The inside of the cheeks, seen through the open mouth.
                        s[RED], s[GREEN], s[BLUE], s[SHINE] = 0.030, 0.008, 0.008, 0.0
                    s[OPEN] = 1.0 - 0.5 * clamp01(c[3])
                    n[0] += detail * layer.slope[py, px, 0]
                    n[1] += detail * layer.slope[py, px, 1]
                    size = math.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2])
                    n[0], n[1], n[2] = n[0] / size, n[1] / size, n[2] / size
                elif kind == EYE:
                    eye_colour(c[0], c[1], look, lids, n, head, ball)
                    shade_of_lid = ball[3]
                    set_surface(
                        s,
                        ball[0] * shade_of_lid,
                        ball[1] * shade_of_lid,
                        ball[2] * shade_of_lid,
                        0.0,
                        20.0,
                    )
                    s[WRAP], s[WRAP + 1], s[WRAP + 2] = 0.30, 0.25, 0.25
                    s[OPEN], s[SHARE_A], s[SHARE_B] = shade_of_lid, 0.35, 0.65
                elif kind == TEETH:
                    _teeth(c, s)
                elif kind == MOUTH:
                    _mouth(c, s)
                elif kind == EAR:
                    _ear(c, look, s)
                elif kind == BEARD:
                    beard(c, look, detail, s)
                elif kind == FRAME:
                    frame(c, look, s)
                elif kind == JEWEL:
                    set_surface(s, look.jewel[0], look.jewel[1], look.jewel[2], 6.0, 30.0)
                elif kind == HAT:
                    hat(c, look, s)
                else:
                    body(c, look, s)
                _surface_light(s, n, view, lights, share, out)
                if kind == EYE:
                    key, fill = lights[KEY_DIR], lights[FILL_DIR]
                    wet = 0.55 * gloss(n, key, view, 500.0) + 0.35 * gloss(n, fill, view, 120.0)
                    wet = min(wet, 2.2) * (0.25 + 0.75 * ball[3])
                    mirror = 0.05 * clamp01(0.3 + n[1]) * ball[3] * (0.4 + 0.6 * ball[4])
                    for q in range(3):
                        out[q] += wet * lights[KEY, q] + mirror * lights[SKY, q]
            for q in range(3):
                x = out[q]
                # Filmic shoulder: straight in the shadows, soft in the highlights.
                image[py, px, q] = 1.0 - math.exp(-x * (1.0 + 0.28 * x)) if x < 4.0 else 1.0
    return image
