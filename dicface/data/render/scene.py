"""Lamps and backgrounds of a clip, drawn from its name."""

from dataclasses import dataclass

import cv2
import numpy as np

from dicface.data.render import light
from dicface.data.render.draws import Draws

_SIDE = 256
"""Side of a background picture; it spans twice the virtual image."""


@dataclass(frozen=True)
class Scene:
    """What stands around a person.

    Attributes:
        lights: (8, 3) table of `light`.
        blur: texels a shadow is softened by.
        backdrop: (256, 256, 3) float32, display-linear in [0, 1].
        gain: (3,) exposure and white balance of the camera.
        contrast: exponent of its tone curve, near 1.
    """

    lights: np.ndarray
    blur: int
    backdrop: np.ndarray
    gain: np.ndarray
    contrast: float


def _unit(azimuth: float, height: float) -> np.ndarray:
    """Direction at `azimuth` (degrees, 0 in front, positive to the right) and `height`."""
    a, h = np.deg2rad(azimuth), np.deg2rad(height)
    return np.array([np.sin(a) * np.cos(h), np.sin(h), np.cos(a) * np.cos(h)])


def _warmth(amount: float) -> np.ndarray:
    """A lamp's colour: positive is warm, negative cool."""
    return np.array([1.0 + amount, 1.0 + 0.15 * amount, 1.0 - 1.2 * amount])


def _lights(d: Draws) -> np.ndarray:
    """Key, fill and rim lamp, sky and ground; see `light`."""
    kinds = {"studio": 4.0, "window": 3.0, "frontal": 2.0, "top": 1.5, "low": 0.5, "neon": 1.0}
    kind = d.weighted("light", kinds)
    side = d.choice("light side", (-1.0, 1.0))
    azimuth, height, power, fill, sky = {
        "studio": ((20, 45), (22, 42), (1.05, 1.5), (0.18, 0.36), (0.20, 0.34)),
        "window": ((50, 82), (5, 35), (1.3, 1.9), (0.05, 0.20), (0.12, 0.26)),
        "frontal": ((0, 14), (5, 25), (1.0, 1.4), (0.15, 0.35), (0.25, 0.45)),
        "top": ((5, 40), (50, 66), (1.3, 1.9), (0.15, 0.30), (0.30, 0.50)),
        "low": ((10, 40), (-30, -8), (0.9, 1.3), (0.15, 0.3), (0.2, 0.3)),
        "neon": ((35, 75), (5, 35), (1.0, 1.6), (0.45, 0.9), (0.10, 0.22)),
    }[kind]
    out = np.zeros((8, 3))
    out[light.KEY_DIR] = _unit(
        side * d.uniform("key azimuth", *azimuth), d.uniform("key height", *height)
    )
    out[light.FILL_DIR] = _unit(
        -side * d.uniform("fill azimuth", 35, 80), d.uniform("fill height", -8, 20)
    )
    out[light.RIM_DIR] = _unit(
        -side * d.uniform("rim azimuth", 115, 150), d.uniform("rim height", 15, 40)
    )
    warm = d.normal("warmth", 0.10)
    out[light.KEY] = d.uniform("key", *power) * _warmth(warm)
    out[light.FILL] = d.uniform("fill", *fill) * _warmth(-0.7 * warm)
    rim = 0.0 if d.chance("no rim", 0.35) else d.uniform("rim", 0.3, 1.5)
    out[light.RIM] = rim * _warmth(-0.7 * warm)
    if kind == "neon":
        hues = (
            (1.0, 0.25, 0.45),
            (0.25, 0.5, 1.0),
            (0.3, 1.0, 0.8),
            (1.0, 0.6, 0.2),
            (0.7, 0.4, 1),
        )
        out[light.KEY] *= 0.45 + 0.55 * np.array(d.choice("neon key", hues))
        out[light.FILL] *= np.array(d.choice("neon fill", hues))
        out[light.RIM] *= np.array(d.choice("neon rim", hues))
    ambient = d.uniform("sky", *sky)
    out[light.SKY] = ambient * np.array([0.95, 1.0, 1.08])
    out[light.GROUND] = ambient * d.uniform("ground", 0.3, 0.7) * np.array([1.12, 1.0, 0.9])
    return out


