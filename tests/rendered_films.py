"""Short films by our own renderer, with exact truth: where each face is, and what stands before it.

A person is rendered before a black and a grey wall: the two pictures tell colour and cover of each
pixel. People are then moved, laid over each other from back to front, and a hand before them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.data.render.clip import Stage, five_points
from dicface.data.render.identity import identity
from dicface.data.render.motion import motion
from dicface.data.render.scene import scene

WIDTH, HEIGHT = 320, 240
_TILE = 176
"""Side of the picture of one person, px; its face fills two thirds of an aligned square."""
_POSES = 10
_GAMMA = 2.2


@dataclass(frozen=True)
class Actor:
    """A person in a film.

    Attributes:
        name: Name of the identity.
        landmarks: (T, 68, 2) float64 px; NaN in frames without the person.
        cover: (T, H, W) float32, how much of each pixel the person covers, hidden or not.
        seen: (T, H, W) float32, how much of it is seen.
    """

    name: str
    landmarks: NDArray[np.float64]
    cover: NDArray[np.float32]
    seen: NDArray[np.float32]

    @property
    def points(self) -> NDArray[np.float64]:
        """(T, 5, 2) eyes, nose tip and mouth corners."""
        return five_points(self.landmarks)


@dataclass(frozen=True)
class Film:
    """A film with its truth.

    Attributes:
        frames: (T, H, W, 3) uint8 RGB.
        actors: Its people.
        hand: (T, H, W) float32, cover of the hand; zero where there is none.
        clean: The frames without the hand.
        shots: Its shots.
    """

    frames: NDArray[np.uint8]
    actors: list[Actor]
    hand: NDArray[np.float32]
    clean: NDArray[np.uint8]
    shots: list[range]


Place = Callable[[int], tuple[float, float, float] | None]
"""Gives x, y of the middle of a person's picture and its size in a frame; None if he is away."""


@cache
def _poses(name: str) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """(P, S, S, 4) linear premultiplied RGB and cover, and landmarks (P, 68, 2)."""
    stage, moves = Stage(identity(name)), motion(f"film {name}", _POSES, 25)
    around = replace(scene(f"film {name}"), contrast=1.0)
    shots = []
    for level in (0.0, 0.5):
        wall = np.full_like(around.backdrop, level)
        clip = stage.shoot(
            moves, replace(around, backdrop=wall), _TILE, aligned=False, supersample=2
        )
        shots.append((clip.frames.astype(np.float32) / 255) ** _GAMMA)
    dark, bright = shots
    # A corner shows the wall alone.
    wall = (bright - dark)[:, :4, :4].mean(axis=(0, 1, 2))
    cover = 1 - ((bright - dark) / wall).mean(axis=-1, keepdims=True)
    return np.concatenate([dark, np.clip(cover, 0, 1)], axis=-1), clip.landmarks


def _pose_of(frame: int) -> int:
    """Forth and back through the poses."""
    at = frame % (2 * _POSES - 2)
    return min(at, 2 * _POSES - 2 - at)


def _background(name: str) -> NDArray[np.float32]:
    picture = scene(name).backdrop[64:192, 32:224]
    return cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).clip(0.02, 0.9)


def _shoot(
    name: str,
    num_frames: int,
    cast: Sequence[tuple[str, Place]],
    hand: Callable[[int], tuple[float, float] | None] | None = None,
) -> Film:
    """One shot; the later ones of the cast stand before the earlier ones."""
    back = _background(name)
    grain = np.random.default_rng(0)
    landmarks = np.full((len(cast), num_frames, 68, 2), np.nan)
    cover = np.zeros((len(cast), num_frames, HEIGHT, WIDTH), np.float32)
    seen = np.zeros_like(cover)
    hands = np.zeros((num_frames, HEIGHT, WIDTH), np.float32)
    frames = np.empty((num_frames, HEIGHT, WIDTH, 3), np.uint8)
    clean = np.empty_like(frames)
    for t in range(num_frames):
        picture = back.copy()
        for a, (who, place) in enumerate(cast):
            where = place(t)
            if where is None:
                continue
            poses, marks = _poses(who)
            x, y, size = where
            move = np.array([[size, 0, x - size * _TILE / 2], [0, size, y - size * _TILE / 2]])
            layer = cv2.warpAffine(poses[_pose_of(t)], move, (WIDTH, HEIGHT))
            picture = layer[..., :3] + (1 - layer[..., 3:]) * picture
            seen[:, t] *= 1 - layer[..., 3]
            cover[a, t] = seen[a, t] = layer[..., 3]
            landmarks[a, t] = marks[_pose_of(t)] @ move[:, :2].T + move[:, 2]
        noise = grain.normal(0, 1.2, picture.shape)
        clean[t] = _display(picture, noise)
        where = hand(t) if hand else None
        if where is not None:
            colour, hands[t] = _hand(where, _skin(cast[0][0]))
            picture = hands[t, ..., None] * colour + (1 - hands[t, ..., None]) * picture
            seen[:, t] *= 1 - hands[t]
        frames[t] = _display(picture, noise)
    actors = [Actor(who, landmarks[a], cover[a], seen[a]) for a, (who, _) in enumerate(cast)]
    return Film(frames, actors, hands, clean, [range(num_frames)])


