"""Data sets as published: layouts, landmarks in shards, index, training windows."""

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader

from dicface.base.errors import ClipError, ConfigError, FaceError
from dicface.data.datasets.layouts import LAYOUTS, read_layout
from dicface.data.datasets.layouts import text as texts
from dicface.data.datasets.shard_landmarks import (
    POINT_COLUMNS,
    LandmarkSettings,
    landmarks_of_shard,
    read_header,
)
from dicface.data.datasets.shards import clips_of_shard, landmarks_path, shards
from dicface.data.datasets.training_index import (
    INDEX_FILE,
    write_index,
    write_release_files,
)
from dicface.faces import align
from dicface.faces.detect import RetinaFaceDetector, detect_all
from dicface.runs.files import read_training_index
from dicface.training.clips import IndexedClips, open_clips
from dicface.training.samples import TrainingWindows
from dicface.training.windows import TrainingWindow
from dicface.video import clips
from dicface.video.sources import frame_times, look, read_at
from tests.data.datasets import _layouts as mini
from tests.data.datasets._layouts import NAMES, NUM_FRAMES, RELEASED, FixedDetector


def make_landmarks(root: Path, out: Path, shard: str = "00000", size: int = 10, **settings) -> Path:
    """Landmarks of one shard; by default of all clips."""
    given = {"detector": FixedDetector(), "progress": False} | settings
    clips = clips_of_shard(read_layout("vfhq_train", root), shard, size)
    return landmarks_of_shard(clips, landmarks_path(out, shard), **given)


def indexed(root: Path, out: Path, kind: str = "vfhq_train", size: int = 1) -> Path:
    """Landmarks of all shards and the index of a set."""
    layout = read_layout(kind, root)
    for shard in shards(layout.clips, size):
        make_landmarks(root, out, shard, size)
    return write_index(layout, out, shard_size=size)


# --- layouts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "make", "names"),
    [
        ("vfhq_train", mini.vfhq_frames, NAMES),
        ("vfhq_train", mini.vfhq_videos, NAMES),
        ("vfhq_test", mini.vfhq_test, NAMES),
        ("ffhq", mini.ffhq, ("00000", "00001", "01000")),
    ],
)
def test_every_layout_is_read(kind, make, names, tmp_path):
    layout = read_layout(kind, make(tmp_path / "set")).require()
    assert tuple(layout.clips) == names
    for clip in layout.clips.values():
        assert look(clip.source).num_frames == (1 if kind == "ffhq" else NUM_FRAMES)
    if kind == "vfhq_train":
        assert layout.num_expected == 2
        assert all(clip.meta is not None for clip in layout.clips.values())


def test_the_released_test_set_is_read(tmp_path):
    layout = read_layout("released_test", mini.released(tmp_path / "set", num_frames=1)).require()
    assert {task: tuple(found) for task, found in layout.inputs.items()} == {
        task: RELEASED for task in ("bfr", "inpainting", "colorization")
    }
    assert all(clip.landmarks for clip in layout.clips.values())


def test_a_folder_too_high_is_named(tmp_path):
    mini.vfhq_test(tmp_path / "download" / "VFHQ-Test")
    with pytest.raises(ClipError, match="VFHQ-Test: give that folder"):
        read_layout("vfhq_test", tmp_path / "download").require()


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_missing_and_an_empty_folder_are_named(kind, tmp_path):
    with pytest.raises(ClipError, match="nowhere"):
        read_layout(kind, tmp_path / "nowhere").require()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ClipError, match="empty"):
        read_layout(kind, tmp_path / "empty").require()


def test_an_unknown_layout_is_named(tmp_path):
    with pytest.raises(ConfigError, match="vfhq_tst.*expected one of vfhq_train"):
        read_layout("vfhq_tst", tmp_path)


# --- text files ---------------------------------------------------------------------------------


def test_meta_files(tmp_path):
    path = tmp_path / "clip.txt"
    mini.write_meta(path, num_frames=4)
    meta = texts.read_meta(path)
    assert (meta.height, meta.width, meta.crop, meta.num_frames) == (64, 96, (16, 0, 80, 64), 4)
    assert float(meta.fps) == 25
    with pytest.raises(ClipError, match="none.txt: is no VFHQ meta file"):
        texts.read_meta(tmp_path / "none.txt")


