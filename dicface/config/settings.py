"""The settings of a run, each with its description, unit and rule: the one place that has them.

A run is described by one YAML file. The workflow merges `config/config.yaml`, the user's
`--configfile` and `--config`, checks the result (`dicface.config.load.check`) and writes it to
`results/<run>/run_config.yaml`; every `dicface` command reads that file. An unknown or missing key
is an error. The table of keys in config/README.md and the JSON schema for editors are made from
here (docs/configuration.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dicface.base import names
from dicface.config.data_sets import layouts_for
from dicface.config.degradation import BlindDegradation, BrushMask
from dicface.config.fields import (
    Changes,
    Count,
    Flag,
    FrameRate,
    Int,
    Name,
    Names,
    NonNegative,
    PositiveInt,
    Processors,
    Rule,
    Samples,
    Settings,
    TableName,
    Text,
    Title,
    matches,
    setting,
)
from dicface.config.model import AGGREGATION, ModelSettings
from dicface.config.training import STAGES, TrainSettings, TrainStages

__all__ = ["STAGES", "TASKS", "Config", "TrainSettings"]

TASKS = tuple(names.TASKS)

TABLE2_TASKS = tuple(task for task in TASKS if task != names.BLIND.id)

TARGETS_OF_ABLATIONS = ("ablations", "ladder", "collapse")

BEFORE = "before"
"""In the place of a row's name: every row is compared with the one before it."""

DETECTORS = ("auto", "retinaface", "dlib")

Size = Annotated[
    Int,
    Rule(
        "a multiple of 8 from 16 to 4096",
        lambda size: 16 <= size <= 4096 and size % 8 == 0,
        {"minimum": 16, "maximum": 4096, "multipleOf": 8},
    ),
]

Device = Annotated[Text, matches(r"auto|cpu|cuda|cuda:\d+|mps", "auto, cpu, cuda, cuda:N or mps")]

Aggregation = Annotated[
    Text, matches(f"|{AGGREGATION}", 'dirichlet, average, topK such as top4, or ""')
]

#: A folder of results stands bare in shell commands and in Snakemake's patterns.
SafePath = Annotated[
    Text,
    matches(
        r"(?!-)[\w./+,:@=-]+",
        "a path of letters, digits and _ - . / + , : @ = that does not begin with -; name another "
        "folder, or link one here",
    ),
]

#: With these, no folder of a run can be that of another budget, seed or set of clips.
Budget = Annotated[
    Text,
    matches(
        r"(?!seed|clips|wild)[a-z0-9_]+",
        "lower-case letters, digits and _, and neither seed…, clips… nor wild…, which other runs "
        "are called; rename its file",
    ),
]


@dataclass(frozen=True, kw_only=True)
class ClipSet(Settings):
    """Where the clips of one split come from: rendered here, or a folder."""

    source: Literal["render", "folder"] = setting("Talking heads rendered here, or `folder`.")
    folder: Text = setting("Of clips, or of the data set that `layout` names.")
    num_clips: Count = setting("Rendered clips, one identity each.")
    num_frames: PositiveInt = setting("Frames of a rendered clip.")


@dataclass(frozen=True, kw_only=True)
class TrainSet(ClipSet):
    """Training clips; what is drawn from the folder of a data set is aligned on the fly."""

    layout: Literal["", *layouts_for("train")] = setting(
        'Data set in `folder` (docs/datasets.md); "" is a folder of aligned clips.'
    )
    shard_size: PositiveInt = setting("Clips whose landmarks one job makes.")
    order: Literal["aligned", "release"] = setting(
        "`aligned` aligns, then degrades; `release` degrades, then aligns both."
    )


@dataclass(frozen=True, kw_only=True)
class UnseenSet(Settings):
    """Clips that no training sees; every save of a training looks at a window of each."""

    folder: Text = setting('Of aligned clips; "" renders them where `data.train` is rendered.', "")
    num_clips: Count = setting("How many; 0 looks at none.", 2)


