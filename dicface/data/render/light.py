"""Terms of the light (compiled): soft shadow, wrapped diffuse, gloss, and hair's two lobes."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from dicface.data.render.features import Look, strand_coords
from dicface.data.render.noise import clamp01, noise2, noise3, smoothstep

# Rows of the light table: directions and linear RGB.
KEY_DIR, KEY, FILL_DIR, FILL, RIM_DIR, RIM, SKY, GROUND = range(8)


class Light(NamedTuple):
    """Lamps and what the key light sees.

    Attributes:
        table: (8, 3) directions and colours, rows as named above.
        shadow: (M, M) depth seen from the key light (`raster.shadow_map`).
        nearest, farthest: (M, M) its extremes over the texels that a shadow averages.
        axes: (3, 3) right, up and towards-the-key unit vectors.
        half: half of the shadow map's side, cm.
        blur: texels around a point that its shadow averages: 1 for a hard lamp, 3 for a soft one.
    """

    table: np.ndarray
    shadow: np.ndarray
    nearest: np.ndarray
    farthest: np.ndarray
    axes: np.ndarray
    half: float
    blur: int


@njit(cache=True)
def lit(light: Light, x: float, y: float, z: float, bias: float) -> float:
    """Share of the key light that reaches a point: softened over the neighbouring texels."""
    depth, axes, half, reach = light.shadow, light.axes, light.half, light.blur
    side = depth.shape[0]
    scale = side / (2.0 * half)
    u = (x * axes[0, 0] + y * axes[0, 1] + z * axes[0, 2] + half) * scale - 0.5
    v = (x * axes[1, 0] + y * axes[1, 1] + z * axes[1, 2] + half) * scale - 0.5
    w = x * axes[2, 0] + y * axes[2, 1] + z * axes[2, 2]
    iu, iv = int(math.floor(u)), int(math.floor(v))
    last = side - reach - 1
    if iu < reach or iv < reach or iu >= last or iv >= last:
        return 1.0
    # Most places see the lamp from all these texels, or from none.
    if light.nearest[iv, iu] - w <= bias:
        return 1.0
    if light.farthest[iv, iu] - w >= bias + 0.5:
        return 0.0
    fu, fv = u - iu, v - iv
    total = 0.0
    weight = 0.0
    for dy in range(-reach, reach + 2):
        wy = 1.0
        if dy == -reach:
            wy = 1.0 - fv
        elif dy == reach + 1:
            wy = fv
        for dx in range(-reach, reach + 2):
            wx = 1.0
            if dx == -reach:
                wx = 1.0 - fu
            elif dx == reach + 1:
                wx = fu
            total += wx * wy * (1.0 - smoothstep(bias, bias + 0.5, depth[iv + dy, iu + dx] - w))
            weight += wx * wy
    return total / weight


@njit(cache=True)
def soft(ndl: float, wrap: float) -> float:
    """Diffuse term that reaches past the terminator by `wrap`."""
    value = (ndl + wrap) / (1.0 + wrap)
    return 0.0 if value < 0.0 else value * (0.35 + 0.65 * value) if wrap > 0.0 else value


@njit(cache=True)
def gloss(n: np.ndarray, light: np.ndarray, view: np.ndarray, power: float) -> float:
    """Normalised Blinn-Phong lobe with a Fresnel rise at grazing angles."""
    hx, hy, hz = light[0] + view[0], light[1] + view[1], light[2] + view[2]
    size = math.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
    ndh = (n[0] * hx + n[1] * hy + n[2] * hz) / size
    if ndh <= 0.0:
        return 0.0
    vdh = (view[0] * hx + view[1] * hy + view[2] * hz) / size
    fresnel = 0.035 + 0.965 * (1.0 - vdh) ** 5
    return fresnel * (power + 2.0) / 8.0 * ndh**power


@njit(cache=True)
def hair_light(
    c: np.ndarray,
    n: np.ndarray,
    view: np.ndarray,
    look: Look,
    head: np.ndarray,
    lights: np.ndarray,
    share: float,
    detail: float,
    out: np.ndarray,
) -> None:
    """Fill `out` (0..2) with the light that hair at rest coordinates `c` (5,) sends to the viewer.

    `n` and `view` are unit vectors in view space, `head` the head's rotation, `lights` the table,
    `share` the share of the key light that arrives, `detail` supersamples a centimetre.
    """
    key, fill, rim = lights[KEY_DIR], lights[FILL_DIR], lights[RIM_DIR]
    ndk = n[0] * key[0] + n[1] * key[1] + n[2] * key[2]
    ndf = n[0] * fill[0] + n[1] * fill[1] + n[2] * fill[2]
    ndr = n[0] * rim[0] + n[1] * rim[1] + n[2] * rim[2]
    ndv = n[0] * view[0] + n[1] * view[1] + n[2] * view[2]
    up = 0.5 + 0.5 * n[1]
    across, along = strand_coords(c[0], c[1], c[2], look)
    n1 = noise2(across * 1.1, along * 0.10, look.seed + 80)
    n2 = noise2(across * 4.5, along * 0.25, look.seed + 81)
    n3 = noise2(across * 11.0, along * 0.5, look.seed + 82)
    near = smoothstep(6.0, 26.0, detail)
    if look.hair_curl > 0.5:
        n1 = noise3(c[0] * 1.3, c[1] * 1.3, c[2] * 1.3, look.seed + 80)
        n2 = noise3(c[0] * 3.5, c[1] * 3.5, c[2] * 3.5, look.seed + 81)
        n3 = noise3(c[0] * 8.0, c[1] * 8.0, c[2] * 8.0, look.seed + 82)
    tone = (
        0.62
        + look.hair_streak * (0.45 * (n1 - 0.5) + 0.55 * (n2 - 0.5))
        + (0.45 * near * (n3 - 0.5))
        + 0.25
    )
    deep = (0.38 + 0.62 * c[4]) * (0.72 + 0.28 * smoothstep(0.0, 1.2, c[3] + 0.3))
    tone *= deep
    # Strand direction: away from the pole, within the surface.
    ax = look.pole_y * c[2] - look.pole_z * (c[1] - 1.5)
    ay = look.pole_z * c[0] - look.pole_x * c[2]
    az = look.pole_x * (c[1] - 1.5) - look.pole_y * c[0]
    wx = head[0, 0] * ax + head[0, 1] * ay + head[0, 2] * az
    wy = head[1, 0] * ax + head[1, 1] * ay + head[1, 2] * az
    wz = head[2, 0] * ax + head[2, 1] * ay + head[2, 2] * az
    tx = wy * n[2] - wz * n[1]
    ty = wz * n[0] - wx * n[2]
    tz = wx * n[1] - wy * n[0]
    if c[1] < 1.0:
        hang = smoothstep(1.0, -3.0, c[1])
        size = math.sqrt(tx * tx + ty * ty + tz * tz) + 1e-9
        sign = 1.0 if ty > 0.0 else -1.0
        tx, ty, tz = (
            sign * tx / size * (1 - hang),
            sign * ty / size * (1 - hang) + hang,
            sign * tz / size * (1 - hang),
        )
    shift = 0.22 * (n2 - 0.5) + 0.10 * (n3 - 0.5)
    tx, ty, tz = tx + shift * n[0], ty + shift * n[1], tz + shift * n[2]
    size = math.sqrt(tx * tx + ty * ty + tz * tz) + 1e-9
    tx, ty, tz = tx / size, ty / size, tz / size
    tl = tx * key[0] + ty * key[1] + tz * key[2]
    hx, hy, hz = key[0] + view[0], key[1] + view[1], key[2] + view[2]
    size = math.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
    th = (tx * hx + ty * hy + tz * hz) / size
    sine = math.sqrt(max(0.0, 1.0 - th * th))
    facing = clamp01(ndk * 1.4 + 0.35) * share
    curl_cut = 0.35 if look.hair_curl > 0.5 else 1.0
    lobe = (0.16 * sine**60 + 0.10 * sine**14) * facing * curl_cut * (0.4 + 0.6 * n2)
    diffuse = math.sqrt(max(0.0, 1.0 - tl * tl)) * 0.55 + 0.45 * clamp01(ndk)
    diffuse *= clamp01(ndk * 0.8 + 0.45) * share
    edge_light = clamp01(ndr * 0.7 + 0.1) * (0.3 + 0.7 * (1.0 - clamp01(ndv)) ** 2)
    hr, hg, hb = look.hair_colour
    dip = smoothstep(look.hair_dip + 2.0, look.hair_dip - 3.0, c[1] + 1.5 * (n2 - 0.5))
    hr += (look.hair_tip[0] - hr) * dip
    hg += (look.hair_tip[1] - hg) * dip
    hb += (look.hair_tip[2] - hb) * dip
    for q in range(3):
        colour = hr if q == 0 else (hg if q == 1 else hb)
        base = colour * tone
        light = lights[KEY, q] * diffuse + lights[FILL, q] * clamp01(0.4 + 0.6 * ndf)
        light += lights[SKY, q] * up + lights[GROUND, q] * (1.0 - up)
        value = base * light
        tint = 0.35 + 0.65 * math.sqrt(colour)
        value += lights[KEY, q] * lobe * tint * 0.5 * deep
        value += lights[RIM, q] * edge_light * (0.03 + 0.5 * base) * deep
        out[q] = value
