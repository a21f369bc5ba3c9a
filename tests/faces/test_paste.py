"""Pasting a restored face back into its frame."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicface.base.errors import FaceError
from dicface.faces import align, paste
from tests.faces._faces import picture


@pytest.mark.parametrize("upscale", [1, 2])
def test_pasting_an_unchanged_face_changes_little_and_only_inside(upscale):
    frame = cv2.GaussianBlur(picture(300, 320), (0, 0), 2)
    affine = align.estimate_affine(align.template(150) + (70, 60), 512)
    face = align.warp(frame, affine, 512)
    pasted = paste.paste_face(frame, face, affine, upscale=upscale)
    plain = cv2.resize(frame, None, fx=upscale, fy=upscale, interpolation=cv2.INTER_LINEAR)
    assert np.abs(pasted.astype(int) - plain).mean() < 0.5
    # Enlarging, the release pastes half a pixel off its own bilinear background.
    assert np.abs(pasted.astype(int) - plain).max() <= (4 if upscale == 1 else 20)
    np.testing.assert_array_equal(pasted[: 50 * upscale], plain[: 50 * upscale])
    white = paste.paste_face(frame, np.full_like(face, 255), affine, upscale=upscale)
    assert (white[130 * upscale, 145 * upscale] == 255).all()


def test_the_parse_mask_keeps_hair_and_background():
    frame = np.zeros((200, 200, 3), np.uint8)
    face = np.full((512, 512, 3), 200, np.uint8)
    affine = np.array([[512 / 200, 0, 0], [0, 512 / 200, 0]])
    classes = np.full((512, 512), 1)
    classes[:256] = 17
    pasted = paste.paste_face(frame, face, affine, parser=lambda _: classes)
    assert pasted[150, 100, 0] >= 199
    assert pasted[50, 100, 0] == 0
    assert 60 < pasted[100, 100, 0] < 140
    with pytest.raises(FaceError, match="background"):
        paste.paste_face(frame, face, affine, upscale=2, background=frame)


def test_pasting_a_tiny_face():
    frame = picture(64, 64)
    affine = align.estimate_affine(align.template(12) + 20, 64)
    assert paste.paste_face(frame, np.zeros((64, 64, 3), np.uint8), affine).shape == (64, 64, 3)


@settings(max_examples=40, deadline=None)
@given(
    scale=st.floats(0.05, 8),
    degrees=st.floats(-180, 180),
    shift=st.tuples(st.floats(-500, 2000), st.floats(-500, 2000)),
    size=st.sampled_from([64, 128, 512]),
    upscale=st.integers(1, 3),
)
def test_pasting_undoes_alignment_of_any_face(scale, degrees, shift, size, upscale):
    turn = cv2.getRotationMatrix2D((0, 0), degrees, scale)[:, :2]
    points = align.template(size) @ turn.T + shift
    affine = align.estimate_affine(points, size)
    inverse = paste.inverse_affine(affine, upscale)
    aligned = points @ affine[:, :2].T + affine[:, 2]
    np.testing.assert_allclose(aligned, align.template(size), atol=1e-3 * size)
    back = aligned @ inverse[:, :2].T + inverse[:, 2]
    half = 0.5 * upscale if upscale > 1 else 0
    np.testing.assert_allclose(back, points * upscale + half, atol=1e-6 * (1 + abs(points).max()))


@settings(max_examples=12, deadline=None)
@given(
    side=st.floats(20, 150),
    left=st.floats(-30, 90),
    top=st.floats(-30, 90),
    colour=st.tuples(*[st.integers(0, 255)] * 3),
)
def test_a_face_of_one_colour_stays_within_its_square(side, left, top, colour):
    frame = np.full((120, 120, 3), 100, np.uint8)
    affine = align.estimate_affine(align.template(side) + (left, top), 64)
    pasted = paste.paste_face(frame, np.full((64, 64, 3), colour, np.uint8), affine)
    assert (pasted <= np.maximum(100, colour)).all()
    # A pixel of the face reaches half way to the next one.
    reach = 2 + side / 64
    y, x = np.mgrid[:120, :120]
    beside = (abs(x - left - side / 2) > side / 2 + reach) | (
        abs(y - top - side / 2) > side / 2 + reach
    )
    assert (abs(pasted[beside].astype(int) - 100) <= 1).all()