@dataclass(frozen=True, kw_only=True)
class ImageSet(Settings):
    """What stages I to III learn from: the clips of `train`, or faces of a folder."""

    source: Literal["train", "stills", "folder"] = setting(
        "The clips of `data.train`; `stills`, single frames of many people, rendered here; or "
        "`folder`."
    )
    folder: Text = setting("Of aligned clips, or of the data set that `layout` names.")
    layout: Literal["", *layouts_for("images")] = setting(
        'Data set in `folder` (docs/datasets.md); "" is a folder of aligned clips.'
    )
    num_frames: PositiveInt = setting("Rendered `stills`, two of each person.")


@dataclass(frozen=True, kw_only=True)
class TestSet(ClipSet):
    """Test clips; `--config test_clips=FOLDER` takes their place."""

    layout: Literal["", *layouts_for("test")] = setting(
        'Data set in `folder` (docs/datasets.md); "" is a folder of videos with a face each.'
    )
    degradation_seed: Count = setting(
        "Adds to the run's seed for what the inputs' degradation draws."
    )
    test_set: Literal["regenerated", "released"] = setting(
        "`regenerated` aligns and degrades here; `released` takes the inputs and landmarks of the "
        "DicFace authors (layout released_test)."
    )
    photo: Flag = setting("Whether the rendered split holds the animated photograph.")
    max_frames: Count = setting("Frames taken of each clip of a folder; 0 takes all.")
    min_frames: Count = setting("Clips of a folder with fewer frames are misfits.", 1)
    on_misfit: Literal["drop", "stop"] = setting(
        "What clips do that are unreadable, damaged, too short or without a face: `drop` goes on "
        "without them, and tables say how many of how many clips there are; `stop` is an error.",
        "drop",
    )


@dataclass(frozen=True, kw_only=True)
class DataSettings(Settings):
    """Clips and how they are made."""

    size: Size = setting("Side of the aligned square frames, pixels; the paper has 512.")
    fps: FrameRate = setting("Frames a second of rendered clips.")
    train: TrainSet = setting("Training clips.")
    images: ImageSet = setting("What stages I to III learn from.")
    test: TestSet = setting("Test clips.")
    unseen: UnseenSet = setting(
        "What a training is looked at with, for its curves.", factory=UnseenSet
    )
    detector: Literal[DETECTORS] = setting(
        "Face detector for imported clips; `auto` takes RetinaFace where its weights are on this "
        "machine."
    )
    choice: Literal["largest", "nearest"] = setting(
        "Face that is followed where several are in view: the `largest`, as in the release, or the "
        "`nearest` to that of the frame before.",
        "largest",
    )
    smoothing_ends: Literal["reflect", "extrapolate"] = setting(
        "How the landmarks' track continues beyond its ends; `reflect` is the release's, "
        "`extrapolate` does not hold a moving face back (docs/faces.md).",
        "reflect",
    )


@dataclass(frozen=True, kw_only=True)
class ComputeSettings(Settings):
    """How a training is spread over processors; no value here decides what is learnt."""

    devices: Processors = setting("Processes a node, one a GPU.")
    nodes: Processors = setting(
        "Machines; each runs `devices` processes, started by torchrun or srun."
    )
    channels_last: Flag = setting("Memory order of images that suits tensor cores.")
    compile: Flag = setting("Compiles the network with torch.compile.")


@dataclass(frozen=True, kw_only=True)
class RuleLimits(Settings):
    """What no retry of a job asks beyond."""

    mem_mb: PositiveInt = setting("Most memory, MB.")
    runtime: PositiveInt = setting("Longest time, minutes.")


@dataclass(frozen=True, kw_only=True)
class RuleResources(Settings):
    """What a job of one rule asks a scheduler for; one machine heeds cores and GPUs only."""

    threads: PositiveInt = setting("Cores.")
    gpu: Count = setting("GPUs, unless networks run on the CPU; training takes compute.devices.")
    mem_mb: PositiveInt = setting("Memory at the first attempt, MB.")
    runtime: PositiveInt = setting("Time limit at the first attempt, minutes.")


def _of_rule(description: str) -> Changes[RuleResources]:
    return setting(description, factory=dict)


