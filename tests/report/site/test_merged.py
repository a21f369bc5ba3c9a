"""Several sources on one page: rows on the same clips share a table, others stand apart."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dicface.cli.main import EXIT_USER_ERROR, main
from dicface.report.site import merged, write_pages
from dicface.report.site.notes import Notes
from dicface.report.site.sources import of_run
from dicface.video.clips import write_clip
from tests.report.site._page import Page
from tests.report.site._report_run import CLIPS, frames, make_run, run_in


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of one name, of which the second restored a little better."""
    first = make_run(tmp_path_factory.mktemp("results") / "demo")
    second = tmp_path_factory.mktemp("more") / "demo"
    shutil.copytree(first, second)
    for method in ("alpha", "beta"):
        path = second / "bfr" / method / "metrics.parquet"
        table = pd.read_parquet(path)
        better = np.where(table["metric"] == "psnr", 1.0, 0.0)
        table.assign(value=table["value"] + better).to_parquet(path)
    return first, second


def contents_of(runs, files):
    notes = Notes()
    return merged([of_run(run_in(run), notes) for run in runs], notes, files)


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return Page(write_pages(contents_of(runs, folder / "files"), folder / "report"))


def test_rows_on_the_same_clips_share_a_table_and_an_input_stands_there_once(runs, tmp_path):
    contents = contents_of(runs, tmp_path)
    table = contents.results[0]
    labels = ["Degraded input", "Alpha <i>& Co.</i>", "Beta"]
    assert [row.label for row in table.rows] == [*labels, *(f"{x}, demo-2" for x in labels[1:])]
    assert [row.group for row in table.rows] == ["Of demo"] * 3 + ["Of demo-2"] * 2
    lines = table.differences.query("metric == 'psnr'").set_index("method_b")
    assert set(lines["method_a"]) == {"alpha"}
    assert lines.loc["alpha-demo-2", "mean"] == pytest.approx(-1)
    assert (tmp_path / "merged.csv").is_file()


def test_the_page_holds_the_tables_of_each_and_plays_all_rows(page, runs):
    assert {"merged", "demo-table1", "demo-2-table1", "demo-2-table2"} <= page.ids
    assert "tables/demo/table1.csv" in page.addresses
    assert "tables/demo-2/table1.csv" in page.addresses
    assert "Table 1 (demo-2)" in page.text
    assert page.text.index("on the same clips") < page.text.index("Table 1 (demo)")


def test_results_on_other_clips_stand_apart(runs, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(runs[1], other)
    write_clip(other / "clips" / "test" / f"{CLIPS[1]}.mkv", frames("other truth"), 25)
    contents = contents_of((runs[0], other), tmp_path / "files")
    assert [task.id for task in contents.tasks] == [
        *("bfr", "inpainting", "bfr-other", "inpainting-other")
    ]
    assert contents.tasks[2].name == "Blind face restoration, other"
    assert f"other frames in {CLIPS[1]}" in contents.tasks[2].remarks[0]
    assert len(contents.results[0].rows) == 3


def test_rows_that_were_measured_otherwise_are_not_compared(runs, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(runs[1], other)
    path = other / "bfr" / "beta" / "metrics.parquet"
    pd.read_parquet(path).assign(protocol="test-2").to_parquet(path)
    contents = contents_of((runs[0], other), tmp_path / "files")
    assert "cannot be compared" in contents.remark
    assert "test-2" in contents.remark
    assert [page.name for page in contents.tables][0] == "demo-table1"


def test_names_are_parts_of_addresses_and_never_the_same(runs, tmp_path):
    notes = Notes()
    found = of_run(run_in(runs[0]), notes)
    names = ("my run", "my-run", "../..")
    sources = [replace(found, source=name) for name in names]
    title = merged(sources, notes, tmp_path).title
    assert title == "DicFace report: my-run, my-run-2, results"


def test_several_folders_need_a_place_of_their_own(capsys):
    assert main(["report", "one", "two"]) == EXIT_USER_ERROR
    assert "found 2 folders and no --out" in capsys.readouterr().err
