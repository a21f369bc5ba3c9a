"""Pasting a restored face back into its frame."""

import cv2
import numpy as np
import pytest

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
