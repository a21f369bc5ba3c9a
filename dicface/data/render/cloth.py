"""Colours of clothes, beards, glasses' frames and hats (compiled)."""

import math

import numpy as np
from numba import njit

from dicface.data.render.features import Look
from dicface.data.render.noise import clamp01, noise2, noise3, smoothstep
from dicface.data.render.surface import OPEN, WRAP, set_surface

# As in `wardrobe`.
_VEE, _SHIRT, _ROLL, _JACKET = 1, 2, 3, 4
_STRIPES, _CHECKS, _FLECKS = 1, 2, 3


@njit(cache=True)
def _pattern(x: float, y: float, look: Look) -> float:
    """Share of the second colour in the cloth at (x, y) cm."""
    if look.pattern == _STRIPES:
        return smoothstep(-0.1, 0.1, math.sin(y * (1.5 + 0.2 * (look.seed % 17))))
    if look.pattern == _CHECKS:
        k = 1.6 + 0.1 * (look.seed % 13)
        across = smoothstep(-0.1, 0.1, math.sin(x * k))
        return 0.5 * across + 0.5 * smoothstep(-0.1, 0.1, math.sin(y * k))
    if look.pattern == _FLECKS:
        return smoothstep(0.62, 0.70, noise2(x * 1.6, y * 1.6, look.seed + 72))
    return 0.0


@njit(cache=True)
def body(c: np.ndarray, look: Look, s: np.ndarray) -> None:
    """Neck and clothes at rest coordinates `c` of the body."""
    x, y = c[0], c[1]
    ax = abs(x)
    neckline = look.collar_y
    if look.hat_kind == 4:
        neckline = -7.0
    elif c[2] > 0.0:
        if look.shirt_kind == 0:
            neckline -= look.collar_v * math.exp(-((x / 2.6) ** 2))
        else:
            neckline -= max(0.0, look.collar_v - 0.9 * ax) * (look.shirt_kind != _ROLL)
    else:
        neckline += 0.015 * x * x
    if y < neckline:
        weave = noise2(x * 6.0, y * 6.0, 70) - 0.5
        fold = noise2(x * 0.5, y * 0.35, 71 + look.seed) - 0.5
        tone = 1.0 + 0.16 * weave + 0.35 * fold
        mix = _pattern(x, y, look)
        if look.shirt_kind == _ROLL:
            tone *= 1.0 + 0.25 * math.sin(x * 5.0) * (y > -14.0)
        r = look.shirt[0] + (look.shirt_two[0] - look.shirt[0]) * mix
        g = look.shirt[1] + (look.shirt_two[1] - look.shirt[1]) * mix
        b = look.shirt[2] + (look.shirt_two[2] - look.shirt[2]) * mix
        below = neckline - y
        if look.hat_kind == 4:
            r, g, b = look.hat_colour
        elif look.shirt_kind == _SHIRT or look.shirt_kind == _JACKET:
            # Two flaps of the collar, in the second colour under a jacket.
            flap = below < 2.0 - 0.12 * ax
            if look.shirt_kind == _JACKET:
                inner = ax < 2.2 - 0.25 * (y + 16.0) and c[2] > 0.0
                if flap or inner:
                    r, g, b = 0.60, 0.60, 0.60
                if ax < 0.75 and c[2] > 0.0:
                    r, g, b = look.shirt_two
            elif flap:
                tone *= 1.12
            if abs(below - 2.0 + 0.12 * ax) < 0.18:
                tone *= 0.55
        elif below < 0.7:
            tone *= 0.82
        set_surface(s, r * tone, g * tone, b * tone, 0.15, 20.0)
        s[WRAP] = s[WRAP + 1] = s[WRAP + 2] = 0.0
        s[OPEN] = 0.6 + 0.4 * smoothstep(-9.0, -14.0, y)
        return
    tone = 0.97 + 0.12 * (noise3(x * 1.5, y * 1.5, c[2] * 1.5, look.seed) - 0.5)
    # Little light arrives under the chin and inside the collar.
    sky = 0.42 + 0.58 * smoothstep(-8.0, -14.5, y)
    sky *= 1.0 - 0.35 * clamp01(look.collar_y + 0.9 - y)
    red = look.skin[0] * tone * (0.55 + 0.45 * sky)
    green = look.skin[1] * tone * (0.45 + 0.55 * sky)
    set_surface(s, red, green, look.skin[2] * tone * (0.43 + 0.57 * sky), 0.5, 20.0)
    s[OPEN] = sky