def test_a_crop_outside_the_frame_is_an_error(tmp_path):
    path = tmp_path / "clip.txt"
    mini.write_meta(path)
    path.write_text(path.read_text().replace("W: 96", "W: 70"))
    with pytest.raises(ClipError, match="outside the frame of 70×64"):
        texts.read_meta(path)


def test_landmark_files_go_round_and_keep_files_are_read(tmp_path):
    points = np.arange(30, dtype=float).reshape(3, 5, 2)
    texts.write_landmarks(tmp_path / "a.txt", points)
    assert len((tmp_path / "a.txt").read_text().splitlines()[0].split()) == 10
    np.testing.assert_allclose(texts.read_landmarks(tmp_path / "a.txt"), points)
    lines = (tmp_path / "a.txt").read_text().splitlines()
    (tmp_path / "b.txt").write_text("\n".join(f"00000{i}.png {x}" for i, x in enumerate(lines)))
    np.testing.assert_allclose(texts.read_landmarks(tmp_path / "b.txt"), points)
    (tmp_path / "b.txt").write_text("1 2 3")
    with pytest.raises(FaceError, match="line 1 is '1 2 3'"):
        texts.read_landmarks(tmp_path / "b.txt")


def test_clip_lists_go_round(tmp_path):
    texts.write_clip_list(tmp_path / "list.txt", {"b": 7, "a": 120})
    assert texts.read_clip_list(tmp_path / "list.txt") == {"a": 120, "b": 7}
    (tmp_path / "list.txt").write_text("set/a/12\na/12\n")
    with pytest.raises(ClipError, match="line 2 lists 'a' a second time"):
        texts.read_clip_list(tmp_path / "list.txt")


# --- single frames ------------------------------------------------------------------------------


@pytest.mark.parametrize("gop", [1, 4, 250])
def test_single_frames_of_a_video_are_those_of_reading_it_through(gop, tmp_path):
    frames = mini.pictures("any", 20)
    path = tmp_path / f"gop{gop}.mp4"
    mini.write_video(path, frames, gop=gop)
    whole = list(clips.read_frames(path))
    assert len(frame_times(path)) == len(whole) == look(path).num_frames
    for asked in ((0, 1), (19,), (9, 8, 7, 6, 5), (3, 17)):
        for index, frame in zip(asked, read_at(path, asked), strict=True):
            np.testing.assert_array_equal(frame, whole[index])
    with pytest.raises(ClipError, match="frame 20 was asked for and it holds 20"):
        read_at(path, (20,))