@dataclass(frozen=True, kw_only=True)
class Resources(Settings):
    """What the jobs of every rule ask for; a rule that is not named takes the defaults."""

    limits: RuleLimits = setting("The largest node and the longest time of the partition.")
    defaults: RuleResources = setting("What a rule takes unless it says otherwise.")
    render_clips: Changes[RuleResources] = _of_rule("Rendering a split.")
    render_stills: Changes[RuleResources] = _of_rule("Rendering single frames.")
    import_clips: Changes[RuleResources] = _of_rule("Aligning test clips.")
    import_wild: Changes[RuleResources] = _of_rule("Aligning degraded videos of your own.")
    training_landmarks: Changes[RuleResources] = _of_rule("Landmarks of one shard.")
    training_index: Changes[RuleResources] = _of_rule("Listing a training set.")
    degrade: Changes[RuleResources] = _of_rule("Making a task's inputs.")
    train: Changes[RuleResources] = _of_rule("Training a network.")
    ship_weights: Changes[RuleResources] = _of_rule("Measuring and packing weights that ship.")
    restore: Changes[RuleResources] = _of_rule("Restoring the test clips with a method.")
    analyse_truth: Changes[RuleResources] = _of_rule("Analysing the true clips.")
    noise_floor: Changes[RuleResources] = _of_rule("Measuring the metrics' noise floor.")
    code_weights: Changes[RuleResources] = _of_rule("Analysing how a network weighs its codes.")
    inspect: Changes[RuleResources] = _of_rule("Looking inside a network.")
    score: Changes[RuleResources] = _of_rule("Scoring a method.")
    panel: Changes[RuleResources] = _of_rule("Scoring the rows of a table beside the paper's.")


@dataclass(frozen=True, kw_only=True)
class RestoreSettings(Settings):
    """How DicFace restores."""

    position: Literal["centre", "release"] = setting(
        "Which frame of a window is kept; `centre` is the paper's."
    )
    fidelity_w: NonNegative = setting("Weight w of the encoder's skips in the decoder.")
    aggregation: Aggregation = setting('How codes are mixed; "" as in training.')
    samples: Samples = setting(
        "`mean` for the expected code weights, or the number L of draws to average."
    )


@dataclass(frozen=True, kw_only=True)
class Variant(Settings):
    """A network, or a way to restore with one, that differs from its parent in named values."""

    of: Text = setting("Its parent: a training stage or another variant.")
    label: Title = setting("What tables and figures print.")
    paper_name: Text = setting('Its row in the paper\'s table; "" where the paper has none.', "")
    task: Literal["", *TASKS] = setting('What it is trained for; "" as its parent.', "")
    train: Changes[TrainSettings] = setting("Changes of the stage's training.", factory=dict)
    model: Changes[ModelSettings] = setting("Changes of the networks.", factory=dict)
    restore: Changes[RestoreSettings] = setting(
        "Changes of how it restores. A variant that changes nothing else uses its parent's "
        "weights.",
        factory=dict,
    )

    @property
    def trains(self) -> bool:
        """Whether it needs weights of its own."""
        return bool(self.task or self.train or self.model)


@dataclass(frozen=True, kw_only=True)
class Ablation(Settings):
    """A table of variants."""

    title: Title = setting("Heading.")
    rows: Names = setting(
        "Variants, and `dicface_trained` for the headline model, in printed order."
    )
    headline: Text = setting('What the headline model is called here; "" as everywhere.', "")
    paper_headline: Text = setting(
        'Its row in the paper\'s table; "" where the paper has none.', ""
    )
    against: Text = setting(
        "What each row is compared with: the row of this name, or with `before` the row before it; "
        '"" is the headline model.',
        "",
    )
    shown: tuple[Name, ...] = setting(
        "Metrics that are printed; [] is what the paper's ablations print.", ()
    )
    target: Literal[TARGETS_OF_ABLATIONS] = setting(
        "What one asks Snakemake for to have it; those of `ladder` and `collapse` have a figure.",
        "ablations",
    )


