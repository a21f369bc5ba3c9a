"""Rows trained several times: variants that differ in the training seed alone, and no others."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from dicface.base.errors import ConfigError
from dicface.config.load import check
from dicface.config.networks import network, restore_settings
from dicface.config.replicates import replicates_of
from dicface.jobs import JOBS
from dicface.runs.folder import Run
from dicface.workflow.plan import Plan

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def raw():
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


def checked(raw, **replicates):
    return check({**raw, "replicates": replicates})


def test_further_trainings_differ_in_their_seed_alone(raw):
    config, plain = checked(raw, average=3, dicface_trained=2, samples_4=2)
    assert replicates_of(config, "average") == ["average_rep2", "average_rep3"]
    assert replicates_of(config, "dicface_trained_mean5") == ["dicface_trained_rep2_mean5"]
    assert replicates_of(config, "prior_10") == []
    for name, parent, seed in (
        ("average_rep2", "average", 1),
        ("average_rep3", "average", 2),
        ("dicface_trained_rep2", "dicface", 1),
    ):
        found, first = network(config, name), network(config, parent)
        assert found.train.seed == seed
        assert replace(found.train, seed=0) == first.train
        assert found.settings() == first.settings()
        assert (found.stage, found.task) == (first.stage, first.task)
        assert found.seed_name == f"{first.seed_name}-training{seed}"
    # A way to restore is trained with what it restores by.
    assert network(config, "samples_4_rep2").name == "dicface_trained_rep2"
    assert restore_settings(config, "samples_4_rep2") == restore_settings(config, "samples_4")
    again, written = check(plain)
    assert again == config
    assert written == plain


def test_without_replicates_nothing_changes(raw):
    raw = {**raw, "replicates": {}}
    config, _ = check(raw)
    assert not any("_rep" in name for name in config.variants)
    assert "replicates" not in JOBS["table"](run=Run.of(raw), table="table3").depends_on()


def test_a_table_waits_for_every_training(raw):
    plan = Plan.of({**raw, "replicates": {"average": 3}})
    rows = [method for _, method in plan.scored_in("table4")]
    assert rows[rows.index("average") :][:3] == ["average", "average_rep2", "average_rep3"]
    job = JOBS["table"](run=plan.run, table="table4")
    assert plan.run.results("bfr", "average_rep3").metrics in job.waits_for()
    assert job.depends_on()["replicates"] == {"average": 2}
    assert "average_rep2" not in plan.methods_shown("figure3")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"replicates": {"averge": 3}}, r"replicates: found 'averge', expected a row that the run"),
        ({"replicates": {"gpen": 3}}, r"replicates: found 'gpen', expected a row that the run"),
        ({"replicates": {"average": 0}}, r"replicates\.average: found 0"),
        (
            {
                "replicates": {"average": 2},
                "variants": {
                    "average_rep2": {"of": "average", "label": "x", "train": {"steps": 9}}
                },
            },
            r"variants: found 'average_rep2', expected another name: `replicates` calls a training",
        ),
        (
            {
                "replicates": {"average": 2},
                "variants": {
                    "average": {"of": "dicface", "label": "x", "train": {"released": "dicface_bfr"}}
                },
            },
            r"replicates: found 'average', expected .*; its weights are released",
        ),
    ],
)
def test_replicates_that_cannot_be_are_refused(raw, changes, said):
    changes["variants"] = {**raw["variants"], **changes.get("variants", {})}
    with pytest.raises(ConfigError, match=said):
        check({**raw, **changes})
