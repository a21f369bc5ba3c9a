"""Folders of videos in, aligned clips out."""

import shutil
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from skimage.data import astronaut

from dicface.base.errors import ClipError, ConfigError, FaceError
from dicface.faces import align, importer
from dicface.faces.detect import (
    DlibDetector,
)
from dicface.faces.faces_file import FACES_FILE
from dicface.video import clips
from tests.faces._faces import FixedDetector, picture


def write_frames(folder: Path, frames: list[np.ndarray]) -> None:
    folder.mkdir(parents=True)
    for index, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{index:08d}.png"), frame[..., ::-1])


def test_import_of_odd_sizes_and_short_clips(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    write_frames(source / "one", [picture(101, 77)])
    write_frames(source / "three", [picture(90, 133)] * 3)
    clips.write_clip(source / "long.mkv", [picture(64, 64)] * 6, Fraction(30))
    index = importer.import_folder(
        source, out, size=32, detector=FixedDetector(missing=(2,)), max_frames=4, progress=False
    )
    assert index["clip"].tolist() == ["long", "one", "three"]
    assert index["num_frames"].tolist() == [4, 1, 3]
    assert index["num_interpolated"].tolist() == [1, 0, 0]
    assert index["fps"].tolist() == [30, 25, 25]
    pd.testing.assert_frame_equal(pd.read_parquet(out / importer.INDEX_FILE), index)
    faces = pd.read_parquet(out / FACES_FILE)
    assert len(faces) == 8
    assert faces.loc[~faces["detected"], "frame"].tolist() == [2]
    assert faces.loc[2, ["raw_x0", "x0"]].isna().tolist() == [True, False]
    row = faces[faces["clip"] == "one"].iloc[0]
    affine = row[["a00", "a01", "a02", "a10", "a11", "a12"]].to_numpy(float).reshape(2, 3)
    nose = affine[:, :2] @ (row["x2"], row["y2"]) + affine[:, 2]
    np.testing.assert_allclose(nose, align.template(32)[2], atol=1e-6)
    aligned, _ = clips.read_clip(out / "one.mkv")
    np.testing.assert_array_equal(
        aligned[0], align.warp(picture(101, 77), affine, 32, antialias=True)
    )


def test_import_goes_on_where_it_stopped(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for name in ("a", "b"):
        clips.write_clip(source / f"{name}.mkv", [picture(64, 64)] * 2, 25)
    first = importer.import_folder(source, out, size=32, detector=FixedDetector(), progress=False)
    (out / "b.mkv").unlink()
    again = FixedDetector()
    index = importer.import_folder(source, out, size=32, detector=again, progress=False)
    assert again.calls == 2  # the frames of b alone
    pd.testing.assert_frame_equal(index, first)
    assert index["source"].tolist() == ["a.mkv", "b.mkv"]  # not where they lie
    other = FixedDetector()
    importer.import_folder(source, out, size=48, detector=other, progress=False)
    assert other.calls == 4
    (source / "a.mkv").unlink()
    importer.import_folder(source, out, size=48, detector=other, progress=False)
    assert not (out / "a.mkv").exists()
    assert pd.read_parquet(out / FACES_FILE)["clip"].unique().tolist() == ["b"]


def test_clips_without_a_face_are_all_named(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for name in ("good", "bad", "worse"):
        clips.write_clip(source / f"{name}.mkv", [picture(64, 64)], 25)
    detector = FixedDetector(missing=(0, 2))  # bad, then good, then worse
    with pytest.raises(FaceError, match=r"(?s)2 of 3.*bad\.mkv.*worse\.mkv"):
        importer.import_folder(
            source, out, size=32, detector=detector, on_misfit="stop", progress=False
        )
    assert (out / "good.mkv").is_file()
    assert not (out / importer.INDEX_FILE).exists()


def test_sources_that_are_no_clips(tmp_path):
    def run(folder: Path) -> None:
        importer.import_folder(
            folder, tmp_path / "out", size=32, detector=FixedDetector(), progress=False
        )

    with pytest.raises(ClipError):
        run(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ClipError, match="empty"):
        run(tmp_path / "empty")
    text = tmp_path / "text"
    text.mkdir()
    (text / "film.mp4").write_text("no film")
    with pytest.raises(ClipError, match=r"film\.mp4"):
        run(text)
    twice = tmp_path / "twice"
    for suffix in (".mp4", ".mov"):
        twice.mkdir(exist_ok=True)
        (twice / f"a{suffix}").write_bytes(b"x")
    with pytest.raises(ClipError, match=r"a\.mov.*a\.mp4"):
        run(twice)
    with pytest.raises(ConfigError, match="size"):
        importer.import_folder(text, tmp_path / "out", size=33, detector=FixedDetector())
    assert not list(tmp_path.glob("out/*"))


def test_a_photograph_is_aligned_to_the_template(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    photo = astronaut()[:300, 60:400]
    frames = [np.ascontiguousarray(photo[:, t : t + 300]) for t in range(0, 12, 3)]
    clips.write_clip(source / "camera.mkv", frames, 25)
    index = importer.import_folder(source, out, size=128, detector="dlib", progress=False)
    assert index.loc[0, "detector"] == "dlib-hog-68"
    aligned, _ = clips.read_clip(out / "camera.mkv")
    assert aligned.shape == (4, 128, 128, 3)
    found = DlibDetector().detect(aligned[2])[0]
    assert np.abs(found.points - align.template(128)).max() < 6


@pytest.mark.real_data
def test_real_videos_of_other_sizes(shared, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for name in ("liveportrait_source_s20.mp4", "hdtf_1wCGAxqT_4+000000_000177+p0.mp4"):
        shutil.copy(shared / "assets" / "clips" / name, source / name)
    index = importer.import_folder(
        source, tmp_path / "out", size=64, detector="dlib", max_frames=3, progress=False
    )
    assert index["num_frames"].tolist() == [3, 3]
    assert index["num_interpolated"].sum() == 0
    for name in index["clip"]:
        frames, _ = clips.read_clip(tmp_path / "out" / f"{name}.mkv")
        points = DlibDetector().detect(frames[1])[0].points
        assert np.abs(points - align.template(64)).max() < 5