def _display(linear: NDArray[np.floating], noise: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.rint(np.clip(255 * linear.clip(0, 1) ** (1 / _GAMMA) + noise, 0, 255)).astype(
        np.uint8
    )


def _skin(who: str) -> NDArray[np.float32]:
    """Linear colour of a person's cheek."""
    poses, marks = _poses(who)
    x, y = marks[0, [2, 30]].mean(axis=0).astype(int)
    return poses[0, y - 2 : y + 3, x - 2 : x + 3, :3].mean(axis=(0, 1))


def _hand(
    where: tuple[float, float], skin: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Linear colours (H, W, 3) and cover (H, W) of a hand whose palm is there: shaded capsules."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    palm = np.array(where)
    capsules = [((-4, 0), (4, 2), 13.0), ((2, 10), (22, 90), 11.0)]
    for spread, reach in ((-13, 34), (-5, 40), (3, 40), (11, 35)):
        capsules.append(((spread * 0.8, -4), (spread * 1.4, -reach), 4.2))
    capsules.append(((-8, 4), (-27, -9), 4.8))
    height = np.zeros((HEIGHT, WIDTH))
    cover = np.zeros((HEIGHT, WIDTH))
    for start, end, radius in capsules:
        a, b = palm + start, palm + end
        along = ((x - a[0]) * (b - a)[0] + (y - a[1]) * (b - a)[1]) / ((b - a) @ (b - a))
        nearest = a + np.clip(along, 0, 1)[..., None] * (b - a)
        away = np.hypot(x - nearest[..., 0], y - nearest[..., 1])
        height = np.maximum(height, np.sqrt(np.clip(radius**2 - away**2, 0, None)))
        cover = np.maximum(cover, np.clip(radius - away + 0.5, 0, 1))
    slope_y, slope_x = np.gradient(height)
    light = (0.4 * -slope_x + 0.5 * -slope_y + 0.77) / np.sqrt(1 + slope_x**2 + slope_y**2)
    shade = 0.35 + 0.75 * np.clip(light, 0, 1)
    colour = 1.15 * skin * np.array([1.0, 0.9, 0.85]) * shade[..., None]
    return colour.astype(np.float32), cover.astype(np.float32)


def _joined(*parts: Film) -> Film:
    """Films one after another with hard cuts; people of one name are one person."""
    total = sum(len(part.frames) for part in parts)
    names = list(dict.fromkeys(actor.name for part in parts for actor in part.actors))
    actors = {
        name: Actor(
            name,
            np.full((total, 68, 2), np.nan),
            np.zeros((total, HEIGHT, WIDTH), np.float32),
            np.zeros((total, HEIGHT, WIDTH), np.float32),
        )
        for name in names
    }
    shots, start = [], 0
    for part in parts:
        shots.append(range(start, start + len(part.frames)))
        for actor in part.actors:
            for what in ("landmarks", "cover", "seen"):
                getattr(actors[actor.name], what)[shots[-1].start : shots[-1].stop] = getattr(
                    actor, what
                )
        start = shots[-1].stop
    arrays = (np.concatenate([getattr(p, n) for p in parts]) for n in ("frames", "hand", "clean"))
    frames, hand, clean = arrays
    return Film(frames, list(actors.values()), hand, clean, shots)


@cache
def crossing() -> Film:
    """Two people who walk past each other: Finn before Dan."""
    return _shoot(
        "street",
        40,
        [
            ("dan", lambda t: (245 - 4.4 * t, 156, 0.95)),
            ("finn", lambda t: (75 + 4.4 * t, 150, 1.05)),
        ],
    )


@cache
def cuts() -> Film:
    """Finn, then Hana elsewhere, then Finn again: two hard cuts."""
    return _joined(
        _shoot("kitchen", 14, [("finn", lambda t: (150 + t, 146, 1.1))]),
        _shoot("garden", 14, [("hana", lambda t: (180 - 0.5 * t, 148, 1.05))]),
        _shoot("kitchen", 14, [("finn", lambda t: (170 - t, 152, 1.0))]),
    )


@cache
def hand_before_face() -> Film:
    """A hand moves up before Finn's mouth and cheek, and away again."""

    def hand(t: int) -> tuple[float, float] | None:
        lift = np.sin(np.pi * np.clip((t - 5) / 22, 0, 1))
        return (184 - 20 * lift, 275 - 112 * lift) if 5 < t < 27 else None

    return _shoot("office", 32, [("finn", lambda t: (160 + 4 * np.sin(t / 6), 130, 1.3))], hand)


@cache
def leaving() -> Film:
    """Dan stays; Finn walks out of the picture and comes back."""

    def finn(t: int) -> tuple[float, float, float] | None:
        x = 90 - 0.45 * min(t, 54 - t) ** 2 + 2.0 * min(t, 54 - t)
        return (x, 152, 1.0) if x > -90 else None

    return _shoot("park", 55, [("dan", lambda t: (240, 152, 1.0)), ("finn", finn)])
