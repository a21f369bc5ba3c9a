"""A table's file: what was written is read back, and what is no table is named."""

from dataclasses import fields

import pandas as pd
import pytest

from dicface.base.errors import MetricError
from dicface.report import PAPER_NUMBERS
from dicface.report.render.write import to_csv, to_latex, to_markdown, to_text, write_table
from dicface.report.tables.table import read_table
from tests.report.tables._scores import build

NUMBERS = PAPER_NUMBERS / "table1.csv"


@pytest.mark.parametrize("setting", ["", "64-px rendered clips"])
def test_a_table_that_is_read_back_is_the_same(tmp_path, rows, setting):
    table = build(rows, paper_numbers=NUMBERS, setting=setting)
    again = read_table(write_table(table, tmp_path / "tables")["json"])
    for field in fields(table):
        ours, read = getattr(table, field.name), getattr(again, field.name)
        if isinstance(ours, pd.DataFrame):
            assert ours.map(str).to_dict() == read.map(str).to_dict(), field.name
        elif field.name == "rows":
            assert [row.metrics and row.metrics.resolve() for row in read] == [
                row.metrics for row in ours
            ]
            assert [row.label for row in read] == [row.label for row in ours]
        else:
            assert ours == read, field.name
    for written in (to_markdown, to_csv, to_latex, to_text):
        assert written(again) == written(table)


def test_a_file_names_scores_from_where_it_lies(tmp_path, rows):
    text = write_table(build(rows), tmp_path / "tables")["json"].read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert '"metrics": "../input/metrics.parquet"' in text


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"rows": [{"block": ""}]}'])
def test_a_file_that_is_no_table_is_named(tmp_path, text):
    path = tmp_path / "table1.json"
    path.write_text(text)
    with pytest.raises(
        MetricError, match=r"table1\.json: .*a table of a run.* make the table again"
    ):
        read_table(path)
