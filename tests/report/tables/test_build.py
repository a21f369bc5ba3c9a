"""Tables from score files: what is printed follows from what was measured, and nothing else."""

import csv
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dicface.base.errors import ConfigError, MetricError
from dicface.report import PAPER_NUMBERS
from dicface.report.render.write import to_csv, to_latex, to_markdown, to_text, write_table
from dicface.report.tables.rows import Row
from dicface.report.tables.spec import TableSpec
from tests.report.tables._scores import (
    CLIPS,
    FACTS,
    FVD,
    LEVELS,
    LPIPS,
    PSNR,
    TABLE1,
    build,
    cell,
    table1_row,
    write_scores,
)


def test_table1_has_a_row_for_every_system_in_the_papers_order(rows):
    table = build(rows)
    assert [row.method for row in table.rows] == [row.method for row in TABLE1.rows]
    labels = [row.label for row in table.rows]
    printed = [line["method"] for line in csv.DictReader(open(PAPER_NUMBERS / "table1.csv"))]
    assert [name for name in printed if name != "DicFace"] == labels[1:8]
    trained = ["CodeFormer (trained)", "DicFace (trained)"]
    means = [f"{label}, mean of 5" for label in ("Degraded input", *trained)]
    released = ["DicFace (released)", "DicFace, one draw, first of 5"]
    assert labels[8:] == [*released, *trained, *means]
    groups = ["Reference", *["Systems of the paper"] * 9, *["Trained in this run"] * 2]
    assert [row.group for row in table.rows] == [*groups, *["Means of five frames"] * 3]


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


def test_fvd_of_few_windows_keeps_its_cell_and_is_compared_with_nothing(rows):
    table = build(rows, metrics=[PSNR, LPIPS, replace(FVD, min_windows=64)])
    note = next(text for text in table.general if text.startswith("FVD"))
    assert "8 of 8 clips, 8 windows, 4 features" in note
    assert "Too few windows to rank by: below 64" in note
    ours = cell(table, "dicface_trained", "fvd")
    assert np.isfinite(ours["mean"])
    assert ours["rank"] == 0
    assert ours["note"] == "too few windows to rank by (8 of 64)"
    assert table.differences.query("metric == 'fvd'")["mean"].isna().all()
    assert "fewer clips" not in to_markdown(table)


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
    floor = "Noise floor, truth re-encoded: LPIPS (random-vgg16) 0.010 (v; 8 clips)."
    assert floor in table.general
    assert "Trained on 2 cores." in to_text(table)
    assert "trained for 100 steps." in table.numbered


def test_papers_numbers_appear_only_under_the_papers_protocol(rows):
    numbers = PAPER_NUMBERS / "table1.csv"
    ours = build(rows, paper_numbers=numbers)
    assert ours.paper.empty
    assert "29.099" not in to_markdown(ours) + to_csv(ours) + to_latex(ours)
    papers = build(rows, paper_numbers=numbers, setting="")
    line = papers.paper.set_index(["method", "metric"]).loc["dicface_trained", "psnr"]
    assert line["paper"] == 29.099
    assert line["gap"] == pytest.approx(line["ours"] - 29.099)
    assert "26.509 / – / –" in to_markdown(papers).replace("\u00a0", " ")
    path = next(row.metrics for row in rows if row.method == "dicface_trained")
    scores = pd.read_parquet(path)
    scores.loc[scores["clip"] == CLIPS[0], "value"] = np.nan
    scores.to_parquet(path)
    fewer = build(rows, paper_numbers=numbers, setting="")
    line = fewer.paper.set_index(["method", "metric"]).loc["dicface_trained", "psnr"]
    assert np.isnan(line["gap"])
    assert f"measured on {len(CLIPS) - 1} of {len(CLIPS)} clips" in line["reasons"]


def test_blocks_are_ranked_apart_and_get_a_task_column(tmp_path):
    rows = []
    for task in ("inpainting", "colorization"):
        for method in ("input", "dicface_trained"):
            path = write_scores(tmp_path / task / method, method)
            rows.append(Row(method=method, label=method, group="", metrics=path, block=task))
    spec = TableSpec(name="table2", title="Table 2", rows=(), pairs=(("dicface_trained", "input"),))
    table = build(rows, spec)
    assert (table.cells[table.cells["rank"] == 1]["method"] == "dicface_trained").sum() == 6
    assert to_csv(table).startswith("task,method,metric,")
    assert len(table.differences) == 6
    assert "colorization: dicface_trained − input" in to_markdown(table).replace("\\", "").replace(
        "\u00a0", " "
    )


def test_two_backbones_or_protocols_in_one_table_are_refused(tmp_path, rows):
    path = write_scores(tmp_path / "x", "dicface_trained", backbone="lpips-vgg16")
    others = [r for r in rows if r.method != "dicface_trained"]
    with pytest.raises(MetricError, match="one backbone in a column"):
        build([*others, table1_row("dicface_trained", metrics=path)])
    path = write_scores(tmp_path / "y", "dicface_trained", protocol="dicface-1")
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
