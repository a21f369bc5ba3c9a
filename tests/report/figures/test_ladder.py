"""The figures of the ladder and of the collapse, from tables and points."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dicface.base.errors import MetricError
from dicface.report.figures import draw_collapse, draw_ladder
from dicface.report.figures.collapse import COLUMNS
from dicface.report.tables.declared import ablation
from dicface.report.tables.spec import RowSpec
from tests.report.tables._scores import LEVELS, build, write_scores

LABELS = {"input": "nothing", "codeformer_trained": "+ image loss", "dicface_trained": "+ KL"}
RUNGS = [*LABELS.values()]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scores")
    rows = [RowSpec(method=method, label=LABELS[method]) for method in LEVELS]
    spec = ablation("ladder", "The ladder", rows, against="before", shown=("psnr", "lpips"))
    filled = [row.filled(metrics=write_scores(folder / row.method, row.method)) for row in rows]
    return build(filled, spec)


def test_the_ladder_shows_values_and_steps_of_every_protocol(tmp_path, table):
    frames = replace(table, name="appendix_ladder_frames")
    tables = {"equal seconds": table, "equal supervised frames": frames}
    drawn = draw_ladder(tables, RUNGS, tmp_path / "ladder")
    assert drawn.pdf.stat().st_size > 5000
    assert drawn.png.is_file()
    assert "“nothing” being the first" in drawn.caption
    assert "appendix_ladder, appendix_ladder_frames" in drawn.caption
    before = drawn.png.read_bytes()
    draw_ladder(tables, RUNGS, tmp_path / "ladder")
    assert drawn.png.read_bytes() == before


def test_tables_that_are_no_ladder_are_refused(tmp_path, table):
    with pytest.raises(MetricError, match="a ladder of 0 tables"):
        draw_ladder({}, RUNGS, tmp_path / "ladder")
    other = replace(table, metrics=table.metrics[:1])
    with pytest.raises(
        MetricError, match="differ in metrics or number of rungs; give all the same `shown`"
    ):
        draw_ladder({"a": table, "b": other}, RUNGS, tmp_path / "ladder")


def swept() -> pd.DataFrame:
    lines = []
    for zero in (True, False):
        for annealed in (True, False):
            for weight in (0.0, 0.0048, 1.0, 3072.0):
                codes = 512 * weight / (weight + 0.1) + 20
                line = dict.fromkeys(COLUMNS, 24.0 - weight / 1000)
                line |= {"row": f"kl_{weight}", "label": f"{weight:g}", "codes": 512}
                line |= {"kl_scale": weight, "annealed": annealed, "zero_started": zero}
                lines.append({**line, "effective_codes": min(codes, 510.0)})
    lines[3]["tlme"] = np.nan
    return pd.DataFrame(lines)


def test_the_collapse_is_drawn_and_its_points_are_kept(tmp_path):
    marks = {"paper, eq. 7": 1.0, "release": 3072.0, "scale demo": 0.0048}
    drawn = draw_collapse(swept(), tmp_path / "collapse", marks=marks)
    assert "paper, eq. 7 at 1, release at 3072, scale demo at 0.0048" in drawn.caption
    kept = pd.read_csv(tmp_path / "collapse.csv")
    assert list(kept.columns) == list(COLUMNS)
    assert len(kept) == 16
    assert kept["tlme"].isna().sum() == 1
    assert kept["effective_codes"].max() == 510


def test_a_collapse_needs_a_divergence(tmp_path):
    points = swept()
    with pytest.raises(MetricError, match="without any kl_scale above 0"):
        draw_collapse(points[points["kl_scale"] == 0], tmp_path / "collapse", marks={})
