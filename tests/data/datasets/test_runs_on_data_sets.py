"""Data sets in a run: which jobs a configuration plans, and their commands on miniature copies."""

import copy
import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from dicface.base.errors import ClipError, ConfigError, WeightsError
from dicface.cli import main as cli
from dicface.config.fields import overlay
from dicface.config.networks import network, sources_of, trained_stages
from dicface.config.settings import Config
from dicface.data.datasets.layouts import ALIGNED, LAYOUTS, read_layout
from dicface.jobs import JOBS
from dicface.jobs.import_clips import ImportClips
from dicface.jobs.render_clips import RenderClips
from dicface.jobs.restore import Restore
from dicface.jobs.train import Train
from dicface.jobs.training_index import TrainingIndex
from dicface.models import build
from dicface.models.checkpoint import load_network, save_weights
from dicface.report.run import declare
from dicface.runs.folder import Run
from dicface.training.loop import train_stage
from dicface.video.clips import read_clip
from dicface.weights import registry
from dicface.workflow.plan import Plan
from tests.config.test_config import ROOT, snakemake
from tests.data.datasets import _layouts as mini
from tests.data.datasets._layouts import NAMES, RELEASED, FixedDetector


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / "config" / name).read_text())


@pytest.fixture
def raw(tmp_path: Path) -> dict:
    """The demo on miniature copies of VFHQ, FFHQ and the released test set."""
    sets = {
        "train": {"folder": str(mini.vfhq_frames(tmp_path / "vfhq")), "layout": "vfhq_train"},
        "images": {"folder": str(mini.ffhq(tmp_path / "ffhq")), "layout": "ffhq"},
        "test": {
            "folder": str(mini.released(tmp_path / "released")),
            "layout": "released_test",
            "test_set": "released",
        },
    }
    sets = {name: {"source": "folder", **each} for name, each in sets.items()}
    sets["train"]["shard_size"] = 1
    train = {
        "defaults": {"steps": 2, "batch_size": 2, "cache": False, "degraded_versions": 0},
        "dicface": {"init_from": "", "steps": 2, "batch_size": 2},
        "vqgan": {"steps": 2},
        "fusion": {"released": ""},
    }
    return overlay(
        read("config.yaml"), {"results": str(tmp_path / "results"), "data": sets, "train": train}
    )


def changed(raw: dict, *path: str, value: object) -> dict:
    raw = copy.deepcopy(raw)
    inner = raw
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return raw


# --- plans --------------------------------------------------------------------------------------


def test_stages_learn_from_their_own_set(raw):
    planned = Plan.of(raw)
    clips = planned.run.train_folder / "clips"
    assert planned.training_files("dicface") == [clips / "train/index.parquet"]
    assert planned.training_files("prior_10") == [clips / "train/index.parquet"]
    assert planned.training_files("vqgan_codes_half") == [clips / "images/index.parquet"]
    assert planned.landmark_shards("train") == {"00000": (NAMES[0],), "00001": (NAMES[1],)}
    assert planned.landmark_shards("images") == {}
    demo = Plan.of(read("config.yaml"))
    assert demo.training_files("vqgan") == [Path("results/demo/clips/train/index.parquet")]
    assert demo.indexed_sets() == []
    assert RenderClips.constraints(demo) == {"split": ["train", "test"]}


def test_a_folder_of_aligned_clips_is_read_where_it_lies(raw):
    raw = changed(raw, "data", "train", "layout", value="")
    raw = changed(raw, "data", "images", "source", value="train")
    planned = Plan.of(raw)
    assert planned.run.training_clips("vqgan") == Path(raw["data"]["train"]["folder"])
    assert planned.training_files("vqgan") == planned.indexed_sets() == []
    assert planned.landmark_shards("train") == {}


def test_what_a_network_learns_from_is_noticed(raw):
    other = changed(raw, "data", "images", "folder", value="elsewhere")
    facts = [
        [Train(run=Run.of(each), network=name).made_from() for name in ("vqgan", "dicface")]
        for each in (raw, other)
    ]
    assert facts[0][0] != facts[1][0]
    assert facts[0][1] == facts[1][1]


def test_layouts_of_aligned_faces(tmp_path):
    found = {kind for kind in LAYOUTS if read_layout(kind, tmp_path).aligned}
    assert found == set(ALIGNED)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("data", "train", "folder"), "/no/vfhq", "/no/vfhq: no such folder"),
        (("data", "images", "folder"), "/no/ffhq", "/no/ffhq: no such folder"),
        (("data", "test", "folder"), "/no/released", "/no/released"),
    ],
)
def test_a_missing_set_can_be_planned_and_not_started(raw, path, value, message):
    planned = Plan.of(changed(raw, *path, value=value))
    assert planned.landmark_shards("train") is not None
    assert ImportClips(run=planned.run).made_from()
    for job in (Train, Restore):  # everything is there already
        job.require(planned)
    with pytest.raises(ClipError, match=message):
        require(planned)


def require(planned: Plan) -> None:
    for job in (TrainingIndex, ImportClips):
        job.require(planned)


def test_released_inputs_that_a_table_needs_are_missed_at_the_start(raw, tmp_path):
    (tmp_path / "released" / "vfhq_test_color_input").rename(tmp_path / "elsewhere")
    with pytest.raises(ClipError, match="no inputs of colorization"):
        require(Plan.of(raw))
    require(Plan.of(changed(raw, "table2", value={})))


