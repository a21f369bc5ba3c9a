"""Restored faces in their frames: what stays, what yields, and that nobody sees the edge."""

import cv2
import numpy as np
import pytest

from dicface.faces.align import warp
from dicface.faces.blend import Blender
from dicface.faces.occlusion import MAP
from dicface.faces.people import Track
from tests import rendered_films

SIZE = 128


@pytest.fixture(scope="module")
def film() -> rendered_films.Film:
    return rendered_films.hand_before_face()


def track_of(film: rendered_films.Film, **values: bool) -> Track:
    points = film.actors[0].points
    seen = np.ones(len(points), bool)
    return Track(number=1, person=1, shot=0, first=0, points=points, detected=seen, **values)


def aligned(frame: np.ndarray, track: Track, t: int) -> np.ndarray:
    return warp(frame, track.affine(t, SIZE), SIZE)


def restored(film: rendered_films.Film, track: Track, t: int) -> np.ndarray:
    """What a strong restorer might draw: the face without the hand, sharp, and too bright."""
    face = aligned(film.clean[t], track, t).astype(np.float32)
    sharp = face + 1.5 * (face - cv2.GaussianBlur(face, (0, 0), 2)) + 25
    return np.clip(sharp, 0, 255).astype(np.uint8)


def damaged(film: rendered_films.Film, t: int) -> np.ndarray:
    noise = np.random.default_rng(t).normal(0, 4, film.frames[t].shape)
    return np.clip(cv2.GaussianBlur(film.frames[t], (0, 0), 1.5) + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pasted(film) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Damaged frames, pasted frames and masks."""
    track = track_of(film)
    blender, out = Blender(track), []
    for t in range(len(film.frames)):
        frame = damaged(film, t)
        face = aligned(frame, track, t)
        result = blender.paste(frame, face, restored(film, track, t), t)
        out.append((frame, result, blender.mask(t)))
    return out


def test_the_mask_yields_to_a_hand(film, pasted):
    track = track_of(film)
    whole = np.max([mask for _, _, mask in pasted[:5]], axis=0)
    hidden = wrong = around = beside = face = 0
    for t, (_, _, mask) in enumerate(pasted):
        hand = cv2.warpAffine(film.hand[t], track.affine(t, MAP), (MAP, MAP))
        before_face = (hand > 0.5) & (whole > 0.5)
        hidden += before_face.sum()
        wrong += (before_face & (mask > 0.5)).sum()
        around += hand.any() * ((hand < 0.5) & (whole > 0.5) & (mask < 0.5 * whole)).sum()
        near = cv2.dilate(hand, np.ones((9, 9))) > 0
        beside += ((whole > 0.7) & ~near & (mask < 0.3)).sum()
        face += ((whole > 0.7) & ~near).sum()
    assert hidden > 5000
    assert wrong <= 0.05 * hidden
    assert around <= 0.2 * hidden
    assert beside <= 0.02 * face


def test_a_face_with_nothing_before_it_is_pasted_whole(pasted):
    masks = [mask for _, _, mask in pasted]
    for mask in (*masks[:5], *masks[-3:]):
        assert mask[48:86, 52:76].min() > 0.9


def test_the_chin_belongs_to_the_face(film, pasted):
    """Damage that stays at the chin alone is seen at once."""
    nose, chin = film.actors[0].landmarks[0, [33, 8]]
    near = (nose + 0.8 * (chin - nose))[None, None]
    x, y = cv2.transform(near, track_of(film).affine(0, MAP))[0, 0].astype(int)
    assert pasted[0][2][y, x] > 0.6


def test_the_restored_face_is_seen(film, pasted):
    """It has the restored detail and the input's colour."""
    x, y = film.actors[0].points[3, 2].astype(int)
    middle = np.s_[y - 30 : y + 30, x - 20 : x + 20]
    frame, result, _ = pasted[3]

    def detail(picture: np.ndarray) -> float:
        luma = cv2.cvtColor(picture[middle], cv2.COLOR_RGB2GRAY).astype(np.float32)
        return float((luma - cv2.GaussianBlur(luma, (0, 0), 3)).std())

    assert detail(result) > 1.5 * detail(cv2.GaussianBlur(frame, (0, 0), 1))
    colour = result[middle].mean(axis=(0, 1)) - frame[middle].mean(axis=(0, 1))
    assert np.abs(colour).max() < 6


def test_outside_of_the_mask_every_bit_stays(film, pasted):
    track = track_of(film)
    for t, (frame, result, mask) in enumerate(pasted):
        inverse = cv2.invertAffineTransform(track.affine(t, MAP))
        reached = cv2.warpAffine((mask > 0).astype(np.float32), inverse, frame.shape[1::-1])
        outside = cv2.dilate(reached, np.ones((7, 7))) == 0
        assert outside.mean() > 0.6
        np.testing.assert_array_equal(result[outside], frame[outside])


def test_no_edge_is_seen(film):
    """A restored face that is 60 levels brighter, at the steepest place of the rim."""
    track = track_of(film)
    blender = Blender(track, match_colours=False, keep_occluders=False)
    frame = film.clean[0] // 2
    face = aligned(frame, track, 0).astype(np.float32)
    change = blender.paste(frame, face, face + 60, 0).astype(float) - frame
    steps = max(np.abs(np.diff(change, axis=axis)).max() for axis in (0, 1))
    assert change.max() > 55
    assert steps <= 7
    square = blender.mask(0)
    rim = np.concatenate([square[[0, 1, -2, -1]].ravel(), square[:, [0, 1, -2, -1]].ravel()])
    assert rim.max() == 0


def test_part_of_a_film_gives_the_same_bits(film, pasted):
    track = track_of(film)
    blender = Blender(track)
    start = 18
    for t in range(start - Blender.memory, start):
        blender.observe(aligned(damaged(film, t), track, t), restored(film, track, t), t)
    for t in range(start, start + 3):
        frame = damaged(film, t)
        result = blender.paste(frame, aligned(frame, track, t), restored(film, track, t), t)
        np.testing.assert_array_equal(result, pasted[t][1])


def test_a_part_of_a_frame_is_pasted_into_as_the_frame_is(film, pasted):
    track, (frame, result, _) = track_of(film), pasted[0]
    face, better = aligned(frame, track, 0), restored(film, track, 0)
    part = np.s_[20:230, 50:280]
    again = Blender(track).paste(frame[part], face, better, 0, (50, 20))
    np.testing.assert_allclose(again, result[part], atol=1)
    assert (again != result[part]).mean() < 0.001


def test_strength_reaches_from_the_input_to_the_restored_face(film):
    track, frame = track_of(film), film.clean[0]
    face = aligned(frame, track, 0)
    better = (0.5 * face + 60).astype(np.uint8)

    def paste(strength: float) -> np.ndarray:
        return Blender(track, strength=strength).paste(frame, face, better, 0).astype(float) - frame

    assert not paste(0.0).any()
    assert np.abs(2 * paste(0.5) - paste(1.0)).max() <= 2


def test_faces_that_come_and_go_fade(film):
    track = track_of(film, enters=True, leaves=True)
    last = len(film.frames) - 1
    blender = Blender(track, match_colours=False)
    strongest = []
    for t in (0, 3, 10, last - 2, last):
        blender.observe(aligned(film.clean[t], track, t), aligned(film.clean[t], track, t), t)
        strongest.append(blender.mask(t).max())
    assert strongest == pytest.approx([1 / 7, 4 / 7, 1, 3 / 7, 1 / 7], abs=0.02)


def test_pictures_of_16_bits(film):
    track, frame = track_of(film), film.clean[0]
    face, better = aligned(frame, track, 0), restored(film, track, 0)
    shallow = Blender(track).paste(frame, face, better, 0)
    deep = Blender(track).paste(frame.astype(np.uint16) * 257, face, better, 0)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - shallow).max() <= 0.51


