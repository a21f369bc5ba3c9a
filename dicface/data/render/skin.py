"""Colour, relief and shine of the face's skin at a rest position (compiled)."""

import math

import numpy as np
from numba import njit

from dicface.data.render.features import Look, brow_cover, eye_local, lid_curves, lip_curves
from dicface.data.render.noise import bump, cell, clamp01, noise2, noise3, smoothstep


@njit(cache=True)
def spots(x: float, y: float, z: float, seed: int, size: float) -> float:
    """Irregular freckles in [0, 1]; `size` is the mesh in cm."""
    u, v = (x + 0.6 * z) / size, (y - 0.3 * z) / size
    ix, iy = int(math.floor(u)), int(math.floor(v))
    best = 0.0
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            cx, cy = ix + dx, iy + dy
            if cell(cx, cy, seed) < 0.45:
                continue
            px = cx + cell(cx, cy, seed + 1)
            py = cy + cell(cx, cy, seed + 2)
            r = 0.16 + 0.26 * cell(cx, cy, seed + 3)
            d = math.sqrt((u - px) ** 2 + (v - py) ** 2)
            value = smoothstep(r, 0.3 * r, d)
            if value > best:
                best = value
    return best


@njit(cache=True)
def beard_area(x: float, y: float, z: float, look: Look) -> tuple[float, float]:
    """Where hair grows on cheeks and chin, and on the upper lip, each in [0, 1]."""
    ax = abs(x)
    under = look.nose_base - 0.30
    line = under - 0.40 - 1.1 * smoothstep(1.2, 3.2, ax) + 3.4 * smoothstep(3.6, 6.4, ax)
    area = smoothstep(line + 0.5, line - 0.6, y)
    area *= 1.0 - 0.5 * bump(ax, y, look.mouth_half - 0.4, look.mouth_y - 1.2, 0.7, 0.6)
    area *= smoothstep(0.2, 1.6, z + 0.25 * (y + 6.0))
    upper, seam, lower = lip_curves(x, look)
    u = ax / look.mouth_half
    above = smoothstep(seam - 0.2, seam + 0.2, y) * smoothstep(1.30, 0.85, u)
    # The beard's chin, with a strip below the lip.
    chin = bump(x, y, 0.0, look.mouth_y - 3.2, 2.1, 2.0)
    chin = max(smoothstep(0.25, 0.6, chin), 0.8 * bump(x, y, 0.0, lower - 0.6, 0.6, 0.6))
    # And its two arms up to the moustache.
    arm = bump(ax, y, look.mouth_half + 0.15, look.mouth_y - 0.6, 0.55, 1.6)
    chin = max(chin, 0.9 * smoothstep(0.3, 0.7, arm) * smoothstep(0.9, 1.1, look.beard_chin))
    chin *= smoothstep(0.3, 0.9, look.beard_chin)
    area = (1.0 - above) * max(area * look.beard_cheek, min(area * 1.6, 1.0) * chin)
    # A moustache's upper border falls from under the nose to the corners.
    brim = under + 0.02 - 0.75 * u * u
    lip = smoothstep(brim + 0.10, brim - 0.30, y) * above
    lip *= look.moustache * (0.55 + 0.45 * smoothstep(0.05, 0.30, ax))
    if u < 1.06:
        bare = smoothstep(upper + 0.22, upper + 0.02, y) * smoothstep(lower - 0.22, lower - 0.02, y)
        bare *= smoothstep(1.06, 0.98, u)
        area *= 1.0 - bare
        lip *= 1.0 - bare
    return clamp01(area), clamp01(lip)


@njit(cache=True)
def beard_areas(points: np.ndarray, look: Look) -> tuple[np.ndarray, np.ndarray]:
    """`beard_area` of points (N, 3)."""
    full, lip = np.empty(points.shape[0]), np.empty(points.shape[0])
    for n in range(points.shape[0]):
        full[n], lip[n] = beard_area(points[n, 0], points[n, 1], points[n, 2], look)
    return full, lip


