"""Every value that cannot work is refused at the door, in few lines that a stranger understands."""

import copy
import re
import runpy
from pathlib import Path

import pytest
import yaml

from dicface.base.errors import ConfigError
from dicface.base.names import TASKS
from dicface.config import check as checks
from dicface.config.check import WrongConfigError, dotted
from dicface.config.fields import overlay
from dicface.config.load import check, load, merge, with_values
from dicface.config.model import VQGANSettings
from dicface.config.networks import SIZES_OF_NETWORK, network
from dicface.config.settings import STAGES, Config, TrainSettings
from dicface.models import build
from dicface.runs.folder import CONFIG_FILE, Run

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config" / "config.yaml"
PRECISIONS = "32-true, 64-true, 16-mixed, 16-true, bf16-mixed, bf16-true"


@pytest.fixture(scope="module")
def raw() -> dict:
    return merge(CONFIG)


# What is typed, and what the message has: the key, what was found, what was expected.
WRONG = {
    # Names of keys
    "tabel=1": "tabel: unknown key; did you mean table",
    "data.sizes=3": "data.sizes: unknown key; did you mean size?",
    "train.dicface.stepz=3": "train.dicface.stepz: unknown key; did you mean steps?",
    "train.dicfase.steps=3": "train.dicfase: unknown key; did you mean dicface?",
    "steps=4": "steps: unknown key here; did you mean train.defaults.steps or",
    "model.vqgan.resolution=64": "model.vqgan.resolution: unknown key",
    "model.transformer.nf=64": "unknown key here; did you mean model.vqgan.nf",
    "resources.trian={gpu: 1}": "resources.trian: unknown key; did you mean train?",
    "resources.train.cores=2": "resources.train.cores: unknown key; expected one of threads, gpu",
    "table2.inpaintin=[gpen]": "table2.inpaintin: unknown key; did you mean inpainting?",
    "degradation.interpolation_weights.cubik=1": "cubik: unknown key; did you mean cubic?",
    "methods=[{name: a, restored: b, tsk: bfr}]": "methods[0].tsk: unknown key; did you mean task?",
    "methods=[{name: a}]": "methods[0].restored: found '', expected a text that is not empty",
    "variants.x.label=x": "variants.x.of: the key is missing; expected text (Its parent",
    # Kinds of values
    "train=": "train: found nothing, expected keys and values",
    "train.defaults=3": "train.defaults: found 3, expected keys and values",
    "data.train=[1]": "data.train: found [1], expected keys and values",
    "train.vqgan.steps=many": "train.vqgan.steps: found 'many', expected a whole number ≥ 1",
    "train.vqgan.steps=true": "train.vqgan.steps: found true, expected a whole number ≥ 1",
    "train.vqgan.steps=2.5": "train.vqgan.steps: found 2.5, expected a whole number ≥ 1",
    "train.vqgan.cache=maybe": "train.vqgan.cache: found 'maybe', expected true or false",
    "train.vqgan.flip_prob=true": "train.vqgan.flip_prob: found true, expected a number from 0",
    "table1=gpen": "table1: found 'gpen', expected a list of names, at least one and none twice",
    "remark=[a]": 'remark: found ["a"], expected text',
    # The run
    "scale=My scale": "scale: found 'My scale', expected lower-case letters, digits and _",
    "budget=seed1": "budget: found 'seed1', expected lower-case letters, digits and _, and neither",
    "seed=-1": "seed: found -1, expected a whole number ≥ 0",
    "results=my results": "results: found 'my results', expected a path",
    "device=tpu": "device: found 'tpu', expected auto, cpu, cuda, cuda:N or mps",
    "threads=0": "threads: found 0, expected a whole number from 1 to 1024",
    "compute.devices=0": "compute.devices: found 0, expected a whole number from 1 to 1024",
    "compute.nodes=-1": "compute.nodes: found -1, expected a whole number from 1 to 1024",
    "resources.defaults.mem_mb=0": "resources.defaults.mem_mb: found 0, expected a whole number ≥",
    "resources.limits.runtime=0": "resources.limits.runtime: found 0, expected a whole number ≥ 1",
    "resources.score.gpu=-1": "resources.score.gpu: found -1, expected a whole number ≥ 0",
    "metrics.backbones=best": "metrics.backbones: found 'best', expected one of auto, official",
    # Data
    "data.size=0": "data.size: found 0, expected a multiple of 8 from 16 to 4096",
    "data.size=20": "data.size: found 20, expected a multiple of 8 from 16 to 4096",
    "data.fps=0": "data.fps: found 0, expected a whole number from 1 to 1000",
    "data.detector=mtcnn": "data.detector: found 'mtcnn', expected one of auto, retinaface, dlib",
    "data.train.layout=vfqh": "data.train.layout: found 'vfqh', expected one of '', vfhq_train",
    "data.train.source=folder": "data.train.folder: found '', expected a folder, as its source is",
    "data.images.source=folder": "data.images.folder: found '', expected a folder",
    "data.test.source=folder": "data.test.folder: found '', expected a folder",
    "data.train.num_clips=0": "data.train.num_clips: found 0, expected a whole number ≥ 1",
    "data.train.num_frames=3": "data.train.num_frames: found 3, expected at least frame_length = 5",
    "data.test.num_clips=0 & data.test.photo=false": "data.test.num_clips: found 0, expected a",
    "data.train.shard_size=0": "data.train.shard_size: found 0, expected a whole number ≥ 1",
    "data.test.test_set=released": "expected source: folder, layout: released_test",
    "data.train.source=folder & data.train.folder=a & data.train.layout=vfhq_train": (
        "train.defaults.cache: found true, expected false, as clips of a data set are read by"
    ),
    # Inputs
    "degradation.kernel_size=20": "degradation.kernel_size: found 20, expected an odd number ≥ 1",
    "degradation.blur_sigma=[2, 1]": "degradation.blur_sigma: found [2, 1], expected [low, high]",
    "degradation.blur_sigma=[1]": "degradation.blur_sigma: found [1], expected [low, high] with",
    "degradation.noise_sigma=[0, 300]": "degradation.noise_sigma: found [0, 300], expected [low",
    "degradation.crf=[18, 60]": "degradation.crf: found [18, 60], expected [low, high] with 0",
    "degradation.crf=[18.5, 20]": "degradation.crf: found [18.5, 20], expected [low, high] with 0",
    "degradation.iso_prob=1.5": "degradation.iso_prob: found 1.5, expected a number from 0 to 1",
    "degradation.grey_prob=-0.1": "degradation.grey_prob: found -0.1, expected a number from 0",
    "degradation.scale=0": "degradation.scale: found 0, expected a whole number ≥ 1",
    "degradation.scale=65": "degradation.scale: found 65, expected at most half of data.size = 128",
    "degradation.codec_fps=0": "degradation.codec_fps: found 0, expected a whole number from 1",
    "degradation.codec_channel_order=bgr": "found 'bgr', expected one of bgr_as_rgb24, rgb",
    "degradation.interpolation_weights={area: 0, linear: 0, cubic: 0}": "expected weights ≥ 0 of",
    "degradation.interpolation_weights.area=-1": "degradation.interpolation_weights: found",
    "brush.num_strokes=[4, 4]": "brush.num_strokes: found [4, 4], expected [first, end] with 1 ≤",
    "brush.num_vertices=[0, 9]": "brush.num_vertices: found [0, 9], expected [first, end] with 1",
    "brush.width_px=[8, 3]": "brush.width_px: found [8, 3], expected [low, high] with 0 ≤ low",
    "brush.mean_angle_rad=.inf": "brush.mean_angle_rad: found Infinity, expected a number",
    # Networks
    "model.vqgan.nf=0": "model.vqgan.nf: found 0, expected a whole number ≥ 1",
    "model.vqgan.codebook_size=0": "model.vqgan.codebook_size: found 0, expected a whole number",
    "model.vqgan.num_res_blocks=0": "model.vqgan.num_res_blocks: found 0, expected a whole",
    "model.vqgan.ch_mult=[]": "model.vqgan.ch_mult: found [], expected a list of whole numbers ≥ 1",
    "model.vqgan.ch_mult=[1, 0]": "model.vqgan.ch_mult: found [1, 0], expected a list of whole",
    "model.vqgan.norm_groups=5": "model.vqgan.norm_groups: found 5, expected a divisor of nf",
    "model.vqgan.attn_resolutions=[24]": "found [24], expected some of the feature sizes [64, 32",
    "model.vqgan.patch_size=3": "data.size: found 128, expected a multiple of patch_size · 2^",
    "model.vqgan.ch_mult=[1,1,1,1,1,1,1,1]": "data.size: found 128, expected a multiple of patch",
    "model.vqgan.beta=-1": "model.vqgan.beta: found -1, expected a number ≥ 0",
    "model.vqgan.tail=glue": "model.vqgan.tail: found 'glue', expected one of fold, conv",
    "model.transformer.n_head=5": "model.transformer.n_head: found 5, expected a divisor of dim",
    "model.transformer.n_layers=0": "model.transformer.n_layers: found 0, expected a whole number",
    "model.transformer.dropout=1": "model.transformer.dropout: found 1, expected a number from 0",
    "model.transformer.connect_list=['24']": 'connect_list: found ["24"], expected some of the',
    "model.discriminator={n_layers: 0}": "model.discriminator.n_layers: found 0, expected a whole",
    "model.discriminator={norm: none}": "model.discriminator.norm: found 'none', expected one of",
    "model.discriminator={n_layers: 6} & train.vqgan.gan_weight=1": (
        "model.discriminator.n_layers: found 6, expected fewer"
    ),
    "model.dicface.frame_length=4": "model.dicface.frame_length: found 4, expected an odd number",
    "model.dicface.alpha_floor=0": "model.dicface.alpha_floor: found 0, expected a number > 0",
    "model.dicface.aggregation=top0": "model.dicface.aggregation: found 'top0', expected dirichlet",
    "model.dicface.train_samples=0": "model.dicface.train_samples: found 0, expected mean, or a",
    # Training
    "train.vqgan.batch_size=0": "train.vqgan.batch_size: found 0, expected a whole number ≥ 1",
    "train.vqgan.log_every=0": "train.vqgan.log_every: found 0, expected a whole number ≥ 1",
    "train.vqgan.save_every=0": "train.vqgan.save_every: found 0, expected a whole number ≥ 1",
    "train.vqgan.micro_batch=3": "train.vqgan.micro_batch: found 3, expected a divisor of the 8",
    "train.vqgan.micro_batch=16": "train.vqgan.micro_batch: found 16, expected a divisor of the 8",
    "compute.devices=3": "train.defaults.batch_size: found 8, expected a multiple of the 3",
    "train.vqgan.learning_rate=.nan": "train.vqgan.learning_rate: found NaN, expected a number > 0",
    "train.vqgan.learning_rate=.inf": "train.vqgan.learning_rate: found Infinity, expected a",
    "train.vqgan.learning_rate=-1e-4": "train.vqgan.learning_rate: found '-1e-4', expected a",
    "train.vqgan.final_learning_rate=1": "final_learning_rate: found 1.0, expected at most",
    "train.vqgan.betas=[0.9]": "train.vqgan.betas: found [0.9], expected two numbers from 0 to",
    "train.vqgan.betas=[0.9, 1]": "train.vqgan.betas: found [0.9, 1], expected two numbers from 0",
    "train.vqgan.ema_decay=1": "train.vqgan.ema_decay: found 1, expected a number from 0 to below",
    "train.vqgan.precision=x": f"found 'x', expected one of {PRECISIONS}",
    "train.vqgan.num_workers=-1": "train.vqgan.num_workers: found -1, expected a whole number ≥ 0",
    "train.vqgan.colour_jitter=2": "train.vqgan.colour_jitter: found 2, expected a number from 0",
    "train.dicface.loss_frames=some": "train.dicface.loss_frames: found 'some', expected one of",
    "train.dicface.prior_alpha=0": "train.dicface.prior_alpha: found 0, expected a number > 0",
    "train.dicface.kl_scale=-1": "train.dicface.kl_scale: found -1, expected release, or a number",
    "train.dicface.perceptual=vgg": "train.dicface.perceptual: found 'vgg', expected one of lpips",
    "train.dicface.freeze=[nothing]": "train.dicface.freeze: found 'nothing', expected one of enc",
    "train.dicface.freeze=[multiscale]": "train.dicface.freeze: found 'multiscale', expected one",
    "train.vqgan.freeze=[encoder, quantize, generator]": "expected a module less, so that",
    "train.vqgan.codebook_start=-1": "train.vqgan.codebook_start: found -1, expected a whole",
    "train.dicface.kl_scale=much": "train.dicface.kl_scale: found 'much', expected release, or a",
    "train.dicface.seed=-1": "train.dicface.seed: found -1, expected a whole number ≥ 0",
    "data.images.num_frames=0": "data.images.num_frames: found 0, expected a whole number ≥ 1",
    "variants.x_mean5={of: dicface, label: x}": "variants: found 'x_mean5', expected a name that",
    "train.fusion={gan_weight: 1, fidelity_w: 0}": "train.fusion.gan_weight: found 1.0, expected 0",
    "train.dicface.init_from=fusoin": "train.dicface.init_from: found 'fusoin', expected fusion",
    "train.vqgan.init_from=codeformer": "init_from: found 'vqgan', expected a network that does",
    "train.codeformer.init_from='' & train.vqgan.init_from=codeformer": (
        "train.vqgan.init_from: found 'codeformer', expected a network that is no larger than vqgan"
    ),
    # Restoring, variants, tables
    "restore.samples=0": "restore.samples: found 0, expected mean, or a whole number ≥ 1 of draws",
    "restore.samples=half": "restore.samples: found 'half', expected mean, or a whole number ≥ 1",
    "restore.fidelity_w=-1": "restore.fidelity_w: found -1, expected a number ≥ 0",
    "restore.aggregation=best": "restore.aggregation: found 'best', expected dirichlet, average",
    "restore.aggregation=top999": "restore.aggregation: found 'top999', expected dirichlet, aver",
    "variants.A b={of: dicface, label: x}": "variants: found the name 'A b', expected lower-case",
    "variants.vqgan={of: dicface, label: x}": "variants: found 'vqgan', expected a name that no",
    "variants.x={of: dicfase, label: x}": "variants.x.of: found 'dicfase', expected dicface.",
    "variants.x={of: x, label: x}": "variants.x.of: found 'x', expected a stage or a variant that",
    "variants.x={of: dicface, label: ''}": "variants.x.label: found '', expected a text that is",
    "variants.x={of: dicface, label: x, task: bf}": "variants.x.task: found 'bf', expected one of",
    "variants.x={of: dicface, label: x, train: {kl: 0}}": "unknown key; did you mean kl_scale or",
    "variants.x={of: dicface, label: x, restore: {samples: -1}}": "variants.x.restore.samples: fo",
    "variants.x={of: dicface, label: x, model: {vqgan: {codebook_size: 8}}}": (
        "variants.x.model.vqgan.codebook_size: found 8, expected 512 as 'fusion', whose weights"
    ),
    "variants.x={of: dicface, label: x, model: {transformer: {n_layers: 1}}}": (
        "variants.x.model.transformer.n_layers: found 1, expected 4 as 'fusion', whose weights"
    ),
    "variants.x={of: dicface, label: x, train: {init_from: x}}": "x.train.init_from: found 'x'",
    "methods=[{name: My, restored: b}]": "methods[0].name: found 'My', expected lower-case",
    "methods=[{name: gpen, restored: b}]": "methods: found 'gpen', expected a name that no other",
    "methods=[{name: a, restored: ''}]": "methods[0].restored: found '', expected a text that",
    "table1=[]": "table1: found [], expected a list of names, at least one and none twice",
    "table1=[input, input]": 'table1: found ["input", "input"], expected a list of names, at least',
    "table1=[vqgan_codes_half]": "table1: found 'vqgan_codes_half', expected variants of fusion",
    "table2.inpainting=[dicface_colorization]": "expected rows for inpainting; this variant is",
    "ablations.table3.rows=[]": "ablations.table3.rows: found [], expected a list of names",
    "ablations.table3.rows=[prior_100]": "found 'prior_100', expected prior_10 or prior_1e-4 or",
    "ablations.table1={title: a, rows: [dicface_trained]}": "ablations: found 'table1', expected",
    "ablations.Table 5={title: a, rows: [dicface_trained]}": "ablations: found the name 'Table 5'",
}


