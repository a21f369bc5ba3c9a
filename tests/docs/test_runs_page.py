"""What README and docs quote of runs is what the kept tables say."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def runs():
    spec = importlib.util.spec_from_file_location("runs", ROOT / "docs" / "runs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_block_is_what_its_table_says(runs):
    for page in runs.pages():
        assert runs.written(page) == page.read_text(encoding="utf-8"), f"run docs/runs.py: {page}"


def test_kept_tables_are_whole(runs):
    for facts in runs.KEPT.glob("*/*.facts.json"):
        table = facts.with_name(facts.name.replace(".facts.json", ".csv"))
        assert runs.sha256_of(table) == json.loads(facts.read_text())["sha256"], table