@njit(cache=True)
def skin_colour(
    x: float,
    y: float,
    z: float,
    hollow: float,
    edge: float,
    look: Look,
    lids: np.ndarray,
    detail: float,
    out: np.ndarray,
) -> None:
    """Fill `out` with albedo (0..2), shine (3), roughness (4) and relief (5, cm).

    `hollow` is the sunkenness in [0, 1], `edge` the distance (cm) inside the hairline, `detail`
    the number of supersamples a centimetre: what is finer is faded out.
    """
    ax = abs(x)
    r, g, b = look.skin
    shine = 0.65 * look.oil
    rough = 0.42
    relief = 0.0
    fine = smoothstep(4.0, 20.0, detail)
    finer = smoothstep(9.0, 40.0, detail)
    seed = look.seed

    # Uneven tone, pores.
    blotch = noise3(x * 0.7, y * 0.7, z * 0.7, seed) - 0.5
    mottle = noise3(x * 2.6, y * 2.6, z * 2.6, seed + 1) - 0.5
    pore = noise3(x * 9.0, y * 9.0, z * 9.0, seed + 2) - 0.5
    tone = 1.0 + 0.10 * blotch + 0.09 * mottle + 0.10 * fine * pore
    relief += 0.010 * finer * pore
    # Blood: cheeks, nose, chin, ears; darker around the eyes.
    blood = 0.55 * bump(ax, y, 3.9, -3.1, 1.7, 1.4) + 0.5 * bump(x, y, 0.0, -3.9, 1.3, 0.8)
    blood += 0.2 * bump(x, y, 0.0, -10.0, 1.4, 0.9)
    blood += 0.25 * mottle * bump(ax, y, 3.5, -3.0, 2.5, 2.0)
    blood = look.redness * max(0.0, blood)
    r *= tone * (1.0 + 0.06 * blood)
    g *= tone * (1.0 - 0.26 * blood)
    b *= tone * (1.0 - 0.20 * blood)
    if look.blush > 0.0:
        rouge = look.blush * 0.5 * bump(ax, y, 4.6, -2.6, 1.9, 1.2)
        g *= 1.0 - 0.42 * rouge
        b *= 1.0 - 0.30 * rouge
    t, h, eye = eye_local(x, y, look)
    shade = 0.26 * bump(ax, y, look.eye_x - 0.5, -0.85, 1.2, 0.55) * (0.5 + 0.7 * look.age)
    shade += 0.25 * bump(ax, y, look.eye_x - 0.2, 0.55, 1.5, 0.55)
    shade += 0.22 * bump(ax, y, 1.45, 0.1, 0.5, 0.7)
    r *= 1.0 - 0.75 * shade
    g *= 1.0 - shade
    b *= 1.0 - 0.8 * shade
    if look.freckles > 0.0:
        zone = bump(ax, y, 2.4, -2.4, 3.0, 1.9) + 0.35 * bump(x, y, 0.0, 4.5, 4.0, 2.5)
        f = look.freckles * zone * smoothstep(5.0, 14.0, detail)
        f *= 0.75 * spots(x, y, z, seed + 20, 0.42) + 0.45 * spots(x, y, z, seed + 30, 0.25)
        r *= 1.0 - 0.28 * f
        g *= 1.0 - 0.48 * f
        b *= 1.0 - 0.60 * f
    # Two moles.
    for k in range(2):
        mx = (cell(k, 1, seed) - 0.5) * 9.0
        my = -1.5 - 7.0 * cell(k, 2, seed)
        d = math.sqrt((x - mx) ** 2 + (y - my) ** 2)
        size = 0.08 + 0.07 * cell(k, 3, seed)
        mole = 0.7 * smoothstep(size, 0.45 * size, d)
        r *= 1.0 - 0.65 * mole
        g *= 1.0 - 0.8 * mole
        b *= 1.0 - 0.85 * mole

    # Lines of age.
    if look.age > 0.35:
        a = (look.age - 0.35) / 0.65
        wob = 0.35 * math.sin(x * 0.55 + seed) + 0.35 * noise2(x * 0.6, y * 0.2, seed + 5)
        lines = math.sin((y + wob) * 6.6)
        front = bump(x, y, 0.0, 4.5, 3.6, 1.5)
        relief -= 0.060 * a * front * smoothstep(0.55, 1.0, lines)
        fan = math.atan2(y - look.eye_y + 0.1, ax - look.eye_x - 0.3)
        crow = bump(ax, y, look.eye_x + look.eye_half + 0.75, 0.0, 0.55, 0.75)
        relief -= 0.045 * a * crow * smoothstep(0.4, 1.0, math.sin(fan * 17.0))
        under = smoothstep(0.5, 1.0, math.sin((h + 0.1 * t * t) * 13.0))
        relief -= 0.028 * a * under * bump(t, h, 0.0, -1.0, 0.9, 0.3)

    # Beard.
    if look.stubble > 0.0:
        full, tache = beard_area(x, y, z, look)
        area = max(full, tache)
        if area > 0.0:
            n1 = noise2(x * 11.0 + 0.5 * y, y * 6.0 + 3.0 * z, seed + 40)
            n2 = noise2(x * 5.0, y * 3.0 + z * 3.0, seed + 41)
            hairs = 0.45 + 0.75 * fine * (n1 - 0.4) + 0.35 * (n2 - 0.5)
            thick = 0.30 + 0.75 * hairs * (0.6 + 0.4 * look.stubble)
            cover = 0.92 * clamp01(area * look.stubble * thick)
            hr, hg, hb = look.beard_colour
            r += (hr * 1.3 - r) * cover
            g += (hg * 1.3 - g) * cover
            b += (hb * 1.3 - b) * cover
            relief += 0.02 * fine * area * look.stubble * n1
            shine *= 1.0 - 0.6 * cover

    # Nostrils and the corner between wing and cheek.
    hole = bump(ax, y, 0.70 * look.nostril, look.nose_base + 0.17, 0.40 * look.nostril, 0.24)
    hole = smoothstep(0.25, 0.75, hole)
    r *= 1.0 - 0.90 * hole
    g *= 1.0 - 0.94 * hole
    b *= 1.0 - 0.94 * hole

    # Lips.
    upper, seam, lower = lip_curves(x, look)
    u = ax / look.mouth_half
    lip = 0.0
    if u < 1.04 and lower - 0.3 < y < upper + 0.3:
        soft = 0.09
        lip = smoothstep(upper + soft, upper - soft, y) * smoothstep(lower - soft, lower + soft, y)
        lip *= smoothstep(1.03, 0.93, u)
        wr = noise2(x * 7.0, y * 1.2, seed + 50) - 0.5
        lr, lg, lb = look.lip_colour
        dark = 1.0 + 0.22 * wr * fine
        if y > seam:
            dark *= 0.80
        inner = math.exp(-(((y - seam) / 0.20) ** 2))
        dark *= 1.0 - 0.25 * inner
        r += (lr * dark - r) * lip * 0.92
        g += (lg * dark - g) * lip * 0.92
        b += (lb * dark - b) * lip * 0.92
        relief += 0.016 * lip * wr * fine
        shine += (0.75 - shine) * lip
        rough += (0.36 - rough) * lip
    crack = math.exp(-(((y - seam) / 0.085) ** 2)) * smoothstep(1.10, 0.98, u)
    r *= 1.0 - 0.80 * crack
    g *= 1.0 - 0.88 * crack
    b *= 1.0 - 0.86 * crack

    # Lids: crease, wet rim, lashes.
    if abs(h) < 1.6 and abs(t) < 1.5:
        closure = lids[eye, 0]
        top, bottom = lid_curves(t, look, closure)
        open_top, _ = lid_curves(t, look, 0.0)
        ends = smoothstep(1.16, 0.88, abs(t))
        arc = open_top + look.crease * (1.0 - 0.55 * closure) + 0.02
        if look.shadow > 0.0:
            over = look.shadow * smoothstep(0.55, 0.0, h - arc) * smoothstep(-0.25, 0.0, h - bottom)
            over *= smoothstep(1.35, 0.95, abs(t))
            sr, sg, sb = look.shadow_colour
            r += (sr - r) * over
            g += (sg - g) * over
            b += (sb - b) * over
        crease = math.exp(-(((h - arc) / (0.085 + 0.05 * closure)) ** 2)) * ends
        crease *= 0.62 * (1.0 - 0.35 * closure)
        rim = math.exp(-(((h - bottom + 0.06) / 0.055) ** 2)) * ends * (1.0 - closure)
        r += (0.62 * look.skin[0] + 0.20 - r) * rim * 0.55
        g *= 1.0 - 0.10 * rim
        shine += 1.2 * rim
        d = h - top
        dense = look.lash
        wide = 0.05 * dense + 0.10 * look.liner
        liner = smoothstep(0.20 + wide, 0.08 + wide, abs(d)) * ends
        # Drawn out beyond the outer corner by make-up.
        flick = bump(t, h - look.eye_tilt * t - 0.25 * (t - 0.9), 1.05, 0.03, 0.22, 0.09)
        liner = max(liner, smoothstep(0.35, 0.75, flick * look.liner))
        if d < 0.0 and h > bottom and closure < 0.9:
            liner = ends
        wing = smoothstep(-0.6, 0.9, t)
        hairs = 0.0
        reach = 0.34 * dense * (0.5 + 0.6 * wing)
        if closure > 0.6:
            q = -d
        else:
            q = d
        if 0.0 < q < reach:
            comb = 0.5 + 0.5 * math.sin((t * 26.0 + q * 9.0 * (t + 0.2)) + 2.0 * blotch)
            hairs = smoothstep(0.25, 0.75, comb * (0.4 + 0.6 * finer) + 0.3 * (1.0 - finer))
            hairs *= (1.0 - q / reach) * ends
        low = (
            math.exp(-(((h - bottom + 0.12) / 0.08) ** 2))
            * ends
            * (0.25 * dense + 0.4 * look.liner)
        )
        dark = clamp01(max(0.97 * liner, 0.85 * hairs) + low)
        dark = clamp01(dark * 0.96)
        r *= 1.0 - 0.62 * crease
        g *= 1.0 - 0.70 * crease
        b *= 1.0 - 0.70 * crease
        r += (0.012 - r) * dark
        g += (0.008 - g) * dark
        b += (0.007 - b) * dark
        shine *= 1.0 - 0.8 * dark

    # Brows.
    cover = 0.0
    if abs(y - look.brow_y) < 1.7:
        cover = brow_cover(x, y, look, fine)
        hr, hg, hb = look.brow_colour
        r += (hr - r) * cover
        g += (hg - g) * cover
        b += (hb - b) * cover
        shine *= 1.0 - 0.75 * cover
        relief += 0.05 * cover
    # Grease of forehead, nose and chin.
    zone = 0.5 * bump(x, y, 0.0, 4.0, 2.8, 2.2) + 0.8 * bump(x, y, 0.0, -2.8, 0.8, 2.2)
    shine *= 0.75 + zone
    # Roots darken the scalp.
    roots = smoothstep(-0.45, 0.7, edge + 0.5 * noise2(x * 4.0 + z * 3.0, y * 2.0, seed + 90) - 0.2)
    roots *= 0.86 * look.roots
    hr, hg, hb = look.hair_colour
    r += (0.8 * hr + 0.04 * r - r) * roots
    g += (0.8 * hg + 0.04 * g - g) * roots
    b += (0.8 * hb + 0.04 * b - b) * roots
    shine *= 1.0 - 0.8 * roots
    occlusion = 1.0 - clamp01(hollow)
    r *= 0.45 + 0.55 * occlusion
    g *= 0.36 + 0.64 * occlusion
    b *= 0.34 + 0.66 * occlusion
    out[0] = max(r, 0.002)
    out[1] = max(g, 0.002)
    out[2] = max(b, 0.002)
    out[3] = shine * (0.3 + 0.7 * occlusion)
    out[4] = rough
    out[5] = relief