def test_the_released_test_set_needs_its_layout(raw):
    with pytest.raises(ConfigError, match="expected source: folder, layout: released_test"):
        Plan.of(changed(raw, "data", "test", "layout", value="vfhq_test"))


def test_the_workflow_plans_a_job_a_shard(raw, tmp_path):
    settings = tmp_path / "sets.yaml"
    settings.write_text(yaml.safe_dump({key: raw[key] for key in ("data", "train", "results")}))
    done = snakemake("-n", "--cores", "1", "table1", "--configfile", str(settings))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    jobs = {rule: lines.count(f"rule {rule}:") for rule in ("training_landmarks", "render_clips")}
    assert jobs == {"training_landmarks": 2, "render_clips": 0}
    assert lines.count("rule training_index:") == 2
    settings.write_text(settings.read_text().replace(str(tmp_path / "vfhq"), "/no/vfhq"))
    started = snakemake("--cores", "1", "table1", "--configfile", str(settings))
    assert started.returncode != 0
    assert "/no/vfhq: no such folder" in started.stdout + started.stderr
    assert not (tmp_path / "results").exists()


# --- commands, as the rules give them -----------------------------------------------------------


@pytest.fixture
def commands(raw, tmp_path, monkeypatch):
    """Does a job of the run, as its rule gives it."""
    monkeypatch.setattr("dicface.faces.detect.default_detector", lambda name: FixedDetector())
    planned = Plan.of(raw)
    for lock in planned.start(alone=True):
        lock.close()

    def job(name: str, **wildcards: str) -> None:
        run = planned.run.training if JOBS[name].of_training else planned.run
        words = [word for key, value in wildcards.items() for word in (f"--{key}", value)]
        assert cli.main(["job", name, "--run", str(run.folder), *words]) == 0

    return job


def test_networks_learn_from_sets_on_disk(raw, commands):
    planned = Plan.of(raw)
    for name in planned.indexed_sets():
        for shard in planned.landmark_shards(name):
            commands("training_landmarks", split=name, shard=shard)
        commands("training_index", split=name)
    for name in ("vqgan", "dicface"):
        commands("train", network=name)
        weights = planned.run.network(name).weights
        assert load_network(weights)[1]["train"]["steps"] == 2


def test_the_released_test_set_is_taken_as_it_is(raw, commands):
    run = Path(Plan.of(raw).run.folder)
    truth = run / "clips" / "own"
    commands("import_clips")
    assert list(pd.read_parquet(truth / "index.parquet")["clip"]) == list(RELEASED)
    for task in ("bfr", "inpainting", "colorization"):
        inputs = run / task / "input"
        commands("degrade", task=task)
        made = pd.read_parquet(inputs / "degradation.parquet")
        assert set(made["setting_test_set"]) == {"released"}
        assert read_clip(inputs / f"{RELEASED[0]}.mkv")[0].shape == (3, 128, 128, 3)


# --- released weights in the place of a training ------------------------------------------------


def released_plan(raw: dict) -> tuple[Plan, Config]:
    raw = changed(raw, "train", "fusion", "released", value="")
    planned = Plan.of(changed(raw, "train", "vqgan", "released", value="vqgan_code1024"))
    return planned, planned.config


def test_released_weights_take_the_place_of_a_training(raw, tmp_path, monkeypatch):
    planned, config = released_plan(raw)
    assert planned.training_files("vqgan") == sources_of(config, "vqgan") == []
    assert trained_stages(planned.config) == ["codeformer", "fusion", "dicface"]
    given = build("vqgan", **network(config, "vqgan").settings())
    file = tmp_path / "vqgan_code1024.safetensors"
    save_weights(file, given.state_dict(), {})
    monkeypatch.setattr(registry, "find", lambda name: file)
    made, facts = load_network(
        train_stage(config, "vqgan", clips=tmp_path / "none", out=tmp_path / "train")
    )
    assert facts["released"]["name"] == "vqgan_code1024"
    assert all((made.state_dict()[k] == v).all() for k, v in given.state_dict().items())
    assert json.loads((tmp_path / "train/vqgan/training.json").read_text())["steps"] == 0
    # Another size of the network does not fit, and says so.
    smaller = changed(raw, "model", "vqgan", "codebook_size", value=32)
    with pytest.raises(WeightsError, match="looks like a VQ autoencoder"):
        train_stage(released_plan(smaller)[1], "vqgan", clips=tmp_path, out=tmp_path / "other")


def test_missing_released_weights_say_how_to_get_them(raw, tmp_path, monkeypatch):
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path / "weights"))
    with pytest.raises(WeightsError, match="dicface weights fetch vqgan_code1024"):
        train_stage(released_plan(raw)[1], "vqgan", clips=tmp_path, out=tmp_path)


def test_the_paper_starts_from_released_weights_and_trains_smaller_codebooks():
    planned = Plan.of(overlay(read("config.yaml"), read("paper.yaml")))
    assert trained_stages(planned.config) == ["dicface"]
    lineage, name = [], "codes_half"
    while sources := sources_of(planned.config, name):
        lineage.append(name)
        name = network(planned.config, name).train.init_from or sources[0]
    assert [*lineage, name] == [
        "codes_half",
        "fusion_codes_half",
        "codeformer_codes_half",
        "vqgan_codes_half",
    ]
    assert not any(map(planned.is_released, (*lineage, name)))
    assert network(planned.config, "fusion_codes_half").model["vqgan"]["codebook_size"] == 512
    assert declare(planned.config, "table1").pairs == (("dicface_trained", "input"),)