def test_a_cut_video_is_noticed_by_its_ends(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (24, 64, 64, 3), dtype=np.uint8)
    clips.write_clip(tmp_path / "a.mkv", noise, 25)
    assert look(tmp_path / "a.mkv").num_frames == 24
    content = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "a.mkv").write_bytes(content[: len(content) // 2])
    with pytest.raises(ClipError, match=r"a\.mkv: ends after about"):
        look(tmp_path / "a.mkv")


# --- shards and landmarks -----------------------------------------------------------------------


def test_shards_depend_on_names_alone():
    names = [f"clip{number}" for number in range(7)]
    shuffled = random.Random(0).sample(names, 7)
    ids = {"00000": tuple(names[:3]), "00001": tuple(names[3:6]), "00002": ("clip6",)}
    assert shards(shuffled, 3) == ids
    with pytest.raises(ConfigError):
        shards(names, 0)


def test_a_shard_that_is_not_there_is_named(tmp_path):
    layout = read_layout("vfhq_train", mini.vfhq_frames(tmp_path / "set"))
    assert [clip.name for clip in clips_of_shard(layout, "00001", 1)] == [NAMES[1]]
    with pytest.raises(ConfigError, match="found '00002'.*from 00000 to 00001"):
        clips_of_shard(layout, "00002", 1)


@pytest.mark.parametrize("make", [mini.vfhq_frames, mini.vfhq_videos])
def test_landmarks_of_a_shard(make, tmp_path):
    root, out = make(tmp_path / "set"), tmp_path / "out"
    detector = FixedDetector(missing=(2,))
    path = make_landmarks(root, out, detector=detector)
    assert path == out / "landmarks" / "shard_00000.parquet"
    table = pd.read_parquet(path)
    assert list(table["clip"].unique()) == list(NAMES)
    assert len(table) == 2 * NUM_FRAMES
    assert table["detected"].sum() == 2 * NUM_FRAMES - 1
    # Raw clips are cropped by their meta file before faces are sought.
    expected = np.tile(mini.landmarks(64).ravel(), (2 * NUM_FRAMES, 1))
    np.testing.assert_allclose(table[POINT_COLUMNS], expected, rtol=1e-5)
    made = path.stat().st_mtime_ns
    make_landmarks(root, out, detector=detector)
    assert path.stat().st_mtime_ns == made
    assert detector.calls == 2 * NUM_FRAMES
    settings = LandmarkSettings(smoothing_sigma_frames=0)
    make_landmarks(root, out, detector=detector, settings=settings)
    assert path.stat().st_mtime_ns != made


def test_a_bad_clip_is_left_out_with_its_reason_and_many_stop_the_index(tmp_path):
    root = mini.vfhq_frames(tmp_path / "set")
    mini.write_meta(root / "meta_info" / f"{NAMES[0]}.txt", num_frames=NUM_FRAMES + 5)
    layout = read_layout("vfhq_train", root)
    path = make_landmarks(root, tmp_path)
    assert "holds 6 frames" in read_header(path)["left_out"][NAMES[0]]
    with pytest.raises(ClipError, match="1 of 2 clips cannot be used"):
        write_index(layout, tmp_path, shard_size=10)
    table = read_training_index(write_index(layout, tmp_path, shard_size=10, max_left_out=0.5))
    assert list(table["left_out"] == "") == [False, True]
    assert IndexedClips(tmp_path / INDEX_FILE, size=32).names == [NAMES[1]]
    path.unlink()
    everywhere = FixedDetector(missing=tuple(range(20)))
    assert set(read_header(make_landmarks(root, tmp_path, detector=everywhere))["left_out"]) == {
        *NAMES
    }
    with pytest.raises(ClipError, match="2 of 2 clips cannot be used.*"):
        write_index(layout, tmp_path, shard_size=10)


def test_landmark_files_of_the_set_are_used_as_they_are(tmp_path):
    root = mini.vfhq_frames(tmp_path / "set")
    points = np.repeat(mini.landmarks(512)[None], NUM_FRAMES, axis=0)
    texts.write_landmarks(root / "landmarks" / f"{NAMES[0]}.txt", points)
    texts.write_landmarks(root / "landmarks" / f"{NAMES[1]}.txt", points[:4])
    detector = FixedDetector()
    path = make_landmarks(root, tmp_path, detector=detector)
    assert detector.calls == 0
    assert "is shorter than its clip: 4 lines" in read_header(path)["left_out"][NAMES[1]]
    found = pd.read_parquet(path)[POINT_COLUMNS].to_numpy()
    np.testing.assert_allclose(found[0], mini.landmarks(64).ravel(), rtol=1e-4)


def test_text_files_of_the_release(tmp_path):
    index = indexed(mini.vfhq_videos(tmp_path / "set"), tmp_path / "out")
    write_release_files(index, tmp_path / "text")
    assert texts.read_clip_list(tmp_path / "text" / "meta_info.txt") == dict.fromkeys(NAMES, 6)
    points = texts.read_landmarks(tmp_path / "text" / "landmarks" / f"{NAMES[0]}.txt")
    np.testing.assert_allclose(points, np.tile(mini.landmarks(512), (6, 1, 1)), atol=1e-3)


def test_an_index_needs_all_shards(tmp_path):
    root = mini.vfhq_frames(tmp_path / "set")
    layout = read_layout("vfhq_train", root)
    make_landmarks(root, tmp_path, "00000", 1)
    with pytest.raises(ClipError, match="shard_00001.parquet"):
        write_index(layout, tmp_path, shard_size=1)
    with pytest.raises(ClipError, match="landmarks are of other clips"):
        write_index(layout, tmp_path, shard_size=2)


@pytest.mark.real_data
@pytest.mark.slow
def test_batches_of_retinaface_find_what_single_frames_do(shared):
    weights = shared / "assets" / "weights" / "retinaface_mobilenet0.25_Final.pth"
    video = shared / "assets" / "clips" / "liveportrait_driving_d0.mp4"
    detector = RetinaFaceDetector(weights, "mobile0.25", short_side_px=256, device="cpu")
    frames = [frame[::2, ::2] for frame in read_at(video, (0, 30, 60))]
    single = [faces for _, faces in detect_all(frames, detector)]
    batched = [faces for _, faces in detect_all(frames, detector, batch_size=2)]
    assert [len(faces) for faces in single] == [1, 1, 1]
    for one, many in zip(single, batched, strict=True):
        np.testing.assert_allclose(many[0].points, one[0].points, atol=0.02)
        assert many[0].score == pytest.approx(one[0].score, abs=1e-4)


# --- training windows ---------------------------------------------------------------------------


@pytest.mark.parametrize("make", [mini.vfhq_frames, mini.vfhq_videos])
def test_windows_are_aligned_on_the_fly(make, tmp_path):
    source = IndexedClips(indexed(make(tmp_path / "set"), tmp_path / "out"), size=64, window=3)
    assert [source.num_frames(clip) for clip in range(len(source.names))] == [NUM_FRAMES] * 2
    window = TrainingWindow(frames=(4, 3, 2), landmark_frames=(4, 3, 2))
    found = source.read(1, window)
    affine = align.estimate_affine(mini.landmarks(64), 64)
    truth = mini.pictures(NAMES[1], NUM_FRAMES)
    for frame, index in zip(found, window.frames, strict=True):
        np.testing.assert_allclose(frame, align.warp(truth[index], affine, 64), atol=1)
    # The corner lies outside the source: the trainer's colour.
    assert tuple(found[0, -1, -1]) == (135, 133, 132)


def test_the_release_degrades_before_it_aligns(tmp_path):
    index = indexed(mini.vfhq_frames(tmp_path / "set"), tmp_path / "out")
    window = TrainingWindow(frames=(0, 1), landmark_frames=(0, 1))

    def black(frames: np.ndarray) -> np.ndarray:
        return np.zeros_like(frames)

    ours, theirs = (
        IndexedClips(index, size=64, order=order).pair(0, window, black)
        for order in ("aligned", "release")
    )
    np.testing.assert_array_equal(ours[1], theirs[1])
    assert not ours[0].any()
    assert tuple(theirs[0][0, -1, -1]) == (135, 133, 132)
    with pytest.raises(ConfigError):
        IndexedClips(index, size=64, order="any")


def test_only_the_windows_files_are_read(tmp_path):
    root = mini.vfhq_frames(tmp_path / "set")
    source = IndexedClips(indexed(root, tmp_path / "out"), size=64)
    for number in (0, 5):
        (root / "frames" / NAMES[0] / f"{number:08d}.png").write_bytes(b"damaged")
    source.read(0, TrainingWindow(frames=(1, 2, 3), landmark_frames=(1, 2, 3)))
    with pytest.raises(ClipError, match="00000005.png"):
        source.read(0, TrainingWindow(frames=(5,), landmark_frames=(5,)))


def test_aligned_images_need_no_landmarks(tmp_path):
    root, out = mini.ffhq(tmp_path / "set"), tmp_path / "out"
    source = IndexedClips(write_index(read_layout("ffhq", root), out, shard_size=100), size=32)
    assert source.names == ["00000", "00001", "01000"]
    assert source.read(2, TrainingWindow((0,), (0,))).shape == (1, 32, 32, 3)
    assert not (out / "landmarks").exists()


def test_an_index_is_read_by_the_window(tmp_path):
    index = indexed(mini.vfhq_frames(tmp_path / "set"), tmp_path / "out")
    with pytest.raises(ConfigError, match="expected cache: false"):
        open_clips(index.parent, size=32, window=3, order="aligned", cache=True)


def test_too_short_clips_are_not_drawn(tmp_path):
    index = indexed(mini.vfhq_frames(tmp_path / "set"), tmp_path / "out")
    with pytest.raises(ClipError, match="no clip of at least 7 frames"):
        IndexedClips(index, size=64, window=7)


def drawn(index: Path) -> TrainingWindows:
    source = open_clips(index.parent, size=32, window=3, order="aligned", cache=False)
    return TrainingWindows(source, window=3, task=None, seed_names=("run",), num_samples=6)


def test_samples_do_not_depend_on_workers_or_shards(tmp_path):
    root = mini.vfhq_videos(tmp_path / "set")
    one = drawn(indexed(root, tmp_path / "one", size=1))
    both = drawn(indexed(root, tmp_path / "both", size=2))
    alone = [one[index][1] for index in (5, 0, 3)]
    batches = [truth[0] for _, truth in DataLoader(both, batch_size=1, num_workers=2)]
    for index, sample in zip((5, 0, 3), alone, strict=True):
        assert torch.equal(batches[index], sample)
