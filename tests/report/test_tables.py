"""Tables from score files: what is printed follows from what was measured, and nothing else."""

import csv
import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dicface.base.errors import ConfigError, MetricError
from dicface.base.seeds import numpy_rng
from dicface.config.load import load
from dicface.metrics import METRICS, MetricFacts
from dicface.report.render.cells import number, span
from dicface.report.render.latex import escape, to_latex
from dicface.report.render.write import to_csv, to_markdown, to_text, write_table
from dicface.report.tables.build import Row, build_table
from dicface.report.tables.declared import system, table1
from dicface.report.tables.paper_numbers import read_paper_numbers
from dicface.report.tables.spec import build as build_spec

REPOSITORY = Path(__file__).resolve().parents[2]
TABLE1 = table1([system(name) for name in load(REPOSITORY / "config" / "config.yaml").table1])
CLIPS = [f"head_{i:02d}" for i in range(8)]
PSNR, LPIPS, FVD = (
    MetricFacts(id="psnr", name="PSNR", unit="dB", higher_is_better=True, level="frame", digits=3),
    MetricFacts(id="lpips", name="LPIPS", unit="", higher_is_better=False, level="frame", digits=3),
    MetricFacts(id="fvd", name="FVD", unit="", higher_is_better=False, level="set", digits=1),
)
FACTS = (PSNR, LPIPS, FVD)
LEVELS = {"input": (22.0, 0.40), "codeformer_trained": (23.0, 0.30), "dicface_trained": (24, 0.31)}


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    return float(1000 * np.square(a.mean(axis=0) - b.mean(axis=0)).sum())


def write_scores(folder: Path, method: str, *, drop: dict[str, list[str]] | None = None, **facts):
    """Scores around LEVELS; a clip's hardness is shared by all methods."""
    rng = numpy_rng("test tables", method)
    hardness = numpy_rng("test tables", "hardness").normal(size=len(CLIPS))
    rows = []
    for metric, level, size in zip(("psnr", "lpips"), LEVELS[method], (1.5, 0.05), strict=True):
        noise = rng.normal(size=len(CLIPS))
        for i, clip in enumerate(CLIPS):
            value = level + size * (hardness[i] + 0.05 * noise[i])
            value = float("nan") if clip in (drop or {}).get(metric, []) else value
            rows.append({"clip": clip, "metric": metric, "value": value})
    rows += [{"clip": clip, "metric": "fvd", "value": float("nan")} for clip in CLIPS]
    table = pd.DataFrame(rows).assign(task="bfr", method=method, num_frames=16, num_missing=0)
    offline = table["metric"] != "psnr"
    table["backbone"] = np.where(offline, "random-vgg16", "pixels")
    table["backbone_sha256"] = np.where(offline, "0123456789abcdef" * 4, "")
    table["official"] = ~offline
    table["protocol"], table["note"] = "dicface-1", ""
    folder.mkdir(parents=True, exist_ok=True)
    table.assign(**facts).to_parquet(folder / "metrics.parquet")
    truth = numpy_rng("test tables", "truth").normal(size=(len(CLIPS), 4))
    np.savez(
        folder / "fvd.npz",
        clips=np.array(CLIPS),
        restored=truth + (30 - LEVELS[method][0]) * 0.1,
        truth=truth,
        window_clip=np.arange(len(CLIPS)),
    )
    return folder / "metrics.parquet"


@pytest.fixture
def rows(tmp_path):
    notes = {"codeformer_trained": ["trained for 100 steps"], "dicface_trained": ["100 steps"]}
    trained = [
        table1_row(m, metrics=write_scores(tmp_path / m, m), notes=notes.get(m, ())) for m in LEVELS
    ]
    return [*trained, table1_row("gpen", reason="weights not found: gpen.pth")]


def table1_row(method, **what_became_of_it):
    return system(method).filled(**what_became_of_it)


def build(rows, **kwargs):
    return build_spec(TABLE1, rows, metrics=FACTS, distance=frechet, **kwargs)


def cell(table, method, metric):
    cells = table.cells
    return cells[(cells["method"] == method) & (cells["metric"] == metric)].iloc[0]