@pytest.mark.parametrize("typed", WRONG)
def test_wrong_values_are_refused_in_few_lines(raw: dict, typed: str) -> None:
    with pytest.raises(ConfigError) as error:
        check(with_values(raw, typed.split(" & ")), [CONFIG])
    message = str(error.value)
    assert WRONG[typed] in message
    assert len(message.splitlines()) <= 5
    assert not re.search(r"pydantic|Traceback|Errno|\{'", message)


def test_several_problems_are_told_at_once(raw: dict) -> None:
    wrong = with_values(
        raw, ["seed=-1", "threads=0", "data.fps=0", "tabel=1", "train.vqgan.stepz=1"]
    )
    with pytest.raises(WrongConfigError) as error:
        check(wrong)
    lines = str(error.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["seed", "threads", "data.fps"]
    assert lines[-1].endswith("… and 2 more.")
    assert len(error.value.problems) == 5


def test_missing_keys_are_named(raw: dict) -> None:
    without = copy.deepcopy(raw)
    del without["data"]["fps"], without["seed"]
    with pytest.raises(ConfigError, match=r"seed: the key is missing; expected a whole number ≥ 0"):
        check(without)
    without = copy.deepcopy(raw)
    del without["train"]["defaults"]["log_every"]
    with pytest.raises(ConfigError, match=r"train\.defaults\.log_every: found nothing, expected"):
        check(without)


def test_the_file_that_has_the_key_is_named(raw: dict, tmp_path: Path) -> None:
    mine, other = tmp_path / "mine.yaml", tmp_path / "other.yaml"
    mine.write_text("train: {vqgan: {stepz: 3}, defaults: {micro_batch: 3}}")
    other.write_text("seed: 3")
    with pytest.raises(ConfigError) as error:
        load(CONFIG, mine, other)
    assert str(error.value).startswith(f"{mine}: train.vqgan.stepz: unknown key")
    mine.write_text("train: {defaults: {micro_batch: 3}}")
    with pytest.raises(ConfigError) as error:
        load(CONFIG, mine, other)
    assert str(error.value).startswith(f"{mine}: train.defaults.micro_batch: found 3")
    with pytest.raises(ConfigError) as error:
        check(with_values(merge(CONFIG, other), ["seed=-1"]), [CONFIG, other])
    assert str(error.value).startswith("seed: found -1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[1, 2]", "found [1, 2]; expected keys and values"),
        (b"", "found nothing; expected keys and values"),
        (b"a: [1", "is no YAML (line "),
        (b"\xff\xfe\x00\xd8", "cannot be read ('utf-8' codec"),
        (b"a: \x00", "cannot be read (unacceptable character"),
        (b"[" * 5000, "is nested too deeply"),
        (b"seed: &a [*a]", "found a value that holds itself, expected plain"),
    ],
)
def test_files_that_are_no_configuration(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load(CONFIG, file)
    assert message in str(error.value)
    assert str(file) in str(error.value)
    with pytest.raises(ConfigError, match="is a folder"):
        load(tmp_path)


def test_numbers_as_yaml_reads_them(raw: dict) -> None:
    typed = ["train.vqgan.learning_rate=1e-4", "train.vqgan.lpips_weight=1", "scale=2024"]
    typed += ["test_clips=2024", "variants.prior_10.label=10"]
    config, plain = check(with_values(raw, typed))
    train = network(config, "vqgan").train
    assert (train.learning_rate, train.lpips_weight) == (1e-4, 1.0)
    assert isinstance(train.lpips_weight, float)
    assert (config.scale, config.test_clips, plain["test_clips"]) == ("2024", "2024", "2024")
    assert config.variants["prior_10"].label == "10"


def test_snakemakes_text_is_read_as_what_it_says(raw: dict) -> None:
    inner = {"vqgan": {"steps": "10", "cache": "false", "betas": ["0.5", "0.9"]}}
    config, _ = check(overlay(raw, {"train": inner, "model": {"vqgan": {"ch_mult": ["1", "2"]}}}))
    train = network(config, "vqgan").train
    assert (train.steps, train.cache, train.betas) == (10, False, (0.5, 0.9))
    assert network(config, "vqgan").sizes().ch_mult == (1, 2)


def test_values_of_a_command_line(raw: dict) -> None:
    changed = with_values(raw, ["train.dicface.steps=10", "table1=[input, gpen]", "remark=a=b"])
    assert changed["train"]["dicface"] == raw["train"]["dicface"] | {"steps": 10}
    assert (changed["table1"], changed["remark"]) == (["input", "gpen"], "a=b")
    assert raw["train"]["dicface"]["steps"] == 200
    for wrong in ("seed", "=3", "data..size=3"):
        with pytest.raises(ConfigError, match="expected KEY=VALUE, such as data.size=64"):
            with_values(raw, [wrong])
    with pytest.raises(ConfigError, match=r"seed: found '\[', expected a value of YAML"):
        with_values(raw, ["seed=["])


def test_a_run_of_another_version_says_which_keys_changed(raw: dict, tmp_path: Path) -> None:
    old = copy.deepcopy(overlay(raw, {"data": {"sharpness": 2}, "colour": 1}))
    del old["threads"], old["resources"]["limits"]
    (tmp_path / CONFIG_FILE).write_text(yaml.safe_dump(old))
    with pytest.raises(ConfigError) as error:
        Run.load(tmp_path)
    message = str(error.value)
    assert "was written by another version of dicface" in message
    assert "new: threads, resources.limits" in message
    assert "gone: data.sharpness, colour" in message
    assert "Start `snakemake`" in message
    assert len(message.splitlines()) <= 5
    (tmp_path / CONFIG_FILE).write_text(yaml.safe_dump(overlay(raw, {"seed": -1})))
    with pytest.raises(ConfigError, match="seed: found -1, expected a whole number"):
        Run.load(tmp_path)


def test_every_key_is_described(raw: dict) -> None:
    keys = dict(checks.keys())
    bare = {path[:-1] for path, node in keys.items() if not {"description", "$ref"} & node.keys()}
    # Of mappings of names the mapping alone is described.
    named = {path for path in bare if path[-1] == "unfreeze"}
    assert bare - named == {("degradation", "interpolation_weights"), ("replicates",), ("table2",)}
    assert {("train", "dicface", each) for each in TrainSettings.__annotations__} <= keys.keys()
    assert {("table2", task) for task in TASKS if task != "bfr"} <= keys.keys()

    def given(values: dict, path: tuple = ()) -> set[str]:
        below = [given(v, (*path, k)) for k, v in values.items() if isinstance(v, dict)]
        return {dotted((*path, k)) for k in values}.union(*below)

    names = r"(?<![^.])(variants|ablations|replicates|unfreeze)\.[\w-]+"
    typed = {re.sub(names, r"\1.<name>", key) for key in given(raw)}
    weights = "degradation.interpolation_weights."
    assert {key for key in typed if not key.startswith(weights)} <= {dotted(path) for path in keys}


def test_the_page_shows_the_keys_as_they_are() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "configuration.py"))
    current = made["PAGE"].read_text(encoding="utf-8")
    assert current == made["page"](), "run: python docs/configuration.py"


