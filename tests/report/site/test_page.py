"""The first page: its finding, its pictures, its charts, and notes that are said once."""

import json
import re
import zipfile
from dataclasses import replace

import pandas as pd
import pytest

from dicface.base.errors import DicfaceError
from dicface.metrics import METRICS
from dicface.report.looks import CONTROLS, OTHERS, known_looks, looks_of
from dicface.report.render.write import write_table
from dicface.report.site import (
    Contents,
    build,
    check_bundle,
    write_bundle,
    write_pages,
    write_report,
)
from dicface.report.site.axes import axis_over
from dicface.report.site.contents import System, TaskResults
from dicface.report.site.marks import MARKS
from dicface.report.site.notes import Notes
from dicface.report.site.pages import Pages
from dicface.report.site.planes import ablation, against_damage
from dicface.report.site.provenance import read_provenance
from dicface.report.site.strips import better_share
from dicface.report.site.table_pages import page_digits, table_pages
from dicface.report.tables.build import Conditions, build_table
from dicface.report.tables.rows import Row
from dicface.report.tables.spec import TableSpec
from dicface.report.tables.table import read_table
from tests.report.site._page import Page
from tests.report.site._report_run import LABELS, REASON, make_run, run_in

AWKWARD = (
    "<script>alert(1)</script>",
    r"$\alpha_1$ & 50% \textbf{x}",
    "**Bold** _it_ | `code`\nsecond line",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("results") / "demo")


@pytest.fixture(scope="module")
def report(run):
    return write_report(run_in(run)).parent


@pytest.fixture(scope="module")
def raw(report):
    return (report / "index.html").read_text(encoding="utf-8")


def test_the_first_screen_says_the_finding_with_its_interval(report, run):
    text = Page(report / "index.html").text
    (finding,) = re.findall(r"Alpha .* against Degraded input, the strongest .*?\.\n", text)
    assert re.search(r"PSNR −0\.50 dB \[[−+.\d]+, [−+.\d]+\]", finding)
    assert text.index(finding) < text.index("Table 1")


def test_the_picture_is_of_the_clip_that_is_most_like_the_finding(report, raw):
    assert "whose difference in TLME is nearest to the mean" in raw
    shown = re.findall(r'<img src="(first/\w+\.png)"', raw)
    assert shown == ["first/left.png", "first/right.png"]
    assert all((report / picture).is_file() for picture in shown)
    assert raw.index("first/left.png") < raw.index("<table")


def test_every_note_is_said_once_and_every_row_without_scores_stands_in_one_table(raw, report):
    page = Page(report / "index.html")
    for said in ("paired bootstrap over clips", "told apart by the paired test over clips,"):
        assert page.text.count(said) == 1
    assert page.text.count(REASON) == 1
    (absent,) = [table for table in page.tables if table[0][0]["text"] == "Row"]
    assert [cell["text"] for cell in absent[1]] == ["Gone", "Table 1", f"{REASON}."]
    assert 'href="#not-run-1"' in raw


def test_tables_but_the_first_are_folded(raw):
    assert '<article id="table1"' in raw
    assert '<details class="table" id="table2">' in raw


def test_digits_follow_the_intervals(run):
    table = read_table(run / "tables" / "table1.json")
    line = table.cells["metric"] == "psnr"
    for half, digits in ((1.8, 2), (0.18, 3), (18.0, 1), (1800.0, 0), (0.0018, 3), (0.0, 3)):
        cells = table.cells.copy()
        cells.loc[line, ["low", "high"]] = [20 - half, 20 + half]
        assert page_digits(replace(table, cells=cells))["psnr"] == digits