def test_table1_has_a_row_for_every_system_in_the_papers_order(rows):
    table = build(rows)
    assert [row.method for row in table.rows] == [row.method for row in TABLE1.rows]
    labels = [row.label for row in table.rows]
    printed = [
        line["method"]
        for line in csv.DictReader(open(REPOSITORY / "config/paper_numbers/table1.csv"))
    ]
    assert [name for name in printed if name != "DicFace"] == labels[1:8]
    assert labels[8:] == ["DicFace (released)", "CodeFormer (trained)", "DicFace (trained)"]
    groups = ["Reference", *["Systems of the paper"] * 8, *["Trained in this run"] * 2]
    assert [row.group for row in table.rows] == groups


def test_means_and_ranks_come_from_the_scores_and_the_metrics_direction(rows):
    table = build(rows)
    scores = pd.read_parquet(next(r.metrics for r in rows if r.method == "dicface_trained"))
    expected = scores[scores["metric"] == "psnr"]["value"].mean()
    assert cell(table, "dicface_trained", "psnr")["mean"] == pytest.approx(expected)
    assert cell(table, "dicface_trained", "psnr")["rank"] == 1
    assert cell(table, "codeformer_trained", "psnr")["rank"] == 2
    assert cell(table, "codeformer_trained", "lpips")["rank"] == 1
    assert cell(table, "input", "lpips")["rank"] == 3
    assert cell(table, "dicface_trained", "fvd")["rank"] == 1


def test_methods_that_are_not_told_apart_from_the_best_are_marked(rows):
    sure = build(rows)
    assert not sure.cells["tied"].any()
    path = next(r.metrics for r in rows if r.method == "codeformer_trained")
    best = pd.read_parquet(next(r.metrics for r in rows if r.method == "dicface_trained"))
    # Now better and worse by turns, a little worse on the whole.
    by_turns = np.where(np.arange(len(best)) % 2, 0.5, -0.6)
    best.assign(value=best["value"] + by_turns).to_parquet(path)
    table = build(rows)
    assert cell(table, "codeformer_trained", "psnr")["rank"] == 2
    assert cell(table, "codeformer_trained", "psnr")["tied"]
    assert not cell(table, "input", "psnr")["tied"]
    line = next(t for t in to_markdown(table).splitlines() if t.startswith("| CodeFormer\u00a0("))
    assert line.split("|")[2].strip().startswith("≈")


def test_a_row_that_cannot_run_shows_dashes_and_its_reason(rows):
    table = build(rows)
    gpen = cell(table, "gpen", "psnr")
    assert np.isnan(gpen["mean"])
    assert (gpen["clips"], gpen["rank"], gpen["tied"]) == (0, 0, False)
    assert gpen["note"] == "Not run: weights not found: gpen.pth."
    line = next(line for line in to_markdown(table).splitlines() if line.startswith("| GPEN"))
    assert [text.strip() for text in line.split("|")[2:-1]] == ["–"] * 3
    assert "Not run: weights not found: gpen.pth." in to_text(table)


def test_csv_has_exactly_the_columns_and_empty_cells_for_what_was_not_measured(rows):
    lines = list(csv.DictReader(io.StringIO(to_csv(build(rows)))))
    columns = ["method", "metric", "mean", "low", "high", "clips", "backbone", "note"]
    assert list(lines[0]) == columns
    assert len(lines) == len(TABLE1.rows) * len(FACTS)
    gpen = next(line for line in lines if line["method"] == "gpen")
    assert (gpen["mean"], gpen["low"], gpen["high"], gpen["clips"]) == ("", "", "", "0")
    ours = next(line for line in lines if line["method"] == "dicface_trained")
    assert (ours["clips"], ours["backbone"]) == ("8", "pixels")
    assert float(ours["low"]) < float(ours["mean"]) < float(ours["high"])


def test_differences_are_paired_and_reported_whatever_their_sign(rows):
    table = build(rows)
    found = table.differences.set_index(["method_a", "method_b", "metric"])
    assert len(found) == 2 * len(FACTS)
    gain = found.loc["dicface_trained", "input", "psnr"]
    own = cell(table, "dicface_trained", "psnr")
    assert gain["mean"] == pytest.approx(own["mean"] - cell(table, "input", "psnr")["mean"])
    assert gain["high"] - gain["low"] < 0.3 * (own["high"] - own["low"])
    assert found.loc["dicface_trained", "codeformer_trained", "lpips"]["mean"] > 0
    text = to_text(table)
    assert "better" in text
    assert "  DicFace (trained)" in text
    assert "    − CodeFormer (trained)" in text


