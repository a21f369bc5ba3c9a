"""Seeded value noise and small scalar helpers, compiled, shared by the raster and the shader."""

import math

from numba import njit

_MASK = 0xFFFFFFFF


@njit(cache=True, inline="always")
def clamp01(x: float) -> float:
    """`x` limited to [0, 1]."""
    return 0.0 if x < 0.0 else (1.0 if x > 1.0 else x)


@njit(cache=True, inline="always")
def smoothstep(a: float, b: float, x: float) -> float:
    """Cubic step: 0 at `a`, 1 at `b` (`a` may be above `b`)."""
    t = clamp01((x - a) / (b - a))
    return t * t * (3.0 - 2.0 * t)


@njit(cache=True)
def bump(x: float, y: float, cx: float, cy: float, sx: float, sy: float) -> float:
    """Gaussian bump of height 1 at (cx, cy) with widths (sx, sy)."""
    u = (x - cx) / sx
    v = (y - cy) / sy
    return math.exp(-u * u - v * v)


@njit(cache=True)
def cell(ix: int, iy: int, iz: int) -> float:
    """Hash of an integer cell, uniform in [0, 1)."""
    h = (ix * 374761393 + iy * 668265263 + iz * 1440662683 + 1013904223) & _MASK
    h = ((h ^ (h >> 13)) * 1274126177) & _MASK
    h = ((h ^ (h >> 16)) * 2246822519) & _MASK
    return (h ^ (h >> 15)) / 4294967296.0


@njit(cache=True)
def noise2(x: float, y: float, seed: int) -> float:
    """Value noise of two coordinates in [0, 1], one feature per unit."""
    fx = math.floor(x)
    fy = math.floor(y)
    ix = int(fx)
    iy = int(fy)
    u = x - fx
    v = y - fy
    u = u * u * (3.0 - 2.0 * u)
    v = v * v * (3.0 - 2.0 * v)
    a = cell(ix, iy, seed)
    b = cell(ix + 1, iy, seed)
    c = cell(ix, iy + 1, seed)
    d = cell(ix + 1, iy + 1, seed)
    return (a + (b - a) * u) * (1.0 - v) + (c + (d - c) * u) * v


@njit(cache=True)
def noise3(x: float, y: float, z: float, seed: int) -> float:
    """Value noise of three coordinates in [0, 1], one feature per unit."""
    fz = math.floor(z)
    iz = int(fz)
    w = z - fz
    w = w * w * (3.0 - 2.0 * w)
    a = noise2(x, y, seed + iz * 7919)
    b = noise2(x, y, seed + (iz + 1) * 7919)
    return a + (b - a) * w