def test_added_methods_look_like_no_system_of_the_paper_and_keep_their_look():
    known = looks_of([*known_looks(), "CodeFormer (trained)", "DicFace (trained)"])
    taken = {(look.colour, look.marker) for look in known.values()}
    added = looks_of([*known, "Mine", "Theirs", "A third"])
    mine = [added[label] for label in ("Mine", "Theirs", "A third")]
    assert len({(look.colour, look.marker) for look in mine}) == 3
    assert not taken & {(look.colour, look.marker) for look in OTHERS}
    assert looks_of(["Mine"])["Mine"] == added["Mine"]
    markers = {look.marker for look in (*known.values(), *OTHERS)}
    assert markers | {*"".join(CONTROLS.values())} <= set(MARKS)


def test_a_control_has_the_colour_of_its_source_and_a_marker_of_its_own():
    looks = looks_of(["Mine", "Mine, mean of 5", "Mine, first frame"])
    assert len({look.colour for look in looks.values()}) == 1
    assert len({look.marker for look in looks.values()}) == 3
    # Three networks of one system, and their controls: nine looks in one colour.
    named = [f"CodeFormer{more}" for more in ("", " (trained)", " (trained longer)")]
    looks = looks_of(f"{name}{words}" for name in named for words in ("", *CONTROLS))
    assert len({look.colour for look in looks.values()}) == 1
    assert len({(look.marker, look.hollow) for look in looks.values()}) == len(looks)
    # A row of several trainings is the same method.
    mean = looks_of(["CodeFormer (trained) (3 trainings)"]).popitem()[1]
    assert mean == looks["CodeFormer (trained)"]


def test_better_is_at_the_right_of_every_axis():
    up, down = axis_over([1.0, 3.0]), axis_over([1.0, 3.0], reverse=True)
    assert up.place(3.0) > up.place(1.0)
    assert down.place(1.0) > down.place(3.0)
    assert [text for _, text in up.ticks] == ["1.0", "1.5", "2.0", "2.5", "3.0"]
    powers = axis_over([0.5, 2000.0], may_be_log=True)
    assert [text for _, text in powers.ticks] == ["1", "10", "100", "1000"]
    assert axis_over([float("nan")]).place(0.0) == 50
    assert axis_over([2.0, 2.0]).place(2.0) == 50


def test_the_share_of_clips_on_which_one_is_better():
    def system(values):
        clips = [{"clip": c, "metric": "tlme", "value": v} for c, v in values.items()]
        none = {"clips": {}, "missing": {}, "frames": pd.DataFrame()}
        return System(id="x", label="x", scores=pd.DataFrame(clips), **none)

    a = system({"one": 1.0, "two": 2.0, "three": 3.0, "four": float("nan"), "five": 0.0})
    b = system({"one": 2.0, "two": 2.0, "three": 1.0, "four": 1.0})
    assert better_share(a, b, METRICS["tlme"]) == 0.5
    assert better_share(a, None, METRICS["tlme"]) is None
    assert better_share(system({"six": 1.0}), b, METRICS["tlme"]) is None


def test_each_clip_stands_over_the_damage_of_its_input_with_a_line_a_method():
    none = {"clips": {}, "missing": {}, "frames": pd.DataFrame()}

    def system(name, metric, values):
        lines = [{"clip": c, "metric": metric, "value": v} for c, v in values.items()]
        return System(id=name, label=name, scores=pd.DataFrame(lines), **none)

    damage = system("input", "psnr", {"one": 18.0, "two": 20.0, "three": 22.0})
    mine = system("mine", "tlme", {"one": 3.0, "two": 2.0, "three": 1.0, "unscored": 9.0})
    lone = system("lone", "tlme", {"one": 3.0})
    task = TaskResults(id="bfr", truths={}, systems=(damage, mine, lone), absent={}, remarks=())
    looks = looks_of(["input", "mine", "lone"])
    plane = against_damage(task, task.methods, METRICS["tlme"], looks)
    assert [point.words for point in plane.points] == [
        "one, mine: TLME 3.000, input 18.000 dB",
        "two, mine: TLME 2.000, input 20.000 dB",
        "three, mine: TLME 1.000, input 22.000 dB",
    ]
    assert plane.keys == (("mine", looks["mine"]),)
    # Milder at the right, better (lower) up; the points lie on their line.
    ends = [(point.x, point.y) for point in (plane.points[0], plane.points[-1])]
    assert [plane.trends[0].start, plane.trends[0].end] == ends
    assert ends[0][0] < ends[1][0]
    assert ends[0][1] > ends[1][1]
    assert against_damage(task, [lone], METRICS["tlme"], looks) is None