def test_missing_clips_are_said_and_left_out_of_the_difference(tmp_path, rows):
    path = write_scores(tmp_path / "x", "codeformer_trained", drop={"psnr": CLIPS[:1]})
    rows = [r for r in rows if r.method != "codeformer_trained"]
    table = build([*rows, table1_row("codeformer_trained", metrics=path)])
    found = cell(table, "codeformer_trained", "psnr")
    assert (found["clips"], found["note"]) == (7, "7 of 8 clips")
    pair = table.differences.set_index(["method_b", "metric"]).loc["codeformer_trained", "psnr"]
    assert pair["clips"] == 7
    assert "7/8 clips" in to_markdown(table).replace("\u00a0", " ")
    assert "7/8" in to_text(table)
    assert "7/8" in to_latex(table)


def test_a_row_over_fewer_clips_is_not_ranked_and_says_which_are_missing(tmp_path, rows):
    path = write_scores(tmp_path / "x", "codeformer_trained", drop={"psnr": CLIPS[:2]})
    scores = pd.read_parquet(path)
    # Far better than all others on the clips that it has, of which the hardest are missing.
    scores.loc[scores["metric"] == "psnr", "value"] += 20
    scores.loc[scores["metric"] == "psnr", "note"] = "no face in 16 frames"
    scores.to_parquet(path)
    rows = [r for r in rows if r.method != "codeformer_trained"]
    table = build([*rows, table1_row("codeformer_trained", metrics=path)])
    assert cell(table, "codeformer_trained", "psnr")["rank"] == 0
    assert cell(table, "dicface_trained", "psnr")["rank"] == 1
    assert cell(table, "codeformer_trained", "lpips")["rank"] == 1
    assert "Rows over fewer clips than others of their column have no rank." in to_text(table)
    first, second = CLIPS[:2]
    said = f"clips '{first}', '{second}' without PSNR: no face in 16 frames."
    assert table.numbered[table.marks["", "codeformer_trained"][-1] - 1] == said


def test_a_column_without_any_value_says_so(tmp_path, rows):
    path = write_scores(tmp_path / "x", "input", drop={"lpips": CLIPS})
    rows = [r for r in rows if r.method != "input"]
    table = build([table1_row("input", metrics=path), *rows])
    line = next(t for t in to_markdown(table).splitlines() if t.startswith("| Degraded"))
    assert f"0/{len(CLIPS)}\u00a0clips" in line
    assert f"0/{len(CLIPS)}" in to_text(table)


def test_the_order_of_means_is_not_believed_where_common_clips_say_the_opposite(tmp_path):
    dropped = {"dicface_trained": CLIPS[-2:], "codeformer_trained": CLIPS[:2]}
    rows = []
    for method, drop in dropped.items():
        path = write_scores(tmp_path / method, method, drop={"psnr": drop})
        scores = pd.read_parquet(path)
        one = (scores["metric"] == "psnr") & (scores["clip"] == CLIPS[-1])
        scores.loc[one & scores["value"].notna(), "value"] += 100
        scores.to_parquet(path)
        rows.append(table1_row(method, metrics=path))
    table = build(rows)
    assert cell(table, "codeformer_trained", "psnr")["rank"] == 1
    assert cell(table, "dicface_trained", "psnr")["tied"]


def test_few_clips_are_warned_of_and_nothing_is_called_better(tmp_path):
    rows = []
    for method in LEVELS:
        path = write_scores(tmp_path / method, method)
        scores = pd.read_parquet(path)
        scores[scores["clip"].isin(CLIPS[:3])].to_parquet(path)
        path.with_name("fvd.npz").unlink()
        rows.append(table1_row(method, metrics=path))
    table = build(rows)
    assert any(text.startswith("Only 3 clips") for text in table.general)
    assert " better" not in to_markdown(table).split("## Notes")[0]
    assert cell(table, "dicface_trained", "fvd")["note"] == "0 of 3 clips"


def test_daggers_name_every_backbone_that_is_not_the_papers(rows):
    table = build(rows)
    assert table.daggers == {
        "lpips": "random-vgg16 (sha256 0123456789ab…)",
        "fvd": "random-vgg16 (sha256 0123456789ab…)",
    }
    head = to_markdown(table).splitlines()[2].replace("\u00a0", " ")
    assert "PSNR ↑ dB" in head
    assert "LPIPS ↓†" in head


