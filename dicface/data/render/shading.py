"""Light on every visible point (compiled): skin, eyes, teeth, hair, cloth and background."""

import math

import numpy as np
from numba import njit

from dicface.data.render.features import Look, eye_local, lid_curves, strand_coords
from dicface.data.render.noise import clamp01, noise2, noise3, smoothstep
from dicface.data.render.skin import skin_colour

# Rows of the light table: directions and linear RGB.
KEY_DIR, KEY, FILL_DIR, FILL, RIM_DIR, RIM, SKY, GROUND = range(8)


@njit(cache=True)
def _lit(
    depth: np.ndarray, axes: np.ndarray, half: float, x: float, y: float, z: float, bias: float
) -> float:
    """Share of the key light that reaches a point: soft shadow over 5 × 5 texels."""
    side = depth.shape[0]
    scale = side / (2.0 * half)
    u = (x * axes[0, 0] + y * axes[0, 1] + z * axes[0, 2] + half) * scale - 0.5
    v = (x * axes[1, 0] + y * axes[1, 1] + z * axes[1, 2] + half) * scale - 0.5
    w = x * axes[2, 0] + y * axes[2, 1] + z * axes[2, 2]
    iu, iv = int(math.floor(u)), int(math.floor(v))
    if iu < 2 or iv < 2 or iu >= side - 3 or iv >= side - 3:
        return 1.0
    fu, fv = u - iu, v - iv
    total = 0.0
    weight = 0.0
    for dy in range(-2, 4):
        wy = 1.0
        if dy == -2:
            wy = 1.0 - fv
        elif dy == 3:
            wy = fv
        for dx in range(-2, 4):
            wx = 1.0
            if dx == -2:
                wx = 1.0 - fu
            elif dx == 3:
                wx = fu
            total += wx * wy * (1.0 - smoothstep(bias, bias + 0.5, depth[iv + dy, iu + dx] - w))
            weight += wx * wy
    return total / weight


@njit(cache=True)
def _soft(ndl: float, wrap: float) -> float:
    """Diffuse term that reaches past the terminator by `wrap`."""
    value = (ndl + wrap) / (1.0 + wrap)
    return 0.0 if value < 0.0 else value * (0.35 + 0.65 * value) if wrap > 0.0 else value


@njit(cache=True)
def _gloss(n: np.ndarray, light: np.ndarray, view: np.ndarray, power: float) -> float:
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
def _eye_colour(
    x: float, y: float, look: Look, lids: np.ndarray, n: np.ndarray, head: np.ndarray,
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
    iris_r = 0.60
    veins = noise2(dx * 6.0 + 3.0 * noise2(dx * 3.0, dy * 3.0, look.seed), dy * 14.0, look.seed + 60)
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
            math.cos(angle) * 22.0, math.sin(angle) * 22.0 + rho * 3.0, look.seed + 62)
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
        pupil = smoothstep(0.40, 0.33, q)
        ir, ig, ib = ir * (1 - pupil), ig * (1 - pupil), ib * (1 - pupil)
        r += (ir - r) * cornea
        g += (ig - g) * cornea
        b += (ib - b) * cornea
        bend = 0.55 * cornea
        px, py, pz = px + bend * (px - gx) , py + bend * (py - gy), pz + bend * (pz - gz)
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