def test_an_ablation_is_a_line_through_its_rows_in_their_order(run):
    table = replace(read_table(run / "tables" / "table1.json"), name="appendix_x")
    plane = next(each for each in ablation(table) if each.title == "PSNR, dB")
    assert [label.partition(":")[0] for label, _ in plane.keys] == [
        *("1. Degraded input", "2. Alpha <i>& Co.</i>", "3. Beta")
    ]
    assert [look.hollow for _, look in plane.keys] == [True, False, True]
    assert [text for _, text in plane.x_axis.ticks] == ["1", "2", "3"]
    ends = [end for trend in plane.trends for end in (trend.start, trend.end)]
    first, second, third = ((point.x, point.y) for point in plane.points)
    assert ends == [first, second, second, third]
    # Better is up, and y counts from above.
    assert first[1] < second[1] < third[1]


def test_every_dot_leads_to_its_clip_and_every_difference_says_how_often_it_holds(raw):
    assert raw.count('href="clips/bfr/head_1.html#alpha" aria-label="head_1: ') == 2
    assert "Alpha &lt;i&gt;&amp; Co.&lt;/i&gt; − Beta: +0.50 [" in raw
    assert "P\u00a0100\u00a0%" in raw


def test_sliders_rank_by_what_was_measured(raw):
    text = re.search(r'id="weights-data">(.*?)</script>', raw)[1]
    found = json.loads(text)
    assert [metric["id"] for metric in found["metrics"]] == ["psnr", "lpips", "tlme"]
    alpha = next(row for row in found["rows"] if row["id"] == "alpha")
    assert alpha["values"]["tlme"]["clips"][2] is None
    assert alpha["values"]["psnr"]["clips"] == pytest.approx([19.5, 20.5, 21.5])


@pytest.mark.parametrize("label", AWKWARD)
def test_labels_are_text_whatever_they_hold(tmp_path, run, label):
    metrics = run / "bfr" / "alpha" / "metrics.parquet"
    rows = [
        Row(method="alpha", label=label, group=label, metrics=metrics, notes=(f"of {label}",)),
        Row(method="gone", label=f"{label} 2", group="", reason=f"no {label}"),
    ]
    facts = [METRICS["psnr"]]
    spec = TableSpec(name="table1", title=f"Table 1. {label}", rows=())
    table = build_table(spec, rows, Conditions(metrics=facts))
    write_table(table, tmp_path)
    notes = Notes()
    contents = Contents(
        title=label,
        tables=table_pages(table, tmp_path, notes),
        notes=notes,
        results=[table],
        tasks=(),
        provenance=read_provenance(tmp_path / "none"),
    )
    index = write_pages(contents, tmp_path / "report")
    page = Page(index)
    assert "<script>alert" not in index.read_text(encoding="utf-8")
    assert f"of {label}" in page.text or "`" in label
    assert page.tables[0][2][0]["value"] == label


def test_a_run_without_scores_or_tables_has_a_first_page(tmp_path, run):
    truths = {"head_1": run / "clips" / "test" / "head_1.mkv"}
    none = pd.DataFrame(columns=["clip", "metric", "value", "note", "frame"])
    mine = System(id="mine", label="Mine", clips=truths, missing={}, scores=none, frames=none)
    task = TaskResults(id="bfr", truths=truths, systems=(mine,), absent={}, remarks=())
    contents = Contents(
        title="Half made", tables=(), tasks=(task,), provenance=read_provenance(tmp_path / "none")
    )
    text = Page(write_pages(contents, tmp_path / "report")).text
    assert "No table was made yet: there is no finding." in text
    assert "The first clip by its name, as no two methods can be compared" in text


