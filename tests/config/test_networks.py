"""Variants: what differs from the parent, whose weights they use, and what they start from."""

from pathlib import Path

import pytest
import yaml

from dicface.base.errors import ConfigError
from dicface.config.load import load
from dicface.config.networks import (
    network,
    prior_of,
    restore_settings,
    sources_of,
    trained_stages,
    weights_of,
)
from dicface.config.settings import Config
from dicface.config.systems import method_class, method_network, method_settings
from dicface.jobs import JOBS
from dicface.runs.folder import Run
from dicface.workflow.plan import Plan

CONFIG = Path(__file__).resolve().parents[2] / "config"


@pytest.fixture(scope="module")
def config() -> Config:
    return load(CONFIG / "config.yaml")


def test_a_variant_differs_in_the_values_named(config: Config) -> None:
    parent, variant = network(config, "dicface"), network(config, "prior_10")
    assert variant.train.prior_alpha == 10
    assert variant.train.steps == parent.train.steps
    assert variant.settings() == parent.settings()
    assert (variant.stage, variant.task, variant.frames) == ("dicface", "bfr", 5)
    assert network(config, "dicface_inpainting").task == "inpainting"


def test_a_variant_has_the_sizes_of_what_it_starts_from(config: Config) -> None:
    assert network(config, "codes_half").settings()["codebook_size"] == 256
    assert network(config, "codeformer_codes_half").settings()["codebook_size"] == 256
    assert prior_of(config, "codes_half") == "vqgan_codes_half"
    assert prior_of(config, "fusion") == "vqgan"
    assert sources_of(config, "codeformer_codes_half") == ["vqgan_codes_half"]
    assert sources_of(config, "fusion_codes_full") == ["codeformer", "vqgan"]
    assert sources_of(config, "fusion") == []  # it ships
    assert trained_stages(config) == ["dicface"]
    assert sources_of(config, "vqgan") == []


def test_a_variant_that_only_restores_otherwise_shares_weights(config: Config) -> None:
    assert weights_of(config, "samples_4") == "dicface"
    assert weights_of(config, "top_16") == "top_4"
    assert weights_of(config, "prior_10") == "prior_10"
    assert restore_settings(config, "samples_4").samples == 4
    assert restore_settings(config, "dicface").samples == "mean"
    assert (
        "samples_4" not in Plan.of(yaml.safe_load((CONFIG / "config.yaml").read_text())).trained()
    )


def test_methods_of_variants(config: Config) -> None:
    assert method_class(config, "prior_10") == "dicface_trained"
    assert method_class(config, "gpen") == "gpen"
    assert method_network(config, "gpen") is None
    assert method_network(config, "codeformer_trained") == "fusion"
    assert method_network(config, "top_16") == "top_4"
    assert method_settings(config, "top_16")["aggregation"] == "top16"
    assert method_settings(config, "dicface_trained")["aggregation"] is None
    assert method_settings(config, "codeformer_trained") == {}
    with pytest.raises(ConfigError, match="restores nothing"):
        method_class(config, "vqgan_codes_half")


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"of": "dicfase"}, "variants.mine.of: found 'dicfase', expected dicface"),
        (
            {"of": "mine"},
            "mine.of: found 'mine', expected a stage or a variant that does",
        ),
        (
            {"of": "dicface", "train": {"kl": 0}},
            "mine.train.kl: unknown key; did you mean kl_scale",
        ),
        ({"of": "dicface", "restore": {"samples": "many"}}, "restore.samples: found 'many'"),
        (
            {"of": "dicface", "train": {"init_from": "nothing"}},
            "mine.train.init_from: found 'nothing', exp",
        ),
    ],
)
def test_wrong_variants_are_named(variant: dict, message: str) -> None:
    raw = yaml.safe_load((CONFIG / "config.yaml").read_text())
    raw["variants"]["mine"] = {"label": "mine", **variant}
    with pytest.raises(ConfigError, match=message):
        Plan.of(raw)


def test_tables_name_methods_and_variants_that_exist(config: Config) -> None:
    raw = yaml.safe_load((CONFIG / "config.yaml").read_text())
    raw["ablations"]["table3"]["rows"].append("prior_100")
    with pytest.raises(ConfigError, match="table3.*prior_100"):
        Plan.of(raw)
    raw = yaml.safe_load((CONFIG / "config.yaml").read_text())
    raw["table2"]["inpainting"].append("dicface_colorization")
    with pytest.raises(ConfigError, match="dicface_colorization.*colorization"):
        Plan.of(raw)


def test_trainings_and_test_inputs_have_seeds_of_their_own() -> None:
    raw = yaml.safe_load((CONFIG / "config.yaml").read_text())
    raw["train"]["dicface"]["seed"] = 2
    raw["data"]["test"]["degradation_seed"] = 3
    run = Run.of(raw)
    assert network(run.config, "dicface").seed_name == "demo-0-training2"
    assert network(run.config, "fusion").seed_name == "demo-0"
    assert JOBS["degrade"](run=run, task="bfr").seeds() == ["demo-0-degradation3|degrade|<clip>"]
    made_from = JOBS["train"](run=run, network="fusion").made_from()
    raw["data"]["test"]["degradation_seed"] = 0
    assert JOBS["train"](run=Run.of(raw), network="fusion").made_from() == made_from
    assert JOBS["render_clips"](run=run, split="test").depends_on()["seed"] == "demo-0"


def test_variants_take_no_method_of_their_name() -> None:
    raw = yaml.safe_load((CONFIG / "config.yaml").read_text())
    raw["variants"]["pgtformer"] = {"of": "dicface", "label": "mine"}
    with pytest.raises(ConfigError, match="variants: found .pgtformer., expected a name that no"):
        Plan.of(raw)
