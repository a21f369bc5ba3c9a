"""Fixtures: the rows of a table."""

import pytest

from tests.report.tables._scores import LEVELS, table1_row, write_scores


@pytest.fixture
def rows(tmp_path):
    notes = {"codeformer_trained": ["trained for 100 steps"], "dicface_trained": ["100 steps"]}
    trained = [
        table1_row(m, metrics=write_scores(tmp_path / m, m), notes=notes.get(m, ())) for m in LEVELS
    ]
    return [*trained, table1_row("gpen", reason="weights not found: gpen.pth")]