@njit(cache=True, nogil=True)
def paint_skin(
    index: np.ndarray, weights: np.ndarray, tris: np.ndarray, material: np.ndarray,
    coords: np.ndarray, look: Look, lids: np.ndarray, detail: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Skin of every supersample: (side, side, 7) as `skin_colour`, and its relief's slope.

    The slope (side, side, 2), cm a supersample, is what tilts the normal in `shade`.
    """
    side = index.shape[0]
    paint = np.zeros((side, side, 7), np.float32)
    slope = np.zeros((side, side, 2), np.float32)
    out = np.empty(7)
    for py in range(side):
        for px in range(side):
            m = index[py, px]
            if m < 0 or material[m] != 0:
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
            for q in range(7):
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


@njit(cache=True, nogil=True)
def shade(
    index: np.ndarray, weights: np.ndarray, paint: np.ndarray, slope: np.ndarray, tris: np.ndarray, material: np.ndarray,
    points: np.ndarray, normals: np.ndarray, coords: np.ndarray, look: Look, lids: np.ndarray,
    head: np.ndarray, lights: np.ndarray, shadow: np.ndarray, axes: np.ndarray, half: float,
    camera: float, detail: float, backdrop: np.ndarray,
) -> np.ndarray:
    """Display-linear colour of every supersample.

    Args:
        index, weights: from `raster.rasterise`; paint, slope: from `paint_skin`.
        tris, material, points, normals, coords: the scene in view space (cm).
        look: the identity's features; `lids` (2, 3) of this frame.
        head: (3, 3) rotation of the head.
        lights: (8, 3), rows as named above.
        shadow, axes, half: the key light's shadow map.
        camera: distance of the camera from the origin, cm.
        detail: supersamples a centimetre.
        backdrop: (side, side, 3) colours where nothing is hit.

    Returns:
        (side, side, 3) in [0, 1], before gamma.
    """
    side = index.shape[0]
    image = np.empty((side, side, 3))
    c = np.empty(5)
    n = np.empty(3)
    p = np.empty(3)
    view = np.empty(3)
    skin = np.empty(7)
    for py in range(side):
        for px in range(side):
            m = index[py, px]
            if m < 0:
                for q in range(3):
                    image[py, px, q] = backdrop[py, px, q]
                continue
            i, j, k = tris[m, 0], tris[m, 1], tris[m, 2]
            b1 = weights[py, px, 0]
            b2 = weights[py, px, 1]
            b0 = 1.0 - b1 - b2
            for q in range(3):
                p[q] = b0 * points[i, q] + b1 * points[j, q] + b2 * points[k, q]
                n[q] = b0 * normals[i, q] + b1 * normals[j, q] + b2 * normals[k, q]
            for q in range(5):
                c[q] = b0 * coords[i, q] + b1 * coords[j, q] + b2 * coords[k, q]
            kind = material[m]
            vx, vy, vz = -p[0], -p[1], camera - p[2]
            size = math.sqrt(vx * vx + vy * vy + vz * vz)
            view[0], view[1], view[2] = vx / size, vy / size, vz / size
            size = math.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) + 1e-9
            n[0], n[1], n[2] = n[0] / size, n[1] / size, n[2] / size
            if kind != 0 and n[0] * view[0] + n[1] * view[1] + n[2] * view[2] < 0.0:
                n[0], n[1], n[2] = -n[0], -n[1], -n[2]
            lit = _lit(shadow, axes, half, p[0], p[1], p[2], 0.25)
            r = g = b = 0.0
            shine = 0.0
            power = 20.0
            wrap_r = wrap_g = wrap_b = 0.0
            occlusion = 1.0
            if kind == 0 or kind == 6 or kind == 5:
                if kind == 5 and c[1] < look.collar_y - look.collar_v * math.exp(
                        -((c[0] / 2.6) ** 2)) * (c[2] > 0.0) + 0.015 * c[0] * c[0] * (
                        c[2] < 0.0):
                    weave = noise2(c[0] * 6.0, c[1] * 6.0, 70) - 0.5
                    fold = noise2(c[0] * 0.5, c[1] * 0.35, 71) - 0.5
                    tone = 1.0 + 0.16 * weave + 0.25 * fold
                    rim = look.collar_y - c[1]
                    if rim < 1.0:
                        tone *= 0.86
                    r, g, b = look.shirt[0] * tone, look.shirt[1] * tone, look.shirt[2] * tone
                    shine = 0.15
                elif kind == 5:
                    blotch = noise3(c[0] * 1.5, c[1] * 1.5, c[2] * 1.5, look.seed) - 0.5
                    tone = 0.97 + 0.12 * blotch
                    # Under the chin little light arrives.
                    occlusion = 0.42 + 0.58 * smoothstep(-8.0, -14.5, c[1])
                    r, g, b = look.skin[0] * tone, look.skin[1] * tone, look.skin[2] * tone
                    cloth = look.collar_y + 0.9 - c[1]
                    if cloth > 0.0:
                        occlusion *= 1.0 - 0.35 * clamp01(cloth)
                    r *= 0.55 + 0.45 * occlusion
                    g *= 0.45 + 0.55 * occlusion
                    b *= 0.43 + 0.57 * occlusion
                    shine = 0.5
                    wrap_r, wrap_g, wrap_b = 0.35, 0.20, 0.15
                else:
                    r, g, b = paint[py, px, 0], paint[py, px, 1], paint[py, px, 2]
                    shine = paint[py, px, 3]
                    facing = n[0] * view[0] + n[1] * view[1] + n[2] * view[2]
                    if kind == 0 and facing < -0.12:
                        # The inside of the cheeks, seen through the open mouth.
                        r, g, b, shine = 0.030, 0.008, 0.008, 0.0
                    power = 2.0 / (max(paint[py, px, 4], 0.2) ** 4) - 2.0
                    wrap_r, wrap_g, wrap_b = 0.36, 0.20, 0.15
                    if kind == 6:
                        dent = 1.0 - 0.75 * clamp01(c[3])
                        dent *= 0.62 + 0.38 * smoothstep(6.6, 8.2, abs(c[0]))
                        r = look.skin[0] * 0.96 * (0.35 + 0.65 * dent)
                        g = look.skin[1] * 0.86 * dent
                        b = look.skin[2] * 0.85 * dent
                        shine = 0.5
                        power = 16.0
                    else:
                        occlusion = 1.0 - 0.5 * clamp01(c[3])
                        n[0] += detail * slope[py, px, 0]
                        n[1] += detail * slope[py, px, 1]
                        size = math.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2])
                        n[0], n[1], n[2] = n[0] / size, n[1] / size, n[2] / size
            elif kind == 1:
                _eye_colour(c[0], c[1], look, lids, n, head, skin)
                occlusion = skin[3]
                r, g, b = skin[0] * occlusion, skin[1] * occlusion, skin[2] * occlusion
                lit = 0.35 + 0.65 * lit
                wrap_r, wrap_g, wrap_b = 0.30, 0.25, 0.25
            elif kind == 2:
                u, v = c[0], c[1]
                part = abs(u - math.floor(u) - 0.5) * 2.0
                gap = smoothstep(0.86, 1.0, part)
                back = clamp01(1.0 - (u / 3.3) ** 2)
                gum = smoothstep(0.34, 0.20, v - 0.10 * part * part)
                tone = (0.04 + 0.96 * back) * (1.0 - 0.40 * gap) * (0.62 + 0.38 * v)
                if c[3] < 0.5:
                    tone *= 0.72
                r, g, b = 0.66 * tone, 0.61 * tone, 0.53 * tone
                r += (0.36 * tone - r) * gum
                g += (0.12 * tone - g) * gum
                b += (0.11 * tone - b) * gum
                shine = 0.9
                power = 60.0
                lit = 0.45 + 0.4 * lit
                wrap_r = wrap_g = wrap_b = 0.4
            elif kind == 3:
                tone = 1.0 if c[3] > 0.5 else 0.16
                tone *= 1.0 - 0.8 * clamp01(c[4]) * (c[3] > 0.5)
                r, g, b = 0.33 * tone, 0.085 * tone, 0.080 * tone
                shine = 0.5 * (c[3] > 0.5)
                lit = 0.35 + 0.3 * lit
                occlusion = 0.55
            key = lights[KEY_DIR]
            fill = lights[FILL_DIR]
            rim = lights[RIM_DIR]
            ndk = n[0] * key[0] + n[1] * key[1] + n[2] * key[2]
            ndf = n[0] * fill[0] + n[1] * fill[1] + n[2] * fill[2]
            ndr = n[0] * rim[0] + n[1] * rim[1] + n[2] * rim[2]
            ndv = n[0] * view[0] + n[1] * view[1] + n[2] * view[2]
            up = 0.5 + 0.5 * n[1]
            if kind == 4:
                across, along = strand_coords(c[0], c[1], c[2], look)
                n1 = noise2(across * 1.1, along * 0.10, look.seed + 80)
                n2 = noise2(across * 4.5, along * 0.25, look.seed + 81)
                n3 = noise2(across * 11.0, along * 0.5, look.seed + 82)
                near = smoothstep(6.0, 26.0, detail)
                if look.hair_curl > 0.5:
                    n1 = noise3(c[0] * 1.3, c[1] * 1.3, c[2] * 1.3, look.seed + 80)
                    n2 = noise3(c[0] * 3.5, c[1] * 3.5, c[2] * 3.5, look.seed + 81)
                    n3 = noise3(c[0] * 8.0, c[1] * 8.0, c[2] * 8.0, look.seed + 82)
                tone = 0.62 + look.hair_streak * (0.45 * (n1 - 0.5) + 0.55 * (n2 - 0.5)) + (
                    0.45 * near * (n3 - 0.5)) + 0.25
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
                    tx, ty, tz = sign * tx / size * (1 - hang), sign * ty / size * (
                        1 - hang) + hang, sign * tz / size * (1 - hang)
                shift = 0.22 * (n2 - 0.5) + 0.10 * (n3 - 0.5)
                tx, ty, tz = tx + shift * n[0], ty + shift * n[1], tz + shift * n[2]
                size = math.sqrt(tx * tx + ty * ty + tz * tz) + 1e-9
                tx, ty, tz = tx / size, ty / size, tz / size
                tl = tx * key[0] + ty * key[1] + tz * key[2]
                hx, hy, hz = key[0] + view[0], key[1] + view[1], key[2] + view[2]
                size = math.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
                th = (tx * hx + ty * hy + tz * hz) / size
                sine = math.sqrt(max(0.0, 1.0 - th * th))
                facing = clamp01(ndk * 1.4 + 0.35) * lit
                curl_cut = 0.35 if look.hair_curl > 0.5 else 1.0
                lobe = (0.16 * sine**60 + 0.10 * sine**14) * facing * curl_cut * (0.4 + 0.6 * n2)
                diffuse = math.sqrt(max(0.0, 1.0 - tl * tl)) * 0.55 + 0.45 * clamp01(ndk)
                diffuse *= clamp01(ndk * 0.8 + 0.45) * lit
                edge_light = clamp01(ndr * 0.7 + 0.1) * (0.3 + 0.7 * (1.0 - clamp01(ndv)) ** 2)
                hr, hg, hb = look.hair_colour
                for q in range(3):
                    colour = hr if q == 0 else (hg if q == 1 else hb)
                    base = colour * tone
                    light = lights[KEY, q] * diffuse + lights[FILL, q] * clamp01(0.4 + 0.6 * ndf)
                    light += lights[SKY, q] * up + lights[GROUND, q] * (1.0 - up)
                    value = base * light
                    tint = 0.35 + 0.65 * math.sqrt(colour)
                    value += lights[KEY, q] * lobe * tint * 0.5 * deep
                    value += lights[RIM, q] * edge_light * (0.03 + 0.5 * base) * deep
                    image[py, px, q] = value
            else:
                sr = _soft(ndk, wrap_r) * (lit if wrap_r == 0.0 else lit**0.75)
                sg = _soft(ndk, wrap_g) * lit
                sb = _soft(ndk, wrap_b) * lit
                gloss = 0.0
                if shine > 0.0:
                    gloss = shine * (0.75 * _gloss(n, key, view, power) + 0.35 * _gloss(
                        n, key, view, power * 0.28)) * lit
                    gloss_fill = shine * 0.6 * _gloss(n, fill, view, power * 0.4)
                    gloss_rim = shine * _gloss(n, rim, view, power * 0.5)
                else:
                    gloss_fill = 0.0
                    gloss_rim = 0.0
                back = clamp01(ndr + 0.1) * (0.25 + 0.75 * (1.0 - clamp01(ndv)) ** 2)
                ff = clamp01(0.35 + 0.65 * ndf)
                for q in range(3):
                    albedo = r if q == 0 else (g if q == 1 else b)
                    s = sr if q == 0 else (sg if q == 1 else sb)
                    light = lights[KEY, q] * s
                    ambient = lights[FILL, q] * ff + lights[SKY, q] * up + (
                        lights[GROUND, q] * (1.0 - up))
                    light += ambient * occlusion + lights[RIM, q] * back * occlusion
                    value = albedo * light + lights[KEY, q] * gloss
                    value += lights[FILL, q] * gloss_fill + lights[RIM, q] * gloss_rim
                    image[py, px, q] = value
                if kind == 1:
                    wet = _gloss(n, key, view, 500.0) * 0.55 + _gloss(n, fill, view, 120.0) * 0.35
                    wet = min(wet, 2.2) * (0.25 + 0.75 * occlusion)
                    mirror = 0.05 * clamp01(0.3 + n[1]) * occlusion * (0.4 + 0.6 * skin[4])
                    for q in range(3):
                        image[py, px, q] += wet * lights[KEY, q] + mirror * lights[SKY, q]
            for q in range(3):
                x = image[py, px, q]
                # Filmic shoulder: straight in the shadows, soft in the highlights.
                image[py, px, q] = 1.0 - math.exp(-x * (1.0 + 0.28 * x)) if x < 4.0 else 1.0
    return image
