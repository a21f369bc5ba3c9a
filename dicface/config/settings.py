"""The settings of a run: frozen, typed, strict. An unknown or missing key is an error.

A run is described by one YAML file. The workflow merges `config/config.yaml`, the user's
`--configfile` and `--config`, checks the result against `workflow/schemas/config.schema.yaml` and
writes it to `results/<run>/run_config.yaml`; every `dicface` command reads that file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from dicface.base import names
from dicface.config.data_sets import layouts_for

STAGES = ("vqgan", "codeformer", "fusion", "dicface")
TASKS = tuple(names.TASKS)


@dataclass(frozen=True, kw_only=True)
class ClipSet:
    """Where the clips of one split come from: rendered here, or a folder.

    Attributes:
        source: rendered talking heads, or `folder`.
        folder: of clips, or of the data set that `layout` names.
        num_clips: rendered clips.
        num_frames: of a rendered clip.
    """

    source: Literal["render", "folder"]
    folder: str
    num_clips: int
    num_frames: int


@dataclass(frozen=True, kw_only=True)
class TrainSet(ClipSet):
    """Training clips; what is drawn from the folder of a data set is aligned on the fly.

    Attributes:
        layout: of the data set (docs/datasets.md); "" is a folder of aligned clips.
        shard_size: clips whose landmarks one job makes.
        order: `aligned` aligns, then degrades; `release` degrades, then aligns both.
    """

    layout: Literal["", *layouts_for("train")]
    shard_size: int
    order: Literal["aligned", "release"]


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """What stages I to III learn from: the clips of `train`, rendered single frames, or a folder.

    Attributes:
        source: the training clips; `stills`, single frames of many people, rendered here; or
            `folder`.
        folder: of aligned clips, or of the data set that `layout` names.
        layout: of the data set (docs/datasets.md); "" is a folder of aligned clips.
        num_frames: rendered `stills`, two of each person.
    """

    source: Literal["train", "stills", "folder"]
    folder: str
    layout: Literal["", *layouts_for("images")]
    num_frames: int


@dataclass(frozen=True, kw_only=True)
class TestSet(ClipSet):
    """Test clips; `--config test_clips=FOLDER` takes their place.

    Attributes:
        layout: of the data set (docs/datasets.md); "" is a folder of videos with a face each.
        degradation_seed: adds to the run's seed for what the inputs' degradation draws.
        test_set: `regenerated` aligns and degrades here; `released` takes the inputs and landmarks
            of the DicFace authors (layout `released_test`).
        photo: whether the rendered split holds the animated photograph.
        max_frames: frames taken of each clip of a folder; 0 takes all.
    """

    layout: Literal["", *layouts_for("test")]
    degradation_seed: int
    test_set: Literal["regenerated", "released"]
    photo: bool
    max_frames: int


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Size in pixels of the aligned square frames, frame rate, sets and face detector."""

    size: int
    fps: int
    train: TrainSet
    images: ImageSet
    test: TestSet
    detector: Literal["auto", "retinaface", "dlib"]


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """One training stage; a variant of the paper is one other value of one of these fields.

    Attributes:
        seed: Adds to the run's seed for what this network draws: its start and samples. Clips and
            test set stay.
        steps: Optimiser steps.
        batch_size: Samples a step over all processes: windows for `dicface`, frames otherwise.
        micro_batch: Samples that a process computes at once; gradients of a step are accumulated
            over as many as it takes. 0 computes a process's share of the batch at once.
        learning_rate: Of Adam at the first step.
        final_learning_rate: Of the cosine schedule at the last step.
        betas: Adam's.
        ema_decay: Of the exponential moving average of the parameters, which is what is released.
        precision: Lightning Fabric's: 32-true, bf16-mixed, …
        num_workers: Processes that read and degrade clips; 0 reads in the training process.
        degraded_versions: A clip is degraded again for every sample (0) or in so many versions.
        cache: Keeps decoded clips in memory.
        flip_prob: Of mirroring a sample.
        reverse_prob: Of playing a window backwards.
        colour_jitter: Largest relative change of each channel's gain, drawn once a sample.
        init_from: The stage or variant whose weights it starts from; "" starts from random ones.
        released: Name of a released weights file (`dicface weights list`) that is taken instead of
            training; "" trains.
        freeze: Top-level modules that keep their weights.
        prior_alpha: α of the prior Dir(α).
        loss_frames: The loss covers all frames of a window, or its centre.
        fidelity_w: w of the feature fusion while training.
        lpips_weight: λ2, the factor of the perceptual term; 0 leaves it out.
        perceptual: Which distance that is: LPIPS on VGG16 (the paper), which needs its weights
            file, or one on EfficientNet-Lite0, which needs a small package; "none" leaves it out.
        kl_scale: Factor of the KL term in the units of eq. 7: 1 is the evidence lower bound of a
            Laplace likelihood of scale 1 on values in [-1, 1], whatever size and N are; "release"
            adds the mean over positions to the mean over values as the release does; 0 leaves it
            out.
        kl_anneal_steps: Steps over which that factor grows from 0; 0 has it from the first.
        gan_weight: Factor of the hinge GAN in stages I and III; 0 builds no discriminator.
        gan_start: First step at which the discriminator takes part.
        gan_rate: Learning rate of the discriminator in units of the network's.
        gan_r1: Factor of the discriminator's R1 penalty; 0 (release) leaves it out.
        codebook_start: Steps of stage I without quantisation, after which the codebook starts from
            k-means over the encoder's outputs; 0 (release) quantises from the first step.
        codebook_revive_every: Steps of stage I between revivals of codes that are not used; 0
            (release) revives none.
        lpips_normalise: ImageNet normalisation once (paper) or twice (release).
        save_every: Steps between checkpoints.
        log_every: Steps between lines of `stats.jsonl`.
    """

    seed: int
    steps: int
    batch_size: int
    micro_batch: int
    learning_rate: float
    final_learning_rate: float
    betas: tuple[float, float]
    ema_decay: float
    precision: str
    num_workers: int
    degraded_versions: int
    cache: bool
    flip_prob: float
    reverse_prob: float
    colour_jitter: float
    init_from: str
    released: str
    freeze: tuple[str, ...]
    prior_alpha: float
    loss_frames: Literal["all", "centre"]
    fidelity_w: float
    lpips_weight: float
    perceptual: Literal["lpips_vgg", "efficientnet_lite0", "none"]
    kl_scale: float | Literal["release"]
    kl_anneal_steps: int
    gan_weight: float
    gan_start: int
    gan_rate: float
    gan_r1: float
    codebook_start: int
    codebook_revive_every: int
    lpips_normalise: Literal["once", "twice"]
    save_every: int
    log_every: int