def test_editors_get_a_schema_of_files_that_are_laid_over() -> None:
    schema = runpy.run_path(str(ROOT / "docs" / "configuration.py"))["editor_schema"]()
    size = schema["$defs"]["DataSettings"]["properties"]["size"]
    assert (size["minimum"], size["multipleOf"]) == (16, 8)
    assert "required" not in schema
    assert schema["$defs"]["TrainSettingsChanges"]["additionalProperties"] is False


@pytest.mark.parametrize("files", [["config.yaml"], ["paper.yaml"], ["demo_weights.yaml"]])
@pytest.mark.parametrize("budget", [[], ["budget/quick.yaml"]])
def test_the_configurations_that_come_along_are_right(files: list[str], budget: list[str]) -> None:
    folder = CONFIG.parent
    config = load(CONFIG, *(folder / name for name in files + budget))
    assert isinstance(config, Config)
    for stage in STAGES:
        assert isinstance(network(config, stage).train.betas, tuple)


@pytest.mark.parametrize("kind", SIZES_OF_NETWORK)
@pytest.mark.parametrize("more", [True, False])
def test_modules_that_can_be_frozen_are_the_networks_own(kind: str, more: bool) -> None:
    small: dict[str, object] = {"resolution": 32, "nf": 8, "ch_mult": (1, 2), "norm_groups": 4}
    small |= {"attn_resolutions": (), "num_res_blocks": 1, "emb_dim": 8, "codebook_size": 8}
    if kind != "vqgan":
        small |= {"dim_embd": 8, "n_head": 2, "n_layers": 1, "dim_mlp": 8, "connect_list": ("32",)}
    if kind == "dicface":
        small |= {"temporal": more, "multiscale": more}
    built = build(kind, **small)
    assert isinstance(built.settings, VQGANSettings)
    assert {name for name, _ in built.named_children()} == set(built.settings.modules)