def test_a_table_without_any_metric_or_row_with_scores_says_that_there_is_no_finding(tmp_path):
    rows = [Row(method="gone", label="Gone", group="", reason=REASON)]
    for metrics, said in (
        ([], "strongest row by PSNR, not measured here"),
        ([METRICS["psnr"]], "No finding yet"),
    ):
        spec = TableSpec(name="table1", title="Table 1. Empty", rows=())
        table = build_table(spec, rows, Conditions(metrics=metrics))
        notes = Notes()
        contents = Contents(
            title="Empty",
            tables=table_pages(table, tmp_path, notes),
            notes=notes,
            results=[table],
            tasks=(),
            provenance=read_provenance(tmp_path / "none"),
        )
        assert said in Page(write_pages(contents, tmp_path / "report")).text


def test_a_bundle_holds_the_whole_report_and_is_the_same_every_time(tmp_path, report):
    first = write_bundle(report, tmp_path / "mine.zip")
    with zipfile.ZipFile(first) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    files = [path for path in report.rglob("*") if path.is_file()]
    # Each video once: as the copy that also lets pictures be saved.
    assert len([path for path in files if path.suffix == ".mp4"]) == 6
    files = [path for path in files if path.suffix != ".mp4"]
    assert held == {f"mine/{p.relative_to(report).as_posix()}": p.read_bytes() for p in files}
    second = write_bundle(report, tmp_path / "more" / "mine.zip")
    assert first.read_bytes() == second.read_bytes()


def test_a_bundle_that_cannot_be_is_refused_before_anything_is_made(tmp_path, report):
    with pytest.raises(DicfaceError, match=r"found mine\.tar, expected a name that ends in \.zip"):
        check_bundle(report, tmp_path / "mine.tar")
    with pytest.raises(DicfaceError, match="inside of the report"):
        check_bundle(report, report / "mine.zip")


def test_the_pages_use_the_labels_of_the_tables(raw):
    assert raw.count(f'aria-label="{LABELS["beta"]}"') >= 2


def test_two_hundred_clips_are_folded_and_each_has_its_dot(tmp_path, run, monkeypatch):
    monkeypatch.setattr(Pages, "write_clips", lambda pages, crf: None)
    monkeypatch.setattr(build, "_played", lambda site, wipe: None)
    clips = {f"clip_{n:03}": run / "clips" / "test" / "head_1.mkv" for n in range(200)}
    lines = [
        {"clip": clip, "metric": "psnr", "value": 20 + n / 100, "note": ""}
        for n, clip in enumerate(clips)
    ]
    metrics = tmp_path / "metrics.parquet"
    facts = {"backbone": "pixels", "backbone_sha256": "", "official": True, "protocol": "test-1"}
    facts |= {"task": "bfr", "method": "mine", "num_frames": 8, "num_missing": 0}
    scores = pd.DataFrame(lines).assign(**facts)
    scores.to_parquet(metrics)
    mine = System(
        id="mine", label="Mine", clips=clips, missing={}, scores=scores, frames=scores.iloc[:0]
    )
    task = TaskResults(id="bfr", truths=clips, systems=(mine,), absent={}, remarks=())
    rows = [Row(method="mine", label="Mine", group="", metrics=metrics)]
    spec = TableSpec(name="table1", title="Table 1. Many", rows=())
    table = build_table(spec, rows, Conditions(metrics=[METRICS["psnr"]]))
    notes = Notes()
    contents = Contents(
        title="Many",
        tables=table_pages(table, tmp_path, notes),
        notes=notes,
        results=[table],
        tasks=(task,),
        provenance=read_provenance(tmp_path / "none"),
    )
    page = Page(write_pages(contents, tmp_path / "report"))
    assert "176 more clips" in page.text
    assert "Mine, the only row with scores so far: PSNR (dB) 20.995 [20.914" in page.text
    dots = [address for address in page.addresses if address == "clips/bfr/clip_199.html#mine"]
    assert len(dots) == 3  # its dot, its scores, and the best clips
