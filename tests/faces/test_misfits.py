"""Clips that cannot be used: named all at once before faces are looked for, dropped or refused."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from dicface.base.errors import ClipError, FaceError
from dicface.faces import importer
from dicface.faces.misfits import FILE, counted, read_left_out
from dicface.video.clips import write_clip
from tests.faces._faces import FixedDetector, picture


class NoFaceInBlack(FixedDetector):
    """Finds a face in every frame that is not black."""

    def detect(self, frame: np.ndarray) -> list:
        return super().detect(frame) if frame.any() else []


def clips_with_misfits(folder: Path) -> Path:
    photo = picture(64, 64)
    write_clip(folder / "good.mkv", [photo] * 4, 25)
    write_clip(folder / "short.mkv", [photo], 25)
    write_clip(folder / "dark.mkv", [photo * 0] * 4, 25)
    whole = write_clip(folder / "cut.mkv", [np.roll(photo, n, 0) for n in range(9)], 25).path
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (folder / "text.mp4").write_text("no film")
    return folder


def test_misfits_are_dropped_counted_and_named_before_faces_are_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, out = clips_with_misfits(tmp_path / "in"), tmp_path / "out"
    detector = NoFaceInBlack()

    def run(**settings: object) -> list[str]:
        index = importer.import_folder(
            source, out, size=32, detector=detector, min_frames=2, progress=False, **settings
        )
        return index["clip"].tolist()

    with pytest.raises(ClipError, match=r"(?s)3 of 5 .*cut\.mkv.*short\.mkv.*text\.mp4.*on_misfit"):
        run(on_misfit="stop")
    assert detector.calls == 0
    with caplog.at_level(logging.WARNING):
        assert run() == ["good"]
    assert "3 of 5 clips are left out" in caplog.text
    assert "4 of 5 clips are left out" in caplog.text
    left_out = {misfit.clip: misfit.kind for misfit in read_left_out(out)}
    assert left_out == {
        "cut": "damaged",
        "dark": "faceless",
        "short": "too short",
        "text": "unreadable",
    }
    assert counted(read_left_out(out)).startswith("damaged: cut; too short: short")
    for name in ("cut.mkv", "dark.mkv", "short.mkv", "text.mp4"):
        (source / name).unlink()
    calls = detector.calls
    assert run() == ["good"]
    assert (detector.calls, (out / FILE).exists()) == (calls, False)


def test_a_set_of_misfits_alone_is_an_error(tmp_path: Path) -> None:
    write_clip(tmp_path / "in" / "dark.mkv", [np.zeros((64, 64, 3), np.uint8)] * 2, 25)
    with pytest.raises(FaceError, match=r"dark\.mkv: no face found in any of its 2 frames"):
        importer.import_folder(
            tmp_path / "in", tmp_path / "out", size=32, detector=NoFaceInBlack(), progress=False
        )


class FaceInTheBright(FixedDetector):
    """Finds a face in the half of the frame that is not black."""

    def detect(self, frame: np.ndarray) -> list:
        left = frame[:, : frame.shape[1] // 2].any()
        face = super().detect(frame)[0]
        shift = 0 if left else frame.shape[1] // 2
        box = face.box
        moved = type(box)(box.left + shift, box.top, box.right + shift, box.bottom)
        return [type(face)(box=moved, score=1.0, points=face.points + [shift, 0])]


def test_a_cut_is_named_and_no_frame_shows_a_place_between(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photo = picture(64, 64)
    left = np.hstack([photo, np.zeros((64, 128, 3), np.uint8)])
    right = np.ascontiguousarray(left[:, ::-1])
    for name, frames in {"whole": [left] * 8 + [right] * 8, "one": [left] * 8}.items():
        write_clip(tmp_path / "in" / f"{name}.mkv", frames, 25)
    with caplog.at_level(logging.WARNING):
        importer.import_folder(
            tmp_path / "in", tmp_path / "out", size=32, detector=FaceInTheBright(), progress=False
        )
    jumps = [text for text in caplog.messages if "the face jumps" in text]
    assert len(jumps) == 1
    assert "whole.mkv: the face jumps at frame 8" in jumps[0]
    faces = importer.pd.read_parquet(tmp_path / "out" / "faces.parquet")
    assert faces.loc[faces["clip"] == "whole", "x2"].round(6).nunique() == 2
