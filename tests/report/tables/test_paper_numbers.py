"""The paper's numbers and why ours may differ: known names, and files that cannot be read."""

import pytest

from dicface import methods
from dicface.base.errors import ConfigError
from dicface.metrics import METRICS
from dicface.report import PAPER_NUMBERS
from dicface.report.tables.paper_numbers import REASONS_FILE, read_paper_numbers, read_reasons

NUMBERS = PAPER_NUMBERS


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["table1", "table2", "table3", "table4"])
def test_papers_numbers_are_those_of_the_paper(shared, name):
    ours = read_paper_numbers(PAPER_NUMBERS / f"{name}.csv")
    assert ours == read_paper_numbers(shared / "paper" / f"{name}.csv")


def test_papers_numbers_have_only_known_metrics():
    for name in ("table1", "table2", "table3", "table4"):
        numbers = read_paper_numbers(PAPER_NUMBERS / f"{name}.csv")
        assert {metric for row in numbers.values() for metric in row} <= set(METRICS)


def test_reasons_name_rows_and_tables_that_the_paper_has():
    for reason in read_reasons(NUMBERS / REASONS_FILE):
        names = [f"table{i}" for i in range(1, 5) if reason.table in ("*", f"table{i}")]
        assert names, reason
        keys = {key for name in names for key in read_paper_numbers(NUMBERS / f"{name}.csv")}
        rows = {(task, row) for task, paper in keys for row in (paper, *methods.names(), "*")}
        assert any(reason.task in ("*", task) and reason.row == row for task, row in rows), reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("table,metric\n*,*\n", "found the columns table, metric"),
        ("table,task,row,metric,comparable,reason\n*,*,*,akd,maybe,x\n", "line 2: .*'maybe'"),
        ("table,task,row,metric,comparable,reason\n*,*,*,akd,no,\n", "line 2"),
    ],
)
def test_a_malformed_file_of_reasons_is_named(tmp_path, text, message):
    path = tmp_path / "reasons.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"reasons\.csv.*{message}"):
        read_reasons(path)
    with pytest.raises(ConfigError, match="no such file"):
        read_reasons(tmp_path / "none.csv")
