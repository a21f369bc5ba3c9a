"""The features on the smooth head: brow ridge, sockets, lids, nose, lips, chin, folds."""

import numpy as np
from numba import njit

from dicface.data.render.features import Look, lip_curves
from dicface.data.render.identity import Identity


def smooth_max(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """Maximum with a rounded edge about `k` wide."""
    h = np.clip(0.5 + 0.5 * (a - b) / k, 0.0, 1.0)
    return b + (a - b) * h + k * h * (1.0 - h)


def step(a: float, b: float, x: np.ndarray) -> np.ndarray:
    """Cubic step: 0 at `a`, 1 at `b` (`a` may be above `b`)."""
    t = np.clip((x - a) / (b - a), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def bump(x: np.ndarray, y: np.ndarray, cx: float, cy: float, sx: float, sy: float) -> np.ndarray:
    """Gaussian of height 1 at (cx, cy), widths (sx, sy)."""
    return np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)


@njit(cache=True)
def lip_table(x: np.ndarray, look: Look) -> np.ndarray:
    """`lip_curves` at every x (N,): upper contour, seam, lower contour (N, 3)."""
    out = np.empty((x.shape[0], 3))
    for n in range(x.shape[0]):
        out[n, 0], out[n, 1], out[n, 2] = lip_curves(x[n], look)
    return out


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
    out = z + np.maximum(rise, 0.0) * np.exp(-((np.abs(x) / width) ** 1.9))
    # Ball of the tip; steeper below than above.
    dy = y - (tip_y - 0.05 + 0.5 * s.nose_up * 0.3)
    ry = np.where(dy < 0, 0.86, 1.25)
    ball = tip - 1.15 * (x / (1.02 * s.nose_width)) ** 2 - 1.25 * (dy / ry) ** 2
    out = smooth_max(ball, out, 0.45)
    # Wings.
    wing_x = look.nose_half - 0.42
    dx, dy = np.abs(x) - wing_x, y - (base_y + 0.42)
    wing = tip - 1.08 - 1.1 * (dx / 0.62) ** 2 - 1.0 * (dy / np.where(dy < 0, 0.50, 0.80)) ** 2
    out = smooth_max(wing, out, 0.40)
    # Columella between the nostrils, nostrils as dents beneath.
    column = tip - 0.65 - 4.0 * (x / 0.62) ** 2 - 1.0 * ((y - (base_y + 0.25)) / 0.42) ** 2
    out = smooth_max(column, out, 0.25)
    hole = np.exp(-(((np.abs(x) - 0.66) / 0.32) ** 2) - ((y - base_y - 0.12) / 0.20) ** 2)
    groove = np.exp(
        -(((np.abs(x) - look.nose_half - 0.12) / 0.22) ** 2) - ((y - base_y - 0.45) / 0.6) ** 2
    )
    return out - 0.42 * hole - 0.12 * groove


def _lips(person: Identity, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    s, look = person.shape, person.look
    curves = lip_table(np.ascontiguousarray(x.ravel()), look).reshape(*x.shape, 3)
    upper, seam, lower = curves[..., 0], curves[..., 1], curves[..., 2]
    u = np.abs(x) / look.mouth_half
    fade = np.clip(1.08 - u**3, 0.0, 1.0) * (u < 1.2)
    up = np.clip((y - seam) / np.maximum(upper - seam, 0.12), -1.0, 3.0)
    down = np.clip((seam - y) / np.maximum(seam - lower, 0.12), -1.0, 3.0)
    upper_body = np.where(up < 0, 0.0, np.exp(-(((up - 0.55) / 0.75) ** 2)))
    lower_body = np.where(down < 0, 0.0, np.exp(-(((down - 0.5) / 0.62) ** 2)))
    out = z + fade * s.lip_out * (0.30 * upper_body + 0.40 * lower_body)
    seam_dent = np.exp(-(((y - seam) / 0.13) ** 2)) * (u < 1.15) * np.clip(1.25 - u, 0, 1)
    corner = bump(np.abs(x), y, look.mouth_half + 0.12, look.mouth_y + look.corner, 0.3, 0.32)
    rim = np.exp(-((np.where(up > 0, up - 1.12, 9.0) / 0.16) ** 2)) * fade
    return out - 0.20 * seam_dent - 0.20 * corner + 0.05 * rim


def sculpt(person: Identity, points: np.ndarray) -> np.ndarray:
    """Depth z (…,) of the featured face over smooth points (…, 3)."""
    s, look = person.shape, person.look
    x, y, z0 = points[..., 0], points[..., 1], points[..., 2]
    ax = np.abs(x)
    z = z0.copy()
    z += 0.34 * s.brow_ridge * bump(ax, y, 2.7, 1.75, 1.9, 0.75)
    z += 0.18 * bump(x, y, 0.0, 1.7, 1.3, 0.9)
    z -= (0.78 + s.eye_depth) * bump(ax, y, look.eye_x - 0.1, 0.25, 1.75, 0.95)
    z -= 0.62 * bump(ax, y, 1.5, 0.15, 0.62, 0.8)
    z -= 0.30 * bump(ax, y, 6.3, 2.2, 1.3, 2.0)
    z += 0.34 * s.cheekbone * bump(ax, y, 4.7, -1.9, 1.5, 1.2)
    z += (0.26 + 0.16 * s.cheek_fat) * bump(ax, y, 3.3, -3.4, 1.5, 1.4)
    z += (0.20 * s.cheek_fat - 0.05) * bump(ax, y, 4.6, -5.6, 1.4, 1.6)
    z -= 0.16 * bump(ax, y, 2.3, -1.2, 1.2, 0.55)
    z += 0.38 * bump(x, y, 0.0, -6.2, 2.6, 1.7)
    z = _nose(person, x, y, z)
    z -= 0.10 * bump(x, y, 0.0, look.nose_base - 0.75, 0.24, 0.5)
    z += 0.05 * bump(ax, y, 0.42, look.nose_base - 0.8, 0.2, 0.5)
    z = _lips(person, x, y, z)
    chin_y = -10.0 - 0.6 * s.chin_length
    z -= 0.36 * bump(x, y, 0.0, look.mouth_y - look.lip_low - 0.62, 1.7, 0.42)
    z += 0.40 * s.chin * bump(x, y, 0.0, chin_y, 1.35, 0.85)
    z -= 0.25 * s.dimple * bump(x, y, 0.0, chin_y, 0.28, 0.6)
    # Fold from the nose wing to the mouth's corner, deeper with age.
    f = np.clip((look.nose_base + 0.3 - y) / 3.0, -0.2, 1.2)
    fold = ax - (look.nose_half + 0.25 + 1.45 * np.maximum(f, 0.0) ** 0.9)
    z -= (
        (0.03 + 0.12 * look.age)
        * s.fold
        * np.exp(-((fold / 0.24) ** 2))
        * step(-0.1, 0.2, f)
        * step(1.2, 0.6, f)
    )
    z = _lids(person, x, y, z)
    return z0 + (z - z0) * step(1.0, 4.0, z0)


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
    out = np.where(near > 1e-3, z + (smooth_max(lid, z, 0.22) - z) * near, z)
    # Sharp edge of the socket over the lid: the crease.
    t = dx / look.eye_half
    arc = look.lid_up * np.maximum(1 - t * t, 0.0) ** 0.5 + look.crease + look.eye_tilt * t
    crease = np.exp(-(((dy - arc) / 0.13) ** 2)) * np.exp(-((t / 0.95) ** 6))
    bag_y = -look.lid_low - 0.42 - 0.25 * (1 - t * t)
    bag = np.exp(-(((dy - bag_y) / 0.22) ** 2)) * np.exp(-((t / 0.9) ** 4))
    return out - 0.07 * crease - (0.03 + 0.07 * look.age) * bag