def test_a_parser_gives_the_mask(film):
    track, frame = track_of(film), film.clean[0]
    face, asked = aligned(frame, track, 0), []

    def parser(picture: np.ndarray) -> np.ndarray:
        asked.append(picture.shape)
        classes = np.zeros((512, 512), int)
        classes[150:400, 150:300] = 1
        return classes

    blender = Blender(track, parser=parser)
    for t in range(5):
        blender.observe(face, face, t)
    assert asked == [(512, 512, 3)] * 2
    mask = blender.mask(4)
    assert mask[60:80, 50:65].min() > 0.9
    assert mask[:, 90:].max() < 0.01


def test_a_face_beyond_the_border_and_one_that_is_reduced(film):
    frame = film.clean[0]
    for scale, shift in ((1.0, -120.0), (0.35, 0.0)):
        points = film.actors[0].points * scale + shift
        track = Track(
            number=1, person=1, shot=0, first=0, points=points, detected=np.ones(len(points), bool)
        )
        affine = track.affine(0, 512)
        face = warp(frame, affine, 512)
        bright = np.clip(face.astype(int) + 40, 0, 255).astype(np.uint8)
        blender = Blender(track, match_colours=False, keep_occluders=False)
        result = blender.paste(frame, face, bright, 0)
        assert result.shape == frame.shape
        assert (result.astype(int) - frame).max() > 20