def test_fvd_says_how_many_clips_and_windows_and_warns_below_the_count(rows):
    note = next(text for text in build(rows).general if text.startswith("FVD"))
    assert "8 of 8 clips, 8 windows, 4 features" in note
    assert "Warning: below 64 windows" in note


def test_noise_floor_and_run_notes_stand_under_the_table(tmp_path, rows):
    floor = pd.DataFrame(
        [
            {
                "kind": "truth_re-encoded",
                "metric": "lpips",
                "value": 0.01,
                "clips": 8,
                "backbone": "v",
            }
        ]
    )
    floor.to_parquet(tmp_path / "noise.parquet")
    table = build(rows, noise_floor=tmp_path / "noise.parquet", notes=["Trained on 2 cores."])
    assert "Noise floor, truth re-encoded: LPIPS 0.010 (v; 8 clips)." in table.general
    assert "Trained on 2 cores." in to_text(table)
    assert "trained for 100 steps." in table.numbered


def test_papers_numbers_appear_only_under_the_papers_protocol(rows):
    numbers = REPOSITORY / "config" / "paper_numbers" / "table1.csv"
    ours = build(rows, paper_numbers=numbers)
    assert ours.paper.empty
    assert "29.099" not in to_markdown(ours) + to_csv(ours) + to_latex(ours)
    papers = build(rows, paper_numbers=numbers, protocol_is_paper=True)
    line = papers.paper.set_index(["method", "metric"]).loc["dicface_trained", "psnr"]
    assert line["paper"] == 29.099
    assert line["gap"] == pytest.approx(line["ours"] - 29.099)
    assert "26.509 / – / –" in to_markdown(papers).replace("\u00a0", " ")
    path = next(row.metrics for row in rows if row.method == "dicface_trained")
    scores = pd.read_parquet(path)
    scores.loc[scores["clip"] == CLIPS[0], "value"] = np.nan
    scores.to_parquet(path)
    fewer = build(rows, paper_numbers=numbers, protocol_is_paper=True)
    line = fewer.paper.set_index(["method", "metric"]).loc["dicface_trained", "psnr"]
    assert np.isnan(line["gap"])
    assert f"measured on {len(CLIPS) - 1} of {len(CLIPS)} clips" in line["reasons"]


def test_blocks_are_ranked_apart_and_get_a_task_column(tmp_path):
    rows = []
    for task in ("inpainting", "colorization"):
        for method in ("input", "dicface_trained"):
            path = write_scores(tmp_path / task / method, method)
            rows.append(Row(method=method, label=method, group="", metrics=path, block=task))
    table = build_table(
        name="table2",
        title="Table 2",
        rows=rows,
        metrics=FACTS,
        distance=frechet,
        pairs=[("dicface_trained", "input")],
    )
    assert (table.cells[table.cells["rank"] == 1]["method"] == "dicface_trained").sum() == 6
    assert to_csv(table).startswith("task,method,metric,")
    assert len(table.differences) == 6
    assert "colorization: dicface_trained − input" in to_markdown(table).replace("\\", "").replace(
        "\u00a0", " "
    )


def test_a_row_alone_has_neither_rank_nor_words_about_it(tmp_path):
    row = Row(method="mine", label="Mine", group="", metrics=write_scores(tmp_path, "input"))
    rows = [row, Row(method="gone", label="Gone", group="", reason="no weights")]
    table = build_table(name="row", title="Mine", rows=rows, metrics=FACTS, distance=frechet)
    assert not table.cells["rank"].any()
    for text in (to_markdown(table), to_text(table), to_latex(table)):
        assert "best" not in text
        assert "Means over" in text


def test_same_scores_give_the_same_bytes_in_any_order(tmp_path, rows):
    first = {k: p.read_bytes() for k, p in write_table(build(rows), tmp_path / "a").items()}
    again = {k: p.read_bytes() for k, p in write_table(build(rows[::-1]), tmp_path / "b").items()}
    assert sorted(first) == ["csv", "differences", "md", "tex"]
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["table1.csv", "table1.md", "table1.tex", "table1_differences.csv"]
    # Numbers of footnotes follow the rows, and rows follow the paper, whatever order they came in.
    assert first == again


