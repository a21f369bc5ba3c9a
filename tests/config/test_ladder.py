"""Rows that are compared differ in one thing: the ladder, the sweep and the ablations beside."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from dicface.base.errors import ConfigError
from dicface.config.load import check, load
from dicface.config.networks import network
from dicface.config.settings import Config
from dicface.config.systems import method_network
from dicface.jobs.figure import Figure
from dicface.jobs.report_pages import ReportPages
from dicface.runs.folder import Run
from dicface.workflow.plan import Plan

FOLDER = Path(__file__).resolve().parents[2] / "config"
SCALES = ("config.yaml", "paper.yaml", "heavy_noise.yaml")
BUDGET = {"steps", "seed"}


@pytest.fixture(params=SCALES)
def config(request: pytest.FixtureRequest) -> Config:
    return load(FOLDER / "config.yaml", FOLDER / request.param)


@pytest.fixture(scope="module")
def raw() -> dict:
    return yaml.safe_load((FOLDER / "config.yaml").read_text())


def changed(config: Config, a: str, b: str) -> set[str]:
    """Settings in which two trained rows differ, but for how long they train."""
    found = set()
    one, other = (network(config, method_network(config, row)).decides() for row in (a, b))
    for part in ("train", "settings"):
        keys = one[part].keys() | other[part].keys()
        found |= {key for key in keys if one[part].get(key) != other[part].get(key)}
    return found - BUDGET


@pytest.mark.parametrize("table", ["ladder", "ladder_frames"])
def test_each_rung_of_the_ladder_changes_one_thing(config: Config, table: str) -> None:
    rows = config.ablations[table].rows
    first = next(place for place, row in enumerate(rows) if row.startswith("ladder_image_loss"))
    steps = [changed(config, a, b) for a, b in pairwise(rows[first:])]
    assert steps == [{"freeze"}, {"temporal"}, {"aggregation"}, {"aggregation"}, {"kl_scale"}]
    lowest = network(config, method_network(config, rows[first]))
    # What is frozen there is all but what stage III's image passes through behind the codes.
    learns = set(lowest.sizes().modules) - set(lowest.train.freeze)
    assert learns == {"generator", "fuse_convs_dict"}
    assert lowest.train.init_from in ("fusion", rows[first - 1])
    assert config.ablations[table].against == "before"


def test_one_ladder_has_equal_steps_and_the_other_as_many_seconds(config: Config) -> None:
    def steps(table: str) -> list[int]:
        rows = config.ablations[table].rows[-6:]
        return [network(config, row).train.steps for row in rows]

    assert len(set(steps("ladder_frames"))) == 1
    seconds = steps("ladder")
    assert seconds[-1] == steps("ladder_frames")[-1]
    assert seconds == sorted(seconds, reverse=True)
    # The figure sets rung beside rung.
    labels = {
        table: [config.variants[row].label for row in config.ablations[table].rows[-6:]]
        for table in ("ladder", "ladder_frames")
    }
    assert [f"{label}, equal frames" for label in labels["ladder"]] == labels["ladder_frames"]


def test_the_sweep_varies_weight_annealing_and_start_alone(config: Config) -> None:
    rows = config.ablations["collapse"].rows
    allowed = {"kl_scale", "kl_anneal_steps", "temporal_start"}
    assert all(changed(config, "dicface_trained", row) <= allowed for row in rows)
    seen = {}
    for row in rows:
        own = network(config, method_network(config, row))
        weight = 3072.0 if own.train.kl_scale == "release" else own.train.kl_scale
        line = own.train.kl_anneal_steps > 0, own.sizes().temporal_start
        seen.setdefault(line, set()).add(weight)
    weights = [{weight for weight in each if weight} for each in seen.values()]
    if config.scale != "heavy_noise":
        assert len(weights) == 4
        assert all(max(each) / min(each) >= 1e4 for each in weights)


@pytest.mark.parametrize(
    ("a", "b", "one_thing"),
    [
        ("all_trained", "freeze_codebook", "freeze"),
        ("all_trained", "freeze_encoder", "freeze"),
        ("all_trained", "freeze_decoder", "freeze"),
        ("dicface_trained", "no_temporal_seconds", "temporal"),
        ("dicface_trained", "draws_4", "train_samples"),
        ("draws_4", "draws_4_losses", "train_average"),
    ],
)
def test_ablations_compare_one_thing(config: Config, a: str, b: str, one_thing: str) -> None:
    assert changed(config, a, b) == {one_thing}


def test_fewer_codes_have_as_strong_a_divergence_each(config: Config) -> None:
    scales = {}
    for row in ("codes_quarter", "codes_half"):
        own = network(config, row)
        scales[row] = own.train.kl_scale * own.sizes().codebook_size
        per_code = own.sizes().alpha_sum / own.sizes().codebook_size
        assert per_code in (0, 1)
    assert scales["codes_quarter"] == pytest.approx(scales["codes_half"])


def test_settings_that_came_later_train_nothing_again(config: Config) -> None:
    assert "unfreeze" not in network(config, "dicface").decides()["train"]
    assert network(config, "paper_text").decides()["train"]["unfreeze"]


def test_targets_have_their_tables_and_the_report_waits_for_none_of_hours(
    raw: dict, tmp_path: Path
) -> None:
    plan = Plan.of({**raw, "results": str(tmp_path)})
    assert plan.tables_of("ladder") == ["appendix_ladder", "appendix_ladder_frames"]
    assert plan.tables_of("collapse") == ["appendix_collapse"]
    assert {"table3", "appendix_trained"} <= set(plan.tables_of("ablations"))
    run = plan.run
    shown = [path.name for path in Figure(run=run, figure="ladder").waits_for()]
    assert shown == ["appendix_ladder.json", "appendix_ladder_frames.json"]
    inside = [path.name for path in Figure(run=run, figure="collapse").waits_for()]
    assert {"appendix_collapse.json", "dicface.json", "kl_1.json"} <= set(inside)

    def waits() -> set[str]:
        return {path.stem for path in ReportPages(run=run).waits_for()}

    assert not {"appendix_ladder", "appendix_collapse"} & waits()
    run.tables.mkdir(parents=True)
    (run.tables / "appendix_ladder.md").touch()
    assert "appendix_ladder" in waits()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"against": "befor"}, r"table3\.against: found 'befor', expected before"),
        ({"against": "prior_1"}, r"table3\.against: found 'prior_1', expected prior_10 or"),
        ({"target": "ladders"}, r"table3\.target: found 'ladders', expected one of ablations, "),
        ({"shown": ["psnrr"]}, r"table3\.shown: found 'psnrr', expected psnr"),
    ],
)
def test_a_table_that_cannot_be_is_refused(raw: dict, changes: dict, said: str) -> None:
    table = {**raw["ablations"]["table3"], **changes}
    with pytest.raises(ConfigError, match=said):
        Plan.of({**raw, "ablations": {**raw["ablations"], "table3": table}})


def test_a_figure_without_its_table_says_what_to_add(raw: dict) -> None:
    without = {name: each for name, each in raw["ablations"].items() if "target" not in each}
    run = Run.of({**raw, "ablations": without})
    with pytest.raises(ConfigError, match="ladder: found no table of `ablations` with `target: l"):
        Figure(run=run, figure="ladder").waits_for()


def test_a_module_that_waits_is_one_of_the_networks(raw: dict) -> None:
    variants = {**raw["variants"], "x": {"of": "dicface", "label": "x"}}
    variants["x"]["train"] = {"unfreeze": {"ft_layer": 3}}
    with pytest.raises(ConfigError, match=r"x\.train\.unfreeze: found 'ft_layer', expected ft_lay"):
        check({**raw, "variants": variants})
