"""Masks of clips: where they are found, what fits, and what is said of one that does not."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from dicface.base.errors import ClipError
from dicface.video.clips import write_clip
from dicface.video.masks import as_picture, endless_masks, find_mask, read_masks, with_masks

MASK = np.zeros((16, 16), bool)
MASK[4:8] = True
FRAMES = [np.full((16, 16, 3), 90, np.uint8)] * 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "a.png"), as_picture(MASK))
    write_clip(tmp_path / "b.mkv", [as_picture(MASK), as_picture(~MASK), as_picture(MASK)], 25)
    return tmp_path


def test_one_picture_serves_all_frames_and_a_clip_each(folder: Path) -> None:
    one = [mask for _, mask in with_masks(find_mask(folder, "a"), FRAMES, "a")]
    assert all(np.array_equal(mask, MASK) for mask in one)
    assert len(one) == 3
    several = [mask for _, mask in with_masks(find_mask(folder, "b"), FRAMES, "b")]
    assert [np.array_equal(mask, MASK) for mask in several] == [True, False, True]
    assert len(list(read_masks(folder / "b.mkv"))) == 3
    assert next(endless_masks(folder / "a.png")).sum() == MASK.sum()


def test_what_does_not_fit_is_one_sentence(folder: Path) -> None:
    small = [np.zeros((8, 12, 3), np.uint8)]
    with pytest.raises(ClipError, match=r"a\.png: the mask is 16×16 px, the aligned clip 'a' 12×8"):
        list(with_masks(folder / "a.png", small, "a"))
    for number in (2, 4):
        with pytest.raises(ClipError, match=rf"holds 3 masks, clip 'b' {number} frames; expected"):
            list(with_masks(folder / "b.mkv", (FRAMES * 2)[:number], "b"))
    with pytest.raises(ClipError, match=r"found none as the mask of clip 'c'; expected one, c\."):
        find_mask(folder, "c")
    cv2.imwrite(str(folder / "b.png"), as_picture(MASK))
    with pytest.raises(ClipError, match=r"found b\.mkv, b\.png as the mask of clip 'b'"):
        find_mask(folder, "b")
