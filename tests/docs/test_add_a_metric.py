"""docs/add-a-metric.md works as it stands: its files and lines are all that a metric needs."""

import ast
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dicface import metrics
from dicface.metrics import METRICS, needed_backbones, score_files
from dicface.metrics.backbones import Backbones
from dicface.metrics.fvd import frechet_distance
from dicface.report.tables.build import build_table
from dicface.report.tables.spec import RowSpec, TableSpec
from dicface.video.clips import read_clip
from tests.metrics import _scoring
from tests.metrics._scoring import NUM_FRAMES, TRUTH, metrics_of, score

fake, folders = _scoring.fake, _scoring.folders
PAGE = Path(__file__).parents[2] / "docs" / "add-a-metric.md"
resolve = Backbones.resolve


FILE = r"`dicface/metrics/(\w+)\.py`:\n\n```python\n(.*?)```"
LINE = r'^    ("\w+": "dicface\.metrics\.\w+:\w+"),$'


@pytest.fixture
def added(tmp_path, monkeypatch) -> None:
    """Writes the page's files as if they lay in `dicface/metrics`, and adds its lines."""
    text = PAGE.read_text(encoding="utf-8")
    folder = tmp_path / "more_metrics"
    folder.mkdir()
    for name, code in re.findall(FILE, text, re.DOTALL):
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
        monkeypatch.delitem(sys.modules, f"dicface.metrics.{name}", raising=False)
    lines = ", ".join(re.findall(LINE, text, re.MULTILINE))
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(folder)])
    monkeypatch.setattr(metrics, "LISTED", metrics.LISTED | ast.literal_eval(f"{{{lines}}}"))


def test_both_metrics_are_scored_with_the_others(fake, folders, added, monkeypatch) -> None:
    # The page's own network is chosen by the real rule, those of the other metrics are cheap.
    own = {"colours": needed_backbones()["colours"]}
    monkeypatch.setattr("dicface.metrics.backbones.needed_backbones", lambda: own)
    networks = {**dict.fromkeys(needed_backbones(), fake), **resolve("auto").networks}
    backbones = Backbones(networks=networks)
    monkeypatch.setattr(Backbones, "resolve", classmethod(lambda cls, *_, **__: backbones))

    assert list(METRICS)[8:] == ["colour_shift", "colour_spread"]
    found = score(folders)
    table = metrics_of(folders).set_index(["metric", "clip"])
    # Every second frame is three levels too bright in each of R, G and B.
    assert table.value["colour_shift", "a"] == pytest.approx(27**0.5 / 2)
    assert table.backbone["colour_shift", "a"] == "pixels"
    frames = pd.read_parquet(folders["out"] / "frames.parquet")
    assert len(frames.query("metric == 'colour_shift' and clip == 'a'")) == NUM_FRAMES

    row = table.loc["colour_spread", "a"]
    assert (row.backbone, row.official) == ("mean-colour", False)
    assert row.note == f"one value for the whole set, from {NUM_FRAMES} windows here"
    with np.load(folders["out"] / "colour_spread.npz") as stored:
        assert len(stored["restored"]) == sum(map(len, TRUTH.values()))
        true = [frame.mean(axis=(0, 1)) for frame in read_clip(folders["truth"] / "a.mkv")[0]]
        assert stored["truth"][:NUM_FRAMES] == pytest.approx(np.array(true))
        expected = frechet_distance(stored["restored"], stored["truth"])
    assert found.values["colour_spread"] == expected > 0
    assert score_files()[2:4] == ["fvd.npz", "colour_spread.npz"]

    row = RowSpec(method="mine", label="Mine")
    filled = row.filled(metrics=folders["out"] / "metrics.parquet")
    printed = build_table(TableSpec(name="t", title="T", rows=(row,)), [filled])
    cells = printed.cells.set_index("metric")["mean"]
    assert cells["colour_spread"] == pytest.approx(expected)
    assert cells["fvd"] == pytest.approx(found.values["fvd"])
    assert cells["colour_shift"] == pytest.approx(table.value["colour_shift"].mean())


def test_clips_that_were_scored_without_it_are_scored_again(fake, folders, request) -> None:
    score(folders)
    fake.calls.clear()
    request.getfixturevalue("added")
    metrics.LISTED.pop("colour_spread")
    score(folders)
    assert fake.calls.count("lpips") == sum(map(len, TRUTH.values()))
    assert set(metrics_of(folders)["metric"]) == {*METRICS} >= {"colour_shift"}