@njit(cache=True)
def beard(c: np.ndarray, look: Look, detail: float, s: np.ndarray) -> None:
    """A beard's hairs: streaks along their growth, darker inside."""
    x, y, z = c[0], c[1], c[2]
    near = smoothstep(5.0, 22.0, detail)
    n1 = noise2(x * 2.0 + 0.3 * y, y * 0.8 + z * 0.5, look.seed + 44) - 0.5
    n2 = noise2(x * 8.0 + 0.4 * y, y * 2.0 + z, look.seed + 45) - 0.5
    tone = (0.45 + 0.75 * c[4]) * (1.0 + 0.5 * n1 + 0.9 * near * n2)
    r, g, b = look.beard_colour
    set_surface(s, r * tone, g * tone, b * tone, 0.35 + 0.5 * near * n2, 12.0)
    s[WRAP] = s[WRAP + 1] = s[WRAP + 2] = 0.15
    s[OPEN] = 0.5 + 0.4 * c[4]


@njit(cache=True)
def frame(c: np.ndarray, look: Look, s: np.ndarray) -> None:
    """Glasses' frame: plain or speckled plastic, or metal."""
    r, g, b = look.frame
    if look.frame_speckle > 0.0:
        n = smoothstep(0.42, 0.60, noise3(c[0] * 2.0, c[1] * 2.0, c[2] * 2.0, look.seed + 46))
        r, g, b = 0.015 + 0.28 * n, 0.010 + 0.11 * n, 0.008 + 0.03 * n
    set_surface(s, r, g, b, 1.0 + 4.0 * look.frame_shine, 40.0)
    s[WRAP] = s[WRAP + 1] = s[WRAP + 2] = 0.0


@njit(cache=True)
def hat(c: np.ndarray, look: Look, s: np.ndarray) -> None:
    """Knitted, plain or folded cloth of a hat; `c[3]` is the angle around, `c[4]` the height."""
    r, g, b = look.hat_colour
    tone = 1.0 + 0.20 * (noise2(c[0] * 5.0 + c[2] * 3.0, c[1] * 5.0, look.seed + 47) - 0.5)
    if look.hat_kind == 1:
        tone *= 0.85 + 0.25 * math.sin(c[3] * 60.0)
        if 0.0 < c[4] < 2.3:
            tone *= 0.85 + 0.15 * smoothstep(0.0, 0.3, 2.3 - c[4])
        elif look.pattern != 0:
            mix = _pattern(c[3] * 7.0, c[1] * 1.6, look)
            r += (look.hat_two[0] - r) * mix
            g += (look.hat_two[1] - g) * mix
            b += (look.hat_two[2] - b) * mix
    elif look.hat_kind == 2:
        if c[4] < -0.5:
            r, g, b = look.hat_two
        seam = abs(math.sin(c[3] * 3.0))
        tone *= 0.75 + 0.25 * smoothstep(0.02, 0.12, seam)
    elif look.hat_kind == 4:
        tone *= 0.9 + 0.25 * noise2(c[3] * 4.0, c[1] * 0.3, look.seed + 48)
    set_surface(s, r * tone, g * tone, b * tone, 0.12, 16.0)
    s[WRAP] = s[WRAP + 1] = s[WRAP + 2] = 0.1
