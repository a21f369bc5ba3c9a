"""Degraded videos of the user: aligned, left as they are, and misfits named while others go on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dicface.base.errors import ClipError
from dicface.config.load import load
from dicface.config.settings import Config
from dicface.data.prepare import WILD_MIN_FRAMES, import_wild_clips
from dicface.faces import importer
from dicface.faces.misfits import read_left_out
from dicface.video.clips import list_clips, read_clip, write_clip
from tests.faces._faces import FixedDetector, picture

CONFIG = load(Path(__file__).resolve().parents[2] / "config" / "config.yaml")
BLACK = np.zeros((64, 64, 3), np.uint8)


class FindsPictures(FixedDetector):
    """Finds a face in what is not black."""

    def detect(self, frame: np.ndarray) -> list:
        return super().detect(frame) if frame.any() else []


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(importer, "default_detector", lambda name: FindsPictures())
    folder = tmp_path / "films"
    write_clip(folder / "long.mkv", [picture(64, 64)] * 60, 30)
    write_clip(folder / "least.mkv", [picture(101, 77)] * WILD_MIN_FRAMES, 25)
    test = replace(CONFIG.data.test, max_frames=8)
    return replace(CONFIG, wild_clips=str(folder), data=replace(CONFIG.data, size=32, test=test))


def imported(config: Config, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    out = tmp_path / "out"
    import_wild_clips(config, out)
    return out, {misfit.clip: misfit.why for misfit in read_left_out(out)}


def test_clips_are_aligned_and_as_long_as_the_configuration_takes(
    config: Config, tmp_path: Path
) -> None:
    out, left_out = imported(config, tmp_path)
    assert left_out == {}
    index = pd.read_parquet(out / "index.parquet").set_index("clip")
    assert index["num_frames"].to_dict() == {"least": WILD_MIN_FRAMES, "long": 8}
    frames, fps = read_clip(out / "long.mkv")
    assert (frames.shape, fps) == ((8, 32, 32, 3), 30)
    before = (out / "long.mkv").stat().st_mtime_ns
    imported(config, tmp_path)
    assert (out / "long.mkv").stat().st_mtime_ns == before


def test_what_does_not_fit_is_left_out_with_its_reason_and_the_others_go_on(
    config: Config, tmp_path: Path
) -> None:
    imported(config, tmp_path)
    folder = Path(config.wild_clips)
    write_clip(folder / "short.mkv", [picture(64, 64)] * (WILD_MIN_FRAMES - 1), 25)
    write_clip(folder / "faceless.mkv", [BLACK] * 9, 25)
    (folder / "broken.mp4").write_bytes(b"no video")
    write_clip(folder / "least.mkv", [BLACK] * 9, 25)
    out, left_out = imported(config, tmp_path)
    assert list(list_clips(out)) == ["long"]
    assert list(pd.read_parquet(out / "index.parquet")["clip"]) == ["long"]
    assert sorted(left_out) == ["broken", "faceless", "least", "short"]
    assert "short.mkv: holds 4 frames; expected at least 5" in left_out["short"]
    assert "no face found in any of its 8 frames" in left_out["faceless"]


def test_a_folder_of_which_nothing_can_be_used_names_it_all(config: Config, tmp_path: Path) -> None:
    folder = Path(config.wild_clips)
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(ClipError, match="films: "):
        imported(config, tmp_path)
    write_clip(folder / "a.mkv", [BLACK] * 6, 25)
    write_clip(folder / "b.mkv", [BLACK], 25)
    with pytest.raises(ClipError, match=r"2 of 2 clips cannot be used:\n.*b.mkv.*\n.*a.mkv"):
        imported(config, tmp_path)
    assert not (tmp_path / "out" / "index.parquet").exists()