@dataclass(frozen=True, kw_only=True)
class ResultsElsewhere(Settings):
    """A row that is added to the tables: results made elsewhere, a record, or a method."""

    name: Name = setting("Id of the row.")
    restored: Text = setting('Folder of restored clips, named as the test clips; "" for none.', "")
    method: Text = setting('An installed method, by its name; "" for none.', "")
    record: Text = setting('A published record, one JSON file (docs/submit.md); "" for none.', "")
    label: Text = setting('What tables print; "" the name.', "")
    task: Literal[TASKS] = setting("What was restored.", "bfr")


@dataclass(frozen=True, kw_only=True)
class MetricSettings(Settings):
    """Which backbones measure."""

    backbones: Literal["auto", "official", "offline", "random"] = setting(
        "`auto` takes official ones whose files are on this machine, else offline ones; `random` "
        "measures with random features where an offline one needs a package."
    )


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """A whole run; `dicface.config.networks` resolves its stages and variants."""

    scale: TableName = setting("Name of the scale; results go to `results/<scale>/`.")
    budget: Budget = setting("`full`, or the name of an overlay in config/budget/ such as `quick`.")
    remark: Text = setting(
        "What a reader must know of the numbers; stands under every table and on top of the report."
    )
    seed: Count = setting(
        "All seeds derive from the scale and this number; it also changes the rendered people."
    )
    test_clips: Text = setting(
        'Folder of your own videos to test on instead of the scale\'s test set; "" for none.'
    )
    wild_clips: Text = setting(
        "Folder of your own degraded videos, which are restored as they are, without a truth "
        '(docs/wild.md); "" for none.'
    )
    masks: Text = setting(
        "Folder of your own masks for inpainting, `<clip>.png` or a clip of masks, white where "
        'pixels are missing, as large as the aligned clips; "" draws them (docs/degradation.md).',
        "",
    )
    results: SafePath = setting("Folder that all results go to.")
    device: Device = setting("Where networks run.")
    threads: Processors = setting(
        "Threads of the numerical libraries in every job; results repeat for a fixed number."
    )
    compute: ComputeSettings = setting("How a training is spread over processors.")
    resources: Resources = setting("What jobs ask a scheduler for (docs/cluster.md).")
    protocol_is_paper: Flag = setting(
        "Whether test set and sizes are the paper's, so that its numbers may stand beside ours."
    )
    data: DataSettings = setting("Clips and how they are made.")
    degradation: BlindDegradation = setting("Inputs of blind restoration (docs/degradation.md).")
    brush: BrushMask = setting("Inpainting's brush masks (docs/degradation.md).")
    model: ModelSettings = setting("Sizes of the networks (docs/models.md).")
    train: TrainStages = setting("How the networks learn (docs/training.md).")
    restore: RestoreSettings = setting("How DicFace restores.")
    metrics: MetricSettings = setting("Which backbones measure.")
    variants: dict[Name, Variant] = setting("Networks that differ (docs/ablations.md), by name.")
    replicates: dict[Name, PositiveInt] = setting(
        "Row -> how often it is trained, on the same clips with other training seeds; its table "
        "then holds both spreads (docs/tables.md).",
        factory=dict,
    )
    methods: tuple[ResultsElsewhere, ...] = setting(
        "Rows added to tables: names of methods, folders of results, records (.json); or with keys."
    )
    table1: Names = setting(
        "Methods of Table 1 in its order: `dicface methods list` names them, or a variant."
    )
    table2: dict[Literal[TABLE2_TASKS], Names] = setting("Methods of Table 2 by task, in order.")
    ablations: dict[TableName, Ablation] = setting("Tables of variants, by name.")

    @property
    def own_clips(self) -> str:
        """Folder of the user's clips, with a truth or without; "" for none."""
        return self.test_clips or self.wild_clips

    @property
    def seed_name(self) -> str:
        """What every seed of the run starts from, for example "demo-0"."""
        return f"{self.scale}-{self.seed}"

    @property
    def degradation_seed_name(self) -> str:
        """What the seeds of the test inputs' degradation start from."""
        return names.with_seed(self.seed_name, "degradation", self.data.test.degradation_seed)

    @property
    def takes_released_inputs(self) -> bool:
        """Whether the test inputs are those of the DicFace authors, and are not made here."""
        return not self.own_clips and self.data.test.test_set == "released"
