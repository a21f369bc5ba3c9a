"""The comparison picture: rows by rule, scores of the very frames shown, a small file."""

import numpy as np
import pandas as pd
import pytest
from dicface.report.figures.picture import comparison_picture
from PIL import Image

from dicface.base.errors import ClipError, MetricError
from dicface.base.seeds import numpy_rng
from dicface.metrics.psnr import psnr
from dicface.report.figures.chosen import choose_clips
from dicface.video.clips import write_clip

SIZE, FRAMES = 32, 5


@pytest.fixture
def clips(tmp_path):
    """Six clips whose input is the worse the higher their number; scores as `score` writes them."""
    folders = {name: tmp_path / name for name in ("Input", "CodeFormer", "DicFace", "Truth")}
    rows = []
    for number in range(6):
        rng = numpy_rng("test picture", number)
        truth = rng.integers(40, 200, size=(FRAMES, SIZE, SIZE, 3), dtype=np.uint8)
        for strength, folder in zip((8, 4, 2, 0), folders.values(), strict=True):
            # Each frame is worse than the one before, so that only one frame has its PSNR.
            offset = strength * (np.arange(FRAMES) + 1)[:, None, None, None]
            frames = np.clip(truth + offset, 0, 255).astype(np.uint8)
            write_clip(folder / f"clip_{number}.mkv", frames, 25)
        rows.append({"clip": f"clip_{number}", "metric": "psnr", "value": 30.0 - number})
    scores = pd.DataFrame(rows).assign(
        task="bfr",
        method="input",
        num_frames=FRAMES,
        num_missing=0,
        backbone="pixels",
        backbone_sha256="",
        official=True,
        protocol="dicface-1",
        note="",
    )
    scores.to_parquet(tmp_path / "metrics.parquet")
    return folders, tmp_path / "metrics.parquet"


def test_clips_are_taken_from_the_middle_of_equal_shares_of_the_order():
    scores = {f"clip_{i:02d}": float(i) for i in range(12)}
    assert choose_clips(scores, 4) == ["clip_01", "clip_04", "clip_07", "clip_10"]
    assert choose_clips(dict(reversed(scores.items())), 4) == choose_clips(scores, 4)
    assert choose_clips(scores, 1) == ["clip_06"]


def test_clips_without_a_score_are_not_chosen_and_few_clips_are_all_shown():
    assert choose_clips({"a": float("nan"), "b": 1.0, "c": 1.0}, 4) == ["b", "c"]
    assert choose_clips({}, 4) == []


def test_picture_shows_centre_frames_with_their_own_psnr(clips, tmp_path):
    folders, scores = clips
    picture = comparison_picture(folders, scores, tmp_path / "picture.png")
    assert picture.frames == (("clip_5", 2), ("clip_3", 2), ("clip_2", 2), ("clip_0", 2))
    rng = numpy_rng("test picture", 5)
    truth = rng.integers(40, 200, size=(FRAMES, SIZE, SIZE, 3), dtype=np.uint8)[2]
    for column, strength in enumerate((8, 4, 2)):
        shown = np.clip(truth.astype(int) + 3 * strength, 0, 255).astype(np.uint8)
        assert picture.psnr[0][column] == pytest.approx(psnr(shown, truth))
    assert "4 equal shares of all 6 test clips, ordered by PSNR" in picture.caption
    assert "Rows: (a) clip clip_5, frame 2; (b) clip clip_3, frame 2;" in picture.caption
    assert (tmp_path / "picture.txt").read_text(encoding="utf-8") == picture.caption + "\n"


def test_picture_is_small_readable_and_repeats(clips, tmp_path):
    folders, scores = clips
    first = comparison_picture(folders, scores, tmp_path / "a.png", max_bytes=300_000)
    again = comparison_picture(folders, scores, tmp_path / "b.png", max_bytes=300_000)
    assert first.path.read_bytes() == again.path.read_bytes()
    assert first.path.stat().st_size <= 300_000
    with Image.open(first.path) as image:
        assert image.width > 4 * 48
        assert image.height > 4 * 48


def test_a_missing_or_shorter_clip_is_named_and_no_picture_is_left(clips, tmp_path):
    folders, scores = clips
    path = folders["DicFace"] / "clip_3.mkv"
    frames = np.zeros((FRAMES - 1, SIZE, SIZE, 3), dtype=np.uint8)
    write_clip(path, frames, 25)
    with pytest.raises(ClipError, match=r"clip_3\.mkv: found 4 frames.*5 of 32×32"):
        comparison_picture(folders, scores, tmp_path / "picture.png")
    path.unlink()
    with pytest.raises(ClipError, match=r"clip_3\.mkv"):
        comparison_picture(folders, scores, tmp_path / "picture.png")
    assert not list(tmp_path.glob("picture.*"))


def test_clips_without_a_score_are_not_counted(clips, tmp_path):
    folders, scores = clips
    table = pd.read_parquet(scores)
    table.loc[table["clip"] == "clip_0", "value"] = np.nan
    table.to_parquet(scores)
    picture = comparison_picture(folders, scores, tmp_path / "picture.png")
    assert "equal shares of those 5 of 6 test clips that have PSNR" in picture.caption
    assert "clip_0" not in picture.caption


def test_scores_without_the_metric_are_refused(clips, tmp_path):
    folders, scores = clips
    with pytest.raises(MetricError, match="no value of tlme"):
        comparison_picture(folders, scores, tmp_path / "picture.png", metric="tlme")
