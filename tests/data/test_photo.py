"""The photograph under camera motion, and pictures side by side."""

import numpy as np
import pytest

from dicface.base.errors import ClipError
from dicface.data.contact_sheet import contact_sheet
from dicface.data.photo import astronaut_clip

SIZE = 64


def test_photo_clip_moves_smoothly_and_repeats():
    frames = astronaut_clip(8, SIZE)
    assert frames.shape == (8, SIZE, SIZE, 3)
    np.testing.assert_array_equal(frames, astronaut_clip(8, SIZE))
    step = np.abs(np.diff(frames.astype(int), axis=0)).mean(axis=(1, 2, 3))
    assert (step > 0.05).all()
    assert (step < 8).all()
    assert np.abs(astronaut_clip(1, SIZE, aligned=False).astype(int) - frames[:1]).mean() > 10
    with pytest.raises(ClipError):
        astronaut_clip(0, SIZE)


def test_contact_sheet_places_frames_in_reading_order():
    frames = [np.full((2, 3, 3), n, np.uint8) for n in range(3)]
    sheet = contact_sheet(frames, 2)
    assert sheet.shape == (4, 6, 3)
    assert sheet[0, 0, 0] == 0
    assert sheet[0, 3, 0] == 1
    assert sheet[2, 0, 0] == 2
    assert sheet[3, 5, 0] == 255
