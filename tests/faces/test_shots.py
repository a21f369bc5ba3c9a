"""Cuts are found; flashes, fast motion and fades are none."""

import cv2
import numpy as np
import pytest

from dicface.data.render.scene import scene
from dicface.faces.shots import ShotFinder


def picture(name: str) -> np.ndarray:
    """A place without people, (144, 256, 3) in 0…255."""
    wall = cv2.resize(scene(name).backdrop, (256, 144), interpolation=cv2.INTER_CUBIC)
    return 255 * wall.clip(0, 1) ** 0.45


def panned(place: np.ndarray, step: int, num_frames: int) -> list[np.ndarray]:
    wide = np.concatenate([place, place[:, ::-1]] * 2, axis=1)
    return [wide[:, step * t : step * t + 256] for t in range(num_frames)]


def found(pictures: list[np.ndarray]) -> list[int]:
    finder = ShotFinder()
    noise = np.random.default_rng(0)
    for frame in pictures:
        grain = noise.normal(0, 2, frame.shape)
        finder.add(np.rint(np.clip(frame + grain, 0, 255)).astype(np.uint8))
    shots = finder.finish()
    assert [frame for shot in shots for frame in shot] == list(range(len(pictures)))
    return [shot.start for shot in shots]


KITCHEN, GARDEN, STREET = picture("kitchen"), picture("garden"), picture("street")


def test_hard_cuts_are_found_where_they_are():
    assert found([KITCHEN] * 9 + [GARDEN] * 7 + [STREET] * 12 + [GARDEN] * 3) == [0, 9, 16, 28]


def test_a_cut_in_a_moving_picture_is_found():
    assert found([*panned(STREET, 8, 12), *panned(GARDEN, 8, 12)]) == [0, 12]


@pytest.mark.parametrize("length", [1, 3])
def test_a_flash_is_no_cut(length):
    flash = [0.3 * STREET + 180] * length
    assert found([STREET] * 10 + flash + [STREET] * 10) == [0]
    white = [np.full_like(STREET, 250)] * length
    assert found([STREET] * 10 + white + [STREET] * 10) == [0]


@pytest.mark.parametrize("step", [2, 8, 16])
def test_fast_motion_is_no_cut(step):
    assert found(panned(STREET, step, 30)) == [0]


def test_a_change_of_light_is_no_cut():
    assert found([STREET * level for level in np.linspace(1, 0.4, 12)] + [STREET * 0.4] * 9) == [0]


def test_a_fade_through_black_parts_two_shots():
    out, into = np.linspace(1, 0, 10)[:, None, None, None], np.linspace(0, 1, 10)
    film = [*(KITCHEN * out), *[0 * KITCHEN] * 4, *(GARDEN * level for level in into)]
    starts = found([KITCHEN] * 5 + film + [GARDEN] * 5)
    assert len(starts) == 2
    assert 12 <= starts[1] <= 24


@pytest.mark.parametrize("length", [0, 1, 3, 9])
def test_short_films_are_one_shot(length):
    assert found([STREET] * length) == [0][:length]
