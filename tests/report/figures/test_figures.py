"""The figures: what they show follows from the clips, files repeat, bad input is named."""

import json
import os
import re
import subprocess
import sys
import zlib
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from dicface.base.errors import ClipError, MetricError, TrainingError
from dicface.base.seeds import numpy_rng
from dicface.metrics.psnr import psnr
from dicface.report import figures
from dicface.report.figures import Drawn, curves, grid, landmark_error, slices
from dicface.report.figures.chosen import check_alike, clip_paths, in_every_folder
from dicface.report.figures.curves import read_stats
from dicface.report.figures.grid import choose_rows
from dicface.report.figures.landmark_error import landmark_errors
from dicface.report.figures.landmarks import five_points, to_frame_px, true_face
from dicface.report.figures.slices import temporal_slice, true_eye_column
from dicface.report.figures.style import BOTH_WIDTHS, COLUMN_WIDTH, TEXT_WIDTH, look
from dicface.report.looks import known_looks, looks_of
from dicface.video.clips import write_clip

SIZE, FRAMES, CLIPS = 32, 6, ("a", "b", "c")
OFFSETS = {"Input": 24, "CodeFormer": 8, "DicFace": 2, "Truth": 0}


def true_points(clip: str) -> np.ndarray:
    """68 points a frame; the left eye's centre moves one px a frame around x = 192."""
    points = np.full((FRAMES, 68, 2), 256.0)
    points[:, 36:42] = (192, 240)
    points[:, 42:48] = (320, 240)
    points[:, 36:42, 0] += (np.arange(FRAMES) - FRAMES // 2)[:, None]
    points[:, 48] = (200, 370)
    points[:, 54] = (312, 370)
    return points


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Clips, scores and landmarks as a run leaves them; clip a has the worst input, c the best."""
    root = tmp_path_factory.mktemp("run")
    for number, clip in enumerate(CLIPS):
        rng = numpy_rng("test figures", clip)
        still = rng.integers(60, 180, size=(SIZE, SIZE, 3), dtype=np.uint8)
        for label, offset in OFFSETS.items():
            frames = [still + np.uint8(offset * (3 - number) // 3)] * FRAMES
            write_clip(root / label / f"{clip}.mkv", frames, 25)
    for label, offset in OFFSETS.items():
        truth = np.concatenate([true_points(clip) for clip in CLIPS])
        np.savez(
            root / label / "landmarks.npz",
            clips=np.array(CLIPS),
            restored=(truth + [offset, 0]).astype(np.float32),
            truth=truth.astype(np.float32),
            frame_clip=np.repeat(np.arange(len(CLIPS)), FRAMES),
        )
    rows = [
        {"clip": clip, "metric": metric, "value": value + number}
        for number, clip in enumerate(CLIPS)
        for metric, value in (("psnr", 20.0), ("tlme", 1.0))
    ]
    facts = {"task": "bfr", "method": "input", "num_frames": FRAMES, "num_missing": 0}
    facts |= {"backbone": "fake", "backbone_sha256": "", "official": False}
    facts |= {"protocol": "dicface-2", "note": ""}
    pd.DataFrame(rows).assign(**facts).to_parquet(root / "Input" / "metrics.parquet")
    return root


@pytest.fixture
def columns(run):
    return {label: run / label for label in OFFSETS}


@pytest.fixture
def scores(run):
    return run / "Input" / "metrics.parquet"


def embedded_fonts(pdf: bytes) -> tuple[int, set[str]]:
    """Number of embedded TrueType programs, and the kinds of the fonts of a PDF."""
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    texts = [pdf]
    for stream in streams:
        try:
            texts.append(zlib.decompress(stream))
        except zlib.error:
            continue
    whole = b"\n".join(texts)
    kinds = {kind.decode() for kind in re.findall(rb"/Subtype\s*/(Type\w+|TrueType)", whole)}
    return whole.count(b"/FontFile2"), kinds


def test_figures_have_the_width_of_the_page_embedded_fonts_and_a_caption(
    columns, scores, run, tmp_path
):
    drawn = figures.draw_slices(columns, scores, run / "Input" / "landmarks.npz", tmp_path / "f.7")
    assert (drawn.pdf.name, drawn.png.name) == ("f.7.pdf", "f.7.png")
    assert {path.name for path in drawn.files} == {path.name for path in tmp_path.iterdir()}
    for name, width in (("f.7", TEXT_WIDTH), ("f.7_column", COLUMN_WIDTH)):
        svg = (tmp_path / f"{name}.svg").read_text()
        assert f'width="{72 * width:g}pt"' in svg
        # Letters are outlines: no font is asked for.
        assert "<text" not in svg
        assert "font-family" not in svg
        pdf = (tmp_path / f"{name}.pdf").read_bytes()
        assert f"/MediaBox [ 0 0 {72 * width:g} ".encode() in pdf
    with Image.open(drawn.png) as image:
        assert image.width == round(300 * TEXT_WIDTH)
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)
    programs, kinds = embedded_fonts(drawn.pdf.read_bytes())
    assert programs > 0
    assert "Type3" not in kinds
    assert (tmp_path / "f.7.txt").read_text() == drawn.caption + "\n"
    assert (
        "3 equal shares of all 3 test clips, ordered by TLME of the input. Rows: (a)"
        in drawn.caption
    )


DRAW = """
import sys
from pathlib import Path
from dicface.metrics.psnr import psnr
from dicface.report import figures
root, out = Path(sys.argv[1]), Path(sys.argv[2])
columns = {label: root / label for label in ("Input", "CodeFormer", "DicFace", "Truth")}
scores, points = root / "Input" / "metrics.parquet", root / "Input" / "landmarks.npz"
figures.draw_grid(columns, scores, out / "grid", landmarks=points, num_rows=2)
figures.draw_landmark_errors(columns, scores, out / "errors")
"""


def test_figures_repeat_bit_for_bit_in_another_process(run, tmp_path):
    for name in ("0", "1"):
        environment = os.environ | {"PYTHONHASHSEED": name}
        command = [sys.executable, "-c", DRAW, str(run), str(tmp_path / name)]
        subprocess.run(command, check=True, env=environment)
    ends = (".pdf", ".png", ".svg", "_column.pdf", "_column.svg", ".txt")
    names = {f"{figure}{end}" for figure in ("grid", "errors") for end in ends}
    assert {path.name for path in (tmp_path / "0").iterdir()} == names
    for name in names:
        first, again = (tmp_path / folder / name for folder in ("0", "1"))
        assert first.read_bytes() == again.read_bytes(), name


def test_grid_takes_rows_by_the_inputs_score_and_the_detail_that_it_shows_worse(
    columns, scores, run, tmp_path
):
    landmarks = run / "Input" / "landmarks.npz"
    rows, which = choose_rows(columns, scores, landmarks=landmarks, num_rows=3)
    assert [(row.clip, row.frame) for row in rows] == [("a", 3), ("b", 3), ("c", 3)]
    assert which == "all 3 test clips"
    assert rows[0].psnr[0] < rows[0].psnr[1] < rows[0].psnr[2]
    for row in rows:
        left, top, right, bottom = row.box
        assert (right - left, bottom - top) == (14, 7)
        assert 0 <= left < right <= SIZE
    # Now the input's mouth alone is wrong.
    frames = [np.full((SIZE, SIZE, 3), 100, np.uint8)] * FRAMES
    write_clip(tmp_path / "truth" / "b.mkv", frames, 25)
    wrong = frames[0].copy()
    wrong[21:26] = 200
    write_clip(tmp_path / "input" / "b.mkv", [wrong] * FRAMES, 25)
    two = {"Input": tmp_path / "input", "Truth": tmp_path / "truth"}
    ((row,), which) = choose_rows(two, scores, landmarks=landmarks)
    assert (row.clip, row.part) == ("b", "mouth")
    assert which == "those 1 of 3 test clips that every method restored whole"


def test_every_number_of_a_row_is_the_psnr_of_the_very_frame_shown(tmp_path, scores):
    for number, clip in enumerate(CLIPS):
        truth = numpy_rng("test psnr", clip).integers(40, 200, (FRAMES, SIZE, SIZE, 3), np.uint8)
        # Each frame is worse than the one before, so that only one frame has its PSNR.
        offset = (number + 1) * (np.arange(FRAMES) + 1)[:, None, None, None]
        write_clip(tmp_path / "Truth" / f"{clip}.mkv", truth, 25)
        write_clip(tmp_path / "Input" / f"{clip}.mkv", (truth + offset).astype(np.uint8), 25)
    places = {label: tmp_path / label for label in ("Input", "Truth")}
    for row, offset in zip(choose_rows(places, scores)[0], (4, 8, 12), strict=True):
        truth = row.frames[-1]
        assert row.psnr == (pytest.approx(psnr(truth + np.uint8(offset), truth)),)


def test_a_map_of_errors_is_light_where_there_is_none_and_ends_at_its_scale():
    truth = np.full((1, 4, 3), 100, np.uint8)
    shown = truth + np.array([0, 1, 64, 120], np.uint8)[None, :, None]
    none, little, end, beyond = grid.error_map(shown, truth)[0].astype(int).sum(axis=-1)
    assert none > little > end == beyond
    # Green is most of luma, blue the least of it.
    by_channel = [
        grid.error_map(truth + 30 * np.eye(3, dtype=np.uint8)[channel], truth)[0, 0].sum()
        for channel in range(3)
    ]
    assert by_channel[1] < by_channel[0] < by_channel[2]


LONG = "Clip+8vcxTHoDadk+P3+C0+F27918-28036"


@pytest.fixture
def captured(monkeypatch):
    """The figures that were to be saved, in a list: each for a page, then for a column."""
    found = []

    def keep(build, path, caption, *, widths=BOTH_WIDTHS):
        with look():
            found.extend(build(width) for width in widths)
        return Drawn(pdf=path, png=path, caption=caption, files=())

    for module in (curves, grid, landmark_error, slices):
        monkeypatch.setattr(module, "save", keep)
    return found


def texts_and_problems(figure):
    """Every text of a figure, and in words which are too small, cut off, or overlap another."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    # Axes keep ticks beyond their ends, which they do not draw.
    beyond = {
        tick.label1
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }
    texts = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
    texts = [text for text in texts if text not in beyond]
    boxes = [text.get_window_extent(renderer) for text in texts]
    names = [text.get_text() for text in texts]
    problems = [f"{t.get_text()}: small" for t in texts if t.get_fontsize() < 6]
    page = figure.bbox.padded(0.5)
    problems += [
        f"{name}: cut off"
        for name, box in zip(names, boxes, strict=True)
        if not (page.contains(box.x0, box.y0) and page.contains(box.x1, box.y1))
    ]
    pairs = combinations(zip(names, boxes, strict=True), 2)
    problems += [f"{a} on {b}" for (a, one), (b, other) in pairs if one.overlaps(other)]
    return names, problems


@pytest.mark.parametrize("num_columns", [2, 4, 8, 11, 17])
def test_no_text_of_a_grid_is_cut_off_small_or_on_another(
    run, scores, tmp_path, captured, num_columns
):
    labels = [f"BasicVSR++ number {n} (seeded weights)" for n in range(num_columns - 3)]
    labels = ["Input", *["A_name_without_any_place_to_break"][: num_columns - 2], *labels, "Truth"]
    places = {label: tmp_path / label for label in labels}
    table = pd.read_parquet(scores)
    for label, place in places.items():
        place.mkdir()
        source = run / (label if label in OFFSETS else "DicFace")
        for clip in CLIPS:
            os.link(source / f"{clip}.mkv", place / f"{LONG}{clip}.mkv")
    table["clip"] = LONG + table["clip"]
    table.to_parquet(tmp_path / "metrics.parquet")
    drawn = figures.draw_grid(places, tmp_path / "metrics.parquet", tmp_path / "grid")
    for figure, most, beside in zip(captured, BOTH_WIDTHS, (10, 5), strict=True):
        names, problems = texts_and_problems(figure)
        assert problems == []
        assert names.count("(a)") == -(-num_columns // beside)
        assert sum(name.endswith(" dB") for name in names) == 3 * (num_columns - 1)
        # One scale of the errors a row.
        assert sum(n.split() == "Error, 0 to 64 levels".split() for n in names) == 3
        assert {label.replace(" ", "") for label in labels} <= {"".join(n.split()) for n in names}
        width, height = figure.get_size_inches()
        assert width <= most + 1e-9
        assert height <= 9.5 or num_columns > (11 if most == TEXT_WIDTH else beside)
    assert f"Rows: (a) clip {LONG}a, frame 3, eyes; (b) clip {LONG}b, frame 3, " in drawn.caption


def test_no_text_of_the_slices_is_cut_off_or_on_another(run, scores, tmp_path, captured):
    labels = [f"BasicVSR++ number {n} (seeded weights)" for n in range(9)]
    columns = {"Input": run / "Input", **dict.fromkeys(labels, run / "DicFace")}
    columns["Truth"] = run / "Truth"
    figures.draw_slices(columns, scores, run / "Input" / "landmarks.npz", tmp_path / "slices")
    for figure in captured:
        names, problems = texts_and_problems(figure)
        assert problems == []
        # The input alone has scores here, of three clips.
        assert [name for name in names if "TLME" in name] == [
            f"Frame\nTLME {value}.000 px" for value in (1, 2, 3)
        ]


def test_no_text_of_a_legend_is_cut_off(run, scores, tmp_path, captured):
    labels = [f"BasicVSR++ number {n} (seeded weights)" for n in range(10)]
    methods = {"Input": run / "Input", **dict.fromkeys(labels, run / "DicFace")}
    figures.draw_landmark_errors(methods, scores, tmp_path / "errors")
    (tmp_path / "stats.jsonl").write_text('{"step": 10, "l1": 0.5}\n{"step": 20, "l1": 0.4}')
    stats = dict.fromkeys(labels, tmp_path / "stats.jsonl")
    figures.draw_training_curves(stats, tmp_path / "curves")
    for figure in captured:
        names, problems = texts_and_problems(figure)
        assert set(labels) <= set(names)
        assert [problem for problem in problems if "cut off" in problem] == []


def test_clips_without_the_score_that_orders_them_are_neither_shown_nor_counted(
    run, columns, scores, tmp_path
):
    table = pd.read_parquet(scores)
    table.loc[(table["metric"] == "tlme") & (table["clip"] == "b"), "value"] = np.nan
    table.to_parquet(tmp_path / "metrics.parquet")
    order, points = tmp_path / "metrics.parquet", run / "Input" / "landmarks.npz"
    which = "those 2 of 3 test clips that have TLME, ordered by TLME"
    drawn = figures.draw_landmark_errors(columns, order, tmp_path / "figure6")
    assert f"clip c: the middle one of {which}" in drawn.caption
    assert "Right: means over frames of each of 2 clips" in drawn.caption
    drawn = figures.draw_slices(columns, order, points, tmp_path / "figure7")
    assert f"the middle ones of 2 equal shares of {which}" in drawn.caption
    # Now some method has clip b alone.
    mine = tmp_path / "mine"
    mine.mkdir()
    os.link(run / "DicFace" / "b.mkv", mine / "b.mkv")
    with np.load(run / "DicFace" / "landmarks.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    kept = arrays.pop("frame_clip") == 1
    arrays = {name: array[kept] if name != "clips" else array for name, array in arrays.items()}
    np.savez(mine / "landmarks.npz", **arrays, frame_clip=np.ones(FRAMES, int))
    message = r"none of the clips that every method restored whole \(b\) has TLME of the input"
    with pytest.raises(MetricError, match=message):
        figures.draw_slices(columns | {"DicFace": mine}, order, points, tmp_path / "no")
    with pytest.raises(MetricError, match=message):
        figures.draw_landmark_errors(columns | {"DicFace": mine}, order, tmp_path / "no")


def test_slice_of_a_still_clip_is_constant_and_one_of_a_moving_clip_shows_its_motion(
    columns, tmp_path
):
    still = temporal_slice(columns["Truth"] / "a.mkv", 5)
    assert still.shape == (SIZE, FRAMES, 3)
    assert (still == still[:, :1]).all()
    moving = np.zeros((FRAMES, SIZE, SIZE, 3), np.uint8)
    for number in range(FRAMES):
        moving[number, 4 + number, 7] = 255
    write_clip(tmp_path / "m.mkv", moving, 25)
    found = temporal_slice(tmp_path / "m.mkv", 7)
    assert [int(found[:, number, 0].argmax()) for number in range(FRAMES)] == list(range(4, 10))


def test_column_goes_through_the_true_left_eye(run):
    # The median of 189 to 194 px of 512 is 191.5, which is 11.5 px of 32.
    assert to_frame_px(np.array([191.5]), SIZE) == pytest.approx([11.5])
    assert true_eye_column(run / "Input" / "landmarks.npz", "a", SIZE) in (11, 12)


def test_landmark_errors_are_distances_of_the_five_points(run):
    for label, offset in OFFSETS.items():
        errors = landmark_errors(run / label / "landmarks.npz", "c")
        assert errors.shape == (FRAMES, 5)
        assert errors == pytest.approx(np.full((FRAMES, 5), offset), abs=1e-4)


def test_five_points_are_eye_centres_nose_and_mouth_corners():
    points = np.arange(68)[:, None] * np.ones(2)
    assert five_points(points)[:, 0].tolist() == [38.5, 44.5, 30, 48, 54]


def test_without_a_true_face_the_template_says_where_the_face_is(run, tmp_path):
    with np.load(run / "Input" / "landmarks.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["truth"] = np.full_like(arrays["truth"], np.nan)
    np.savez(tmp_path / "landmarks.npz", **arrays)
    template = true_face(None, "a", 0)
    assert (true_face(tmp_path / "landmarks.npz", "a", 0) == template).all()
    assert template[0] == pytest.approx([192.98138, 239.94708])
    with pytest.raises(MetricError, match="no frame of clip 'a' has a face"):
        true_eye_column(tmp_path / "landmarks.npz", "a", SIZE)


def test_looks_are_fixed_by_the_methods_name():
    one, other = looks_of(["DicFace", "Mine"]), looks_of(["GPEN", "Ours", "DicFace"])
    assert one["DicFace"] == other["DicFace"] == known_looks()["DicFace"]
    looks = {(s.colour, s.marker) for s in known_looks().values()}
    # Input has two names.
    assert len(looks) == len(known_looks()) - 1
    trained = looks_of(["CodeFormer", "CodeFormer (trained)"])
    assert trained["CodeFormer"].colour == trained["CodeFormer (trained)"].colour
    assert trained["CodeFormer"] != trained["CodeFormer (trained)"]


def test_clips_that_a_method_lacks_are_not_shown_and_the_caption_counts_them(run, tmp_path):
    for clip in ("a", "c"):
        os.makedirs(tmp_path / "mine", exist_ok=True)
        os.link(run / "DicFace" / f"{clip}.mkv", tmp_path / "mine" / f"{clip}.mkv")
    values = dict.fromkeys(CLIPS, 1.0)
    left, which = in_every_folder(
        values, {"Mine": tmp_path / "mine", "Truth": run / "Truth"}, "psnr"
    )
    assert list(left) == ["a", "c"]
    assert which == "those 2 of 3 test clips that every method restored whole"
    with pytest.raises(ClipError, match=r"no clip was restored by every.*empty lacks a, b, c"):
        in_every_folder(values, {"Mine": tmp_path / "empty", "Truth": run / "Truth"}, "psnr")


def test_a_clip_that_a_method_has_not_whole_is_not_chosen(run, scores, tmp_path):
    mine = tmp_path / "mine"
    for clip in CLIPS:
        os.makedirs(mine, exist_ok=True)
        os.link(run / "DicFace" / f"{clip}.mkv", mine / f"{clip}.mkv")
    columns = {"Input": run / "Input", "Mine": mine, "Truth": run / "Truth"}
    points = run / "Input" / "landmarks.npz"
    # The rule takes b, too, unless somebody has not all of it.
    drawn = figures.draw_slices(columns, scores, points, tmp_path / "figure7")
    assert "3 equal shares of all 3 test clips" in drawn.caption
    assert "(b) clip b, frame 3, x = " in drawn.caption
    (mine / "b.mkv").unlink()
    still = np.zeros((SIZE, SIZE, 3), np.uint8)
    for wrong in ([still] * (FRAMES - 1), [still.repeat(2, axis=0).repeat(2, axis=1)] * FRAMES):
        write_clip(mine / "b.mkv", wrong, 25)
        drawn = figures.draw_slices(columns, scores, points, tmp_path / "figure7")
        whole = "those 2 of 3 test clips that every method restored whole"
        assert f"2 equal shares of {whole}" in drawn.caption
        assert "(b) clip c" in drawn.caption
        rows, which = choose_rows(columns, scores)
        assert ([row.clip for row in rows], which) == (["a", "c"], whole)
        with pytest.raises(ClipError, match=r"b\.mkv: found .* the truth has 6 of 32×32 px"):
            check_alike(columns, "b")


def test_landmarks_of_a_clip_in_fewer_frames_are_not_chosen(run, columns, scores, tmp_path):
    with np.load(run / "DicFace" / "landmarks.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    kept = np.arange(len(arrays["frame_clip"])) != FRAMES  # the first frame of clip b
    for name in ("restored", "truth", "frame_clip"):
        arrays[name] = arrays[name][kept]
    (tmp_path / "mine").mkdir()
    np.savez(tmp_path / "mine" / "landmarks.npz", **arrays)
    methods = {"Input": run / "Input", "Mine": tmp_path / "mine"}
    drawn = figures.draw_landmark_errors(methods, scores, tmp_path / "figure6")
    assert "clip c: the middle one of those 2 of 3 test clips" in drawn.caption


def test_results_made_elsewhere_are_found_where_their_index_says(run, tmp_path):
    index = {"restored": str(run / "DicFace"), "clips": ["a", "c"]}
    (tmp_path / "index.json").write_text(json.dumps(index))
    columns = {"Mine": tmp_path, "Truth": run / "Truth"}
    left, which = in_every_folder(dict.fromkeys(CLIPS, 1.0), columns, "psnr")
    assert list(left) == ["a", "c"]
    assert which.startswith("those 2 of 3")
    assert clip_paths(columns, "a") == [run / "DicFace" / "a.mkv", run / "Truth" / "a.mkv"]


def test_shorter_clips_and_missing_landmarks_are_named(run, columns, scores, tmp_path):
    frames = [np.zeros((SIZE, SIZE, 3), np.uint8)] * (FRAMES - 1)
    write_clip(tmp_path / "short" / "b.mkv", frames, 25)
    short = {"Input": run / "Input", "Mine": tmp_path / "short", "Truth": run / "Truth"}
    points = run / "Input" / "landmarks.npz"
    with pytest.raises(ClipError, match="short lacks a, b, c"):
        figures.draw_slices(short, scores, points, tmp_path / "figure7")
    with pytest.raises(MetricError, match=r"short/landmarks\.npz: no such file"):
        figures.draw_landmark_errors({"Mine": tmp_path / "short"}, scores, tmp_path / "figure6")
    with pytest.raises(MetricError, match="holds no clip 'z'; found a, b, c"):
        landmark_errors(points, "z")
    assert not list(tmp_path.glob("figure*"))


def test_training_curves_draw_every_loss_of_every_network(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"step": 10, "learning_rate": 0.1, "l1": 0.5}\n{"step": 20, "learning_rate": 0, "l1": 0.4}'
    )
    (tmp_path / "b.jsonl").write_text('{"step": 5, "learning_rate": 0.1, "l1": 1, "gan": -1}\n')
    assert read_stats(tmp_path / "a.jsonl")["l1"].tolist() == [0.5, 0.4]
    networks = {"A": tmp_path / "a.jsonl", "B": tmp_path / "b.jsonl"}
    drawn = figures.draw_training_curves(networks, tmp_path / "training_curves")
    assert drawn.png.stat().st_size > 1000
    (tmp_path / "b.jsonl").write_text('{"step": 5}\n{"ste')
    with pytest.raises(TrainingError, match=r"b\.jsonl: line 2 is no JSON"):
        read_stats(tmp_path / "b.jsonl")
