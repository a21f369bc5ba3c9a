"""Colour of the eyeball (compiled): sclera, iris, pupil, and the shade of the lids."""

import math

import numpy as np
from numba import njit

from dicface.data.render.features import Look, eye_local, lid_curves
from dicface.data.render.noise import clamp01, noise2, smoothstep


@njit(cache=True)
def eye_colour(
    x: float,
    y: float,
    look: Look,
    lids: np.ndarray,
    n: np.ndarray,
    head: np.ndarray,
    out: np.ndarray,
) -> None:
    """Albedo of the eyeball (0..2), its shade (3), cornea share (4); bends `n` to the ball."""
    t, h, eye = eye_local(x, y, look)
    sign = 1.0 if eye == 1 else -1.0
    dx, dy = x - sign * look.eye_x, y - look.eye_y
    radius = 1.24
    d2 = min(dx * dx + dy * dy, 1.45)
    dz = math.sqrt(radius * radius - d2)
    yaw, pitch = lids[eye, 1], lids[eye, 2]
    gx = math.sin(yaw) * math.cos(pitch)
    gy = math.sin(pitch)
    gz = math.cos(yaw) * math.cos(pitch)
    # Distance from the line of sight, cm on the ball.
    px, py, pz = dx / radius, dy / radius, dz / radius
    cosine = px * gx + py * gy + pz * gz
    rho = radius * math.acos(max(-1.0, min(1.0, cosine)))
    iris_r = look.iris_r
    bent = dx * 6.0 + 3.0 * noise2(dx * 3.0, dy * 3.0, look.seed)
    veins = noise2(bent, dy * 14.0, look.seed + 60)
    far = smoothstep(0.6, 1.5, math.sqrt(dx * dx + dy * dy))
    r = 0.62
    g = 0.585 - 0.16 * far - 0.05 * veins * far
    b = 0.56 - 0.17 * far - 0.05 * veins * far
    pink = smoothstep(-0.66, -0.98, t)
    r += (0.52 - r) * pink
    g += (0.20 - g) * pink
    b += (0.18 - b) * pink
    cornea = smoothstep(iris_r + 0.07, iris_r - 0.05, rho)
    if cornea > 0.0:
        angle = math.atan2(py - gy, px - gx)
        fibre = noise2(math.cos(angle) * 9.0 + rho * 2.0, math.sin(angle) * 9.0, look.seed + 61)
        fibre = 0.6 * fibre + 0.4 * noise2(
            math.cos(angle) * 22.0, math.sin(angle) * 22.0 + rho * 3.0, look.seed + 62
        )
        ir, ig, ib = look.iris
        q = rho / iris_r
        gain = 0.55 + 1.1 * fibre
        gain *= 0.75 + 0.6 * clamp01(-(py - gy) * 1.6 + 0.25)
        ring = smoothstep(0.74, 1.0, q)
        gain *= 1.0 - 0.78 * ring
        amber = smoothstep(0.72, 0.42, q) * 0.5
        ir, ig, ib = ir * gain, ig * gain, ib * gain
        ir += amber * 0.05 * gain
        ig += amber * 0.02 * gain
        pupil = smoothstep(0.44, 0.35, q)
        ir, ig, ib = ir * (1 - pupil), ig * (1 - pupil), ib * (1 - pupil)
        r += (ir - r) * cornea
        g += (ig - g) * cornea
        b += (ib - b) * cornea
        bend = 0.55 * cornea
        px, py, pz = px + bend * (px - gx), py + bend * (py - gy), pz + bend * (pz - gz)
        size = math.sqrt(px * px + py * py + pz * pz)
        px, py, pz = px / size, py / size, pz / size
    for c in range(3):
        n[c] = head[c, 0] * px + head[c, 1] * py + head[c, 2] * pz
    upper, lower = lid_curves(t, look, lids[eye, 0])
    shade = 0.30 + 0.70 * smoothstep(0.0, 0.42, upper - h)
    shade *= 0.62 + 0.38 * smoothstep(0.0, 0.16, h - lower)
    shade *= 0.70 + 0.30 * smoothstep(1.02, 0.72, abs(t))
    out[0], out[1], out[2] = r, g, b
    out[3] = shade
    out[4] = cornea