@dataclass(frozen=True, kw_only=True)
class ComputeSettings:
    """How a training is spread over processors; no value here decides what is learnt.

    Attributes:
        devices: Processes a node, one a GPU.
        nodes: Machines; each runs `devices` processes, started by torchrun or srun.
        channels_last: Memory order of images that suits tensor cores.
        compile: Compiles the network with torch.compile.
    """

    devices: int
    nodes: int
    channels_last: bool
    compile: bool


@dataclass(frozen=True, kw_only=True)
class RuleResources:
    """What a job of one rule asks a scheduler for; one machine heeds cores and GPUs only.

    Attributes:
        threads: Cores.
        gpu: GPUs, where networks run on one.
        mem_mb: Memory, in MB.
        runtime: Time limit, in minutes.
    """

    threads: int
    gpu: int
    mem_mb: int
    runtime: int


@dataclass(frozen=True, kw_only=True)
class RestoreSettings:
    """How DicFace restores.

    Attributes:
        position: Which frame of a window is kept.
        fidelity_w: Weight w of the encoder's skips in the decoder.
        aggregation: How codes are mixed; "" as in training.
        samples: "mean" for the expected code weights, or the number L of draws to average.
    """

    position: Literal["centre", "release"]
    fidelity_w: float
    aggregation: str
    samples: int | Literal["mean"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A network, or a way to restore with one, that differs from its parent in named values.

    Attributes:
        of: Its parent: a training stage or another variant.
        label: What tables and figures print.
        paper_name: Its row in the paper's table; "" where the paper has none.
        task: What it is trained for; "" as its parent.
        train: Changes of `TrainSettings`.
        model: Changes of the configuration's `model`.
        restore: Changes of `RestoreSettings`. A variant that changes nothing else uses its
            parent's weights.
    """

    of: str
    label: str
    paper_name: str = ""
    task: Literal["", *TASKS] = ""
    train: dict[str, Any] = field(default_factory=dict)
    model: dict[str, dict[str, Any]] = field(default_factory=dict)
    restore: dict[str, Any] = field(default_factory=dict)

    @property
    def trains(self) -> bool:
        """Whether it needs weights of its own."""
        return bool(self.task or self.train or self.model)


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """A table of variants.

    Attributes:
        title: Heading.
        rows: Variants, and "dicface_trained" for the headline model, in printed order.
        headline: What the headline model is called in this table; "" as everywhere.
        paper_headline: Its row in the paper's table; "" where the paper has none.
    """

    title: str
    rows: tuple[str, ...]
    headline: str = ""
    paper_headline: str = ""


@dataclass(frozen=True, kw_only=True)
class ResultsElsewhere:
    """Results that were made elsewhere, as a row of the tables.

    Attributes:
        name: Method id.
        restored: Folder of restored clips, named as the test clips.
        label: What tables print; "" the name.
        task: What was restored.
    """

    name: str
    restored: str
    label: str = ""
    task: Literal[*TASKS] = "bfr"


@dataclass(frozen=True, kw_only=True)
class MetricSettings:
    """Which backbones measure: official ones whose files are on this machine, else offline ones.

    "random" measures with random features where an offline one needs a package.
    """

    backbones: Literal["auto", "official", "offline", "random"]


@dataclass(frozen=True, kw_only=True)
class Config:
    """A whole run; `dicface.config.networks` resolves its stages and variants.

    `degradation`, `brush` and `model` are checked by the modules that own them.
    """

    scale: str
    budget: str
    remark: str
    seed: int
    test_clips: str
    results: str
    device: str
    threads: int
    compute: ComputeSettings
    resources: dict[str, dict[str, int]]
    protocol_is_paper: bool
    data: DataSettings
    degradation: dict[str, Any]
    brush: dict[str, Any]
    model: dict[str, dict[str, Any]]
    train: dict[str, dict[str, Any]]
    restore: RestoreSettings
    metrics: MetricSettings
    variants: dict[str, Variant]
    methods: tuple[ResultsElsewhere, ...]
    table1: tuple[str, ...]
    table2: dict[str, tuple[str, ...]]
    ablations: dict[str, Ablation]

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
        return not self.test_clips and self.data.test.test_set == "released"
