"""Declared tables: tests against the reference, failed variants, the paper beside ours."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dicface.base.errors import ConfigError
from dicface.methods import TRAINED
from dicface.report import PAPER_NUMBERS
from dicface.report.render.latex import to_latex
from dicface.report.render.paper import to_paper_csv, to_paper_markdown
from dicface.report.render.write import to_csv, to_markdown, to_text, write_table
from dicface.report.tables.declared import ablation, system, table2
from dicface.report.tables.spec import RowSpec, TableSpec
from dicface.report.tables.statistics import holm, sign_flip_test
from tests.report.tables._scores import CLIPS, build, cell, table1_row, write_scores

NUMBERS = PAPER_NUMBERS
LEVEL_OF = {"prior_none": "input", "prior_10": "codeformer_trained"}
VARIANTS = (
    RowSpec(method="prior_none", label="w/o prior", paper_name="w/o"),
    RowSpec(method="prior_1e-4", label="α = 1e-4", paper_name="0.0001"),
    system("dicface_trained"),
    RowSpec(method="prior_10", label="α = 10", paper_name="10.0"),
)
TABLE3 = ablation(
    "table3", "Table 3. Prior Dir(α)", VARIANTS, headline="α = 1", paper_headline="1.0"
)


def scored(folder: Path, method: str, like: str | None = None, **settings) -> Path:
    path = write_scores(folder / method, like or method, **settings)
    pd.read_parquet(path).assign(method=method).to_parquet(path)
    return path


def row_of(spec: TableSpec, method: str, block: str = "") -> RowSpec:
    return next(row for row in spec.rows if (row.method, row.block) == (method, block))


@pytest.fixture
def table3_rows(tmp_path):
    rows = [
        row_of(TABLE3, method).filled(metrics=scored(tmp_path, method, LEVEL_OF.get(method)))
        for method in ("prior_none", "dicface_trained", "prior_10")
    ]
    return [*rows, row_of(TABLE3, "prior_1e-4").filled(reason="training diverged at step 12")]


def build3(rows, **settings):
    # The test's scores have no AKD and TLME.
    spec = replace(TABLE3, shown=("psnr", "fvd"))
    return build(rows, spec, **settings)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u2060", "").replace("\\", "")


def test_every_row_is_tested_against_the_reference_and_corrected_together(table3_rows):
    table = build3(table3_rows)
    assert table.references == {"": "dicface_trained"}
    psnr = table.differences[table.differences["metric"] == "psnr"].set_index("method_b")
    assert list(psnr.index) == ["prior_none", "prior_10"]
    assert (psnr["method_a"] == "dicface_trained").all()
    expected = {}
    for row in table3_rows:
        if row.metrics and row.method != "dicface_trained":
            ours = pd.read_parquet(table3_rows[1].metrics).query("metric == 'psnr'").value
            other = pd.read_parquet(row.metrics).query("metric == 'psnr'").value
            values = (ours.to_numpy() - other.to_numpy(),)
            found = stats.permutation_test(values, np.mean, permutation_type="samples")
            expected[row.method] = found.pvalue
    assert psnr["p"].to_dict() == pytest.approx(expected)
    assert psnr["p_corrected"].to_dict() == pytest.approx(holm(expected))
    assert psnr["p_corrected"].max() > psnr["p"].max() * 0.99
    assert "Every other row is tested against “α = 1”." in table.general


def test_our_sign_flips_are_scipys_permutation_test():
    values = np.random.default_rng(3).normal(0.4, 1, 10)
    found = stats.permutation_test((values,), np.mean, permutation_type="samples")
    assert sign_flip_test(values) == pytest.approx(found.pvalue)


def test_the_second_candidate_stands_in_for_a_reference_that_did_not_run(tmp_path):
    rows = [
        table1_row("input", metrics=scored(tmp_path, "input")),
        table1_row("dicface", metrics=scored(tmp_path, "dicface", "dicface_trained")),
        table1_row("dicface_trained", reason="stopped"),
    ]
    table = build(rows)
    assert table.references == {"": "dicface"}
    assert "Every other row is tested against “DicFace (released)”." in table.general
    alone = build(rows[:1])
    assert any(text.startswith("No row is tested against a reference") for text in alone.general)


def test_a_failed_variant_keeps_its_place_with_its_reason_and_the_others_stand(table3_rows):
    table = build3(table3_rows)
    assert [row.label for row in table.rows] == ["w/o prior", "α = 1e-4", "α = 1", "α = 10"]
    failed = cell(table, "prior_1e-4", "psnr")
    assert np.isnan(failed["mean"])
    assert failed["note"] == "Not run: training diverged at step 12."
    assert np.isfinite(cell(table, "prior_10", "psnr")["mean"])
    for text in (to_markdown(table), to_text(table), to_latex(table)):
        assert "training diverged at step 12" in plain(text)


def test_ablations_print_the_papers_columns_and_keep_all_metrics_in_the_csv(table3_rows):
    table = build3(table3_rows)
    head = plain(to_markdown(table)).splitlines()[2]
    assert "PSNR" in head
    assert "LPIPS" not in head
    lines = pd.read_csv(io.StringIO(to_csv(table)))
    # What is printed comes first in every row, in printed order.
    assert lines["metric"].tolist() == ["psnr", "fvd", "lpips"] * 4
    assert "LPIPS (random-vgg16): in table3.csv." in table.general
    with pytest.raises(ConfigError, match="none named akd"):
        build(table3_rows, TABLE3)


def test_each_rung_of_a_ladder_is_tested_against_the_one_before(tmp_path):
    rungs = ("input", "codeformer_trained", "dicface_trained")
    specs = [RowSpec(method=name, label=name) for name in rungs]
    spec = ablation("ladder", "A ladder", specs, against="before", shown=("lpips", "psnr"))
    rows = [each.filled(metrics=scored(tmp_path, each.method)) for each in specs]
    table = build(rows, spec)
    assert table.references == {}
    assert [facts.id for facts in table.metrics] == ["psnr", "lpips"]
    steps = table.differences[table.differences["metric"] == "psnr"]
    pairs = list(zip(steps["method_a"], steps["method_b"], strict=True))
    assert pairs == [("codeformer_trained", "input"), ("dicface_trained", "codeformer_trained")]
    means = table.cells[table.cells["metric"] == "psnr"].set_index("method")["mean"]
    assert steps["mean"].to_numpy() == pytest.approx(np.diff(means[list(rungs)]))
    assert any("tested against the row before it" in text for text in table.general)
    assert "## Paired differences" in to_markdown(table)
    # A rung that failed leaves two steps out, and both are said.
    rows[1] = specs[1].filled(reason="it diverged")
    table = build(rows, spec)
    assert table.differences.empty
    assert sum("not computed, a row of it did not run" in text for text in table.general) == 2


def test_a_row_of_the_table_can_be_the_reference():
    spec = ablation("trained", "Frozen", VARIANTS, against="prior_10")
    assert spec.references == ("prior_10",)
    assert spec.name == "appendix_trained"


def test_table2_ranks_tests_and_compares_each_task_apart(tmp_path):
    own = {
        task: RowSpec(
            method=f"dicface_{task}",
            label="DicFace (trained)",
            group=TRAINED,
            paper_name="DicFace",
        )
        for task in ("inpainting", "colorization")
    }
    spec = table2({task: [system("input"), system("pgdiff"), row] for task, row in own.items()})
    rows = []
    for task, row in own.items():
        path = scored(tmp_path / task, "input")
        rows.append(row_of(spec, "input", task).filled(metrics=path))
        path = scored(tmp_path / task, row.method, "dicface_trained")
        rows.append(row_of(spec, row.method, task).filled(metrics=path))
    table = build(rows, spec, paper_numbers=NUMBERS / "table2.csv")
    assert table.references == {task: row.method for task, row in own.items()}
    pgdiff = table.cells.query("method == 'pgdiff'")
    assert set(pgdiff["note"]) == {"Not run: it was not asked for in this run."}
    lines = pd.read_csv(io.StringIO(to_paper_csv(table))).set_index(["task", "method", "metric"])
    assert lines.loc[("inpainting", "dicface_inpainting", "psnr"), "paper"] == 31.630
    assert lines.loc[("colorization", "pgdiff", "psnr"), "paper"] == 21.735
    text = plain(to_paper_markdown(table))
    assert "| colorization: PGDiff" in text
    assert plain(to_markdown(table)).count("DicFace (trained) − Degraded input") == 2


def test_no_gap_is_given_where_the_protocol_is_not_the_papers(table3_rows):
    settings = {"paper_numbers": NUMBERS / "table3.csv", "setting": "64-px rendered clips"}
    table = build3(table3_rows, **settings)
    assert table.paper.empty
    assert table.comparison["gap"].isna().all()
    lines = pd.read_csv(io.StringIO(to_paper_csv(table)))
    assert lines["gap"].isna().all()
    assert lines["reason"].str.startswith("not comparable: 64-px rendered clips").all()
    text = plain(to_paper_markdown(table))
    line = next(line for line in text.splitlines() if line.startswith("| α = 1 "))
    assert "29.099 / 24." in line
    assert line.rstrip(" |").endswith("not comparable: 64-px rendered clips")
    assert "α = 1e-4: α̂ is never below 0.01" in text
    assert "29.099" not in to_markdown(table) + to_csv(table) + to_latex(table)


def test_own_definitions_and_other_networks_have_no_gap_even_on_the_papers_clips(table3_rows):
    table = build3(table3_rows, paper_numbers=NUMBERS / "table3.csv", setting="")
    known = table.comparison.set_index(["method", "metric"])
    psnr = known.loc["dicface_trained", "psnr"]
    assert psnr["gap"] == pytest.approx(psnr["ours"] - 29.099)
    fvd = known.loc["dicface_trained", "fvd"]
    assert np.isnan(fvd["gap"])
    assert any("does not define its FVD" in reason for reason in fvd["reasons"])
    assert any(reason.startswith("measured by random-vgg16") for reason in fvd["reasons"])
    line = next(
        line for line in plain(to_paper_markdown(table)).splitlines() if line.startswith("| α = 1 ")
    )
    assert "FVD (random-vgg16) not comparable" in line
    assert f"PSNR −{29.099 - psnr['ours']:.3f}" in line


def test_reasons_of_the_released_weights_are_not_those_of_the_trained_ones(tmp_path):
    rows = [
        table1_row(method, metrics=scored(tmp_path, method, "dicface_trained"))
        for method in ("dicface", "dicface_trained")
    ]
    table = build(rows, paper_numbers=NUMBERS / "table1.csv")
    reasons = table.comparison.set_index(["method", "metric"])["reasons"]
    assert any("prior 0.1" in text for text in reasons["dicface", "psnr"])
    assert not any("prior 0.1" in text for text in reasons["dicface_trained", "psnr"])


def test_the_comparison_is_written_beside_the_table(tmp_path, table3_rows):
    table = build3(table3_rows, paper_numbers=NUMBERS / "table3.csv")
    written = write_table(table, tmp_path / "tables")
    assert written["paper"].name == "table3_paper.md"
    assert written["paper_csv"].is_file()
    assert any("table3_paper.md" in text for text in table.general)
    assert "paper" not in write_table(build3(table3_rows), tmp_path / "none")


def test_too_few_clips_for_so_many_differences_are_said(tmp_path):
    rows, seven = [], CLIPS[:7]
    for method in ("input", "codeformer_trained", "dicface_trained"):
        path = write_scores(tmp_path / method, method)
        scores = pd.read_parquet(path)
        scores[scores["clip"].isin(seven)].to_parquet(path)
        path.with_name("fvd.npz").unlink()
        rows.append(table1_row(method, metrics=path))
    # Two differences: 2 · 2/2⁷ = 3 %, enough. Eight: 12 %, not.
    assert not any("smallest p" in text for text in build(rows).general)
    more = [
        RowSpec(method=name, label=name).filled(metrics=scored(tmp_path, name, "input"))
        for name in (f"mine_{i}" for i in range(6))
    ]
    for row in more:
        scores = pd.read_parquet(row.metrics)
        scores[scores["clip"].isin(seven)].to_parquet(row.metrics)
        row.metrics.with_name("fvd.npz").unlink()
    note = next(text for text in build([*rows, *more]).general if "smallest p" in text)
    assert "corrected for 8 differences" in note