def _hue(rng: np.random.Generator, strength: float) -> np.ndarray:
    return 1.0 + strength * (rng.random((3,)) - 0.5)


def _cloud(rng: np.random.Generator, coarse: int, octaves: int = 4) -> np.ndarray:
    """Smooth noise (256, 256) in about [0, 1], `coarse` features a side in its first octave."""
    total, weight = np.zeros((_SIDE, _SIDE), np.float32), 1.0
    for octave in range(octaves):
        n = min(coarse * 2**octave, _SIDE)
        grid = rng.random((n, n), dtype=np.float32)
        total += weight * cv2.resize(grid, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
        weight *= 0.55
    total -= total.min()
    return total / total.max()


def _boxes(rng: np.random.Generator, image: np.ndarray, count: int, size: float) -> None:
    """Paint `count` rectangles of up to `size` (share of the side) on `image`."""
    base = image.mean(axis=(0, 1))
    for _ in range(count):
        corner = rng.integers(0, _SIDE, 2)
        w, h = (rng.uniform(0.02, size, 2) * _SIDE).astype(int) + 1
        colour = base * rng.uniform(0.2, 2.6) * _hue(rng, 1.2)
        cv2.rectangle(image, tuple(map(int, corner)), tuple(map(int, corner + (w, h))), colour, -1)


def _room(rng: np.random.Generator, image: np.ndarray) -> None:
    _boxes(rng, image, int(rng.integers(6, 16)), 0.3)


def _plain(rng: np.random.Generator, image: np.ndarray) -> None:
    """A studio's wall, brighter around one place."""
    y, x = np.mgrid[0 : 1 : _SIDE * 1j, 0 : 1 : _SIDE * 1j]
    spot = np.exp(-((x - rng.uniform(0.3, 0.7)) ** 2 + (y - rng.uniform(0.3, 0.7)) ** 2) / 0.06)
    image *= (0.55 + rng.uniform(0.2, 1.2) * spot)[..., None]
    image *= 0.85 + 0.3 * _cloud(rng, 3)[..., None]


def _gradient(rng: np.random.Generator, image: np.ndarray) -> None:
    y, x = np.mgrid[-1 : 1 : _SIDE * 1j, -1 : 1 : _SIDE * 1j]
    turn = rng.uniform(0, 2 * np.pi)
    ramp = np.clip(0.5 + 0.9 * (x * np.cos(turn) + y * np.sin(turn)), 0, 1)[..., None]
    other = image[0, 0] * rng.uniform(0.3, 2.5) * _hue(rng, 1.4)
    image += ramp * (other - image)


def _outdoors(rng: np.random.Generator, image: np.ndarray) -> None:
    """Sky over leaves or hills."""
    horizon = int(rng.uniform(0.2, 0.75) * _SIDE)
    shape = (_SIDE * horizon // _SIDE + 20 * (_cloud(rng, 4)[0] - 0.5)).astype(int)
    rows = np.arange(_SIDE)[:, None]
    sky = np.array([0.35, 0.55, 0.95]) * rng.uniform(0.5, 1.0) + 0.25 * _cloud(rng, 3)[..., None]
    green = np.array([0.12, 0.20, 0.05]) * rng.uniform(0.5, 1.8) * _hue(rng, 0.6)
    leaves = green * (0.3 + 1.6 * _cloud(rng, 14)[..., None] ** 1.5)
    image[:] = np.where((rows < shape[None, :])[..., None], sky, leaves)


def _leaves(rng: np.random.Generator, image: np.ndarray) -> None:
    image *= 0.2 + 2.2 * _cloud(rng, int(rng.integers(6, 30)))[..., None] ** 2
    image += (_cloud(rng, 20)[..., None] > 0.75) * rng.uniform(0.1, 0.5) * _hue(rng, 0.8)


def _bokeh(rng: np.random.Generator, image: np.ndarray) -> None:
    """Lamps of a night street, out of focus."""
    image *= 0.35
    for _ in range(int(rng.integers(10, 40))):
        place = tuple(int(v) for v in rng.integers(0, _SIDE, 2))
        colour = rng.uniform(0.15, 1.0) * np.array([1.0, 0.75, 0.5]) * _hue(rng, 1.2)
        layer = np.zeros_like(image)
        cv2.circle(layer, place, int(rng.integers(3, 14)), colour.tolist(), -1, cv2.LINE_AA)
        image += layer


def _shelf(rng: np.random.Generator, image: np.ndarray) -> None:
    """Rows of books."""
    base = image[0, 0].copy()
    pitch, x0 = int(rng.integers(26, 48)), 0
    for top in range(0, _SIDE, pitch):
        x0 = 0
        while x0 < _SIDE:
            w, h = int(rng.integers(3, 11)), int(rng.uniform(0.55, 0.9) * pitch)
            colour = base * rng.uniform(0.2, 2.4) * _hue(rng, 1.6)
            cv2.rectangle(image, (x0, top + pitch - h), (x0 + w, top + pitch - 3), colour, -1)
            x0 += w + 1
        image[top + pitch - 3 : top + pitch] = base * 0.4


def _tiles(rng: np.random.Generator, image: np.ndarray) -> None:
    """Bricks, planks or tiles."""
    h = int(rng.integers(8, 30))
    w = int(h * rng.uniform(1.0, 5.0))
    line = image[0, 0] * rng.uniform(0.3, 2.0)
    for row, top in enumerate(range(0, _SIDE, h)):
        for left in range(-w, _SIDE, w):
            x = left + (row % 2) * w // 2
            colour = image[0, 0] * rng.uniform(0.75, 1.25) * _hue(rng, 0.2)
            box = image[top : top + h, max(x, 0) : max(x + w, 0)]
            box[:] = colour
            cv2.rectangle(image, (x, top), (x + w, top + h), line.tolist(), 1)
    image *= 0.8 + 0.4 * _cloud(rng, 24, 3)[..., None]


def _stripes(rng: np.random.Generator, image: np.ndarray) -> None:
    """A curtain or blinds."""
    y, x = np.mgrid[0 : 1 : _SIDE * 1j, 0 : 1 : _SIDE * 1j]
    along = x if rng.random() < 0.7 else y
    wave = np.sin(2 * np.pi * (along * rng.uniform(8, 40) + 2.0 * _cloud(rng, 3, 2)))
    image *= (1.0 + rng.uniform(0.2, 0.6) * wave)[..., None]


_KINDS = {
    _room: 3.0,
    _plain: 2.5,
    _gradient: 1.5,
    _outdoors: 1.5,
    _leaves: 1.5,
    _bokeh: 1.2,
    _shelf: 1.2,
    _tiles: 1.3,
    _stripes: 1.2,
}


def _backdrop(d: Draws) -> np.ndarray:
    """A picture of what is behind, more or less out of focus."""
    level = np.exp(d.uniform("back level", np.log(0.03), np.log(0.75)))
    base = level * _hue(d.rng("back hue"), d.uniform("back colour", 0.1, 1.5))
    image = np.ones((_SIDE, _SIDE, 3), np.float32) * base.astype(np.float32)
    kind = d.weighted("back kind", _KINDS)
    kind(d.rng("back picture"), image)
    blur = d.weighted("back blur", {0.8: 1.5, 1.5: 2.0, 3.0: 2.5, 6.0: 2.0})
    image = cv2.GaussianBlur(image, (0, 0), blur)
    return np.clip(image, 0.0, 1.0).astype(np.float32)


def scene(name: str) -> Scene:
    """The scene of clip `name`."""
    d = Draws("scene", name)
    tint = d.normal("white balance", 0.05)
    exposure = np.exp(d.normal("exposure", 0.16))
    return Scene(
        lights=_lights(d),
        blur=d.choice("shadow blur", (1, 2, 3)),
        backdrop=_backdrop(d),
        gain=exposure * np.array([1.0 + tint, 1.0, 1.0 - tint]),
        contrast=1.0 + d.normal("contrast", 0.08),
    )