def test_text_fits_its_width_or_goes_on_in_a_second_panel(rows):
    table = build(rows)
    for width in (120, 60):
        assert max(map(len, to_text(table, width).splitlines())) <= width


def test_two_backbones_or_protocols_in_one_table_are_refused(tmp_path, rows):
    path = write_scores(tmp_path / "x", "dicface_trained", backbone="lpips-vgg16")
    others = [r for r in rows if r.method != "dicface_trained"]
    with pytest.raises(MetricError, match="one backbone in a column"):
        build([*others, table1_row("dicface_trained", metrics=path)])
    path = write_scores(tmp_path / "y", "dicface_trained", protocol="dicface-2")
    with pytest.raises(MetricError, match="2 protocols"):
        build([*others, table1_row("dicface_trained", metrics=path)])


@pytest.mark.parametrize("damage", ["missing", "text", "columns", "twice"])
def test_a_damaged_scores_file_is_named(tmp_path, rows, damage):
    path = rows[0].metrics
    if damage == "missing":
        path.unlink()
    elif damage == "text":
        path.write_text("no parquet")
    elif damage == "columns":
        pd.read_parquet(path).drop(columns="backbone").to_parquet(path)
    else:
        scores = pd.read_parquet(path)
        pd.concat([scores, scores.head(1)]).to_parquet(path)
    with pytest.raises(MetricError, match=r"metrics\.parquet"):
        build(rows)


def test_a_row_needs_scores_or_a_reason():
    with pytest.raises(ConfigError, match="either a scores file or the reason"):
        table1_row("gpen")
    row = table1_row("gpen", reason="no")
    with pytest.raises(ConfigError, match="twice"):
        build([row, row])


def test_a_table_without_any_scores_still_says_why(tmp_path):
    table = build([])
    assert table.num_clips == 0
    assert table.differences.empty
    assert "not asked for in this run" in to_text(table)
    write_table(table, tmp_path)


def test_numbers_as_text():
    assert number(-0.00001, 3, signed=True) == "0.000"
    assert number(1.0, 1, signed=True) == "+1.0"
    assert span(1, 2, 1) == "1.0–2.0"
    assert span(-1, 2, 1) == "−1.0 to 2.0"
    assert span(float("nan"), 2, 1) == ""


def test_latex_specials_are_escaped():
    assert escape(r"50% of a_b & $x^2 {~#}\\") == (
        r"50\% of a\_b \& \$x\textasciicircum{}2 \{\textasciitilde{}\#\}"
        r"\textbackslash{}\textbackslash{}"
    )
    assert escape("α → 1…") == (r"\ensuremath{\alpha} \ensuremath{\rightarrow} 1\dots{}")
    assert escape("中") == "[U+4E2D]"


def test_latex_marks_best_and_second_best(rows):
    text = to_latex(build(rows))
    assert text.isascii()
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert r"\textbf{" in text
    assert r"\underline{" in text
    assert r"LPIPS \ensuremath{\downarrow}\textsuperscript{\ensuremath{\dagger}}" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not on this machine")
def test_latex_compiles(tmp_path, rows):
    numbers = REPOSITORY / "config" / "paper_numbers" / "table1.csv"
    rows = [*rows, table1_row("mine", reason=r"50% & _{}$#^~\<>| α", label="Mine & yours_2")]
    table = build(rows, paper_numbers=numbers, protocol_is_paper=True)
    (tmp_path / "table1.tex").write_text(to_latex(table))
    (tmp_path / "page.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs}\begin{document}"
        r"\input{table1.tex}\end{document}"
    )
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "page.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["table1", "table2", "table3", "table4"])
def test_papers_numbers_are_those_of_the_paper(shared, name):
    ours = read_paper_numbers(REPOSITORY / "config" / "paper_numbers" / f"{name}.csv")
    assert ours == read_paper_numbers(shared / "paper" / f"{name}.csv")


def test_papers_numbers_have_only_known_metrics():
    for name in ("table1", "table2", "table3", "table4"):
        numbers = read_paper_numbers(REPOSITORY / "config" / "paper_numbers" / f"{name}.csv")
        assert {metric for row in numbers.values() for metric in row} <= set(METRICS)
