"""What has to be downloaded before jobs can run: weights files and data sets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dicface.base.errors import WeightsError
from dicface.config.networks import Network, network
from dicface.cost.jobs import Job
from dicface.cost.rates import Rates
from dicface.metrics import METRICS, WITHOUT_TRUTH, official_files
from dicface.weights import registry
from dicface.workflow.plan import Plan

DETECTOR = "retinaface_resnet50"


@dataclass(frozen=True, kw_only=True)
class Download:
    """One file or set that is not here.

    Attributes:
        name: In the registry of weights; of the set otherwise.
        why: What needs it.
        command: What gets it.
        bytes: Its size; None where it is not known.
        exact: False where nobody publishes the size and `bytes` counts the network's numbers, of
            which a file may hold several copies.
        source: What states the size.
        optional: Whether the run does something else without it, and says so.
    """

    name: str
    why: str
    command: str
    bytes: int | None = None
    exact: bool = True
    source: str = ""
    optional: bool = False


def downloads(plan: Plan, jobs: Iterable[Job], rates: Rates) -> list[Download]:
    """Returns what jobs need and what is not here: files, optional files, data sets."""
    jobs = [job for job in jobs if job.runs]
    files = _required_files(plan, jobs)
    optional = {name: why for name, why in _optional_files(plan, jobs).items() if name not in files}
    found = [_file(name, why, rates) for name, why in files.items() if _missing(name)]
    found += [
        _file(name, why, rates, optional=True) for name, why in optional.items() if _missing(name)
    ]
    return found + _sets(plan, jobs)


def _required_files(plan: Plan, jobs: Iterable[Job]) -> dict[str, str]:
    files: dict[str, list[str]] = {}
    for job in jobs:
        if job.rule == "restore":
            for name in job.waits_for:
                files.setdefault(name, []).append(job.wildcards["method"])
        if job.rule == "train":
            resolved = network(plan.config, job.wildcards["network"])
            if resolved.train.released:
                files.setdefault(resolved.train.released, []).append(f"network {resolved.name}")
            elif _trains_with_lpips(resolved):
                files.setdefault("vgg16", []).append("training with LPIPS")
    if plan.config.metrics.backbones == "official" and _has(jobs, "score"):
        for name in _measuring(plan):
            files.setdefault(name, []).append("official metrics")
    return {name: ", ".join(dict.fromkeys(reasons)) for name, reasons in files.items()}


def _trains_with_lpips(resolved: Network) -> bool:
    s = resolved.train
    return s.lpips_weight > 0 and s.perceptual == "lpips_vgg" and resolved.stage != "codeformer"


def _measuring(plan: Plan) -> list[str]:
    """Files of the networks that the run's metrics may be computed with."""
    return official_files(WITHOUT_TRUTH if plan.run.is_wild else METRICS)


def _optional_files(plan: Plan, jobs: Iterable[Job]) -> dict[str, str]:
    files = {}
    if plan.config.metrics.backbones == "auto" and _has(jobs, "score"):
        files = dict.fromkeys(_measuring(plan), "official metrics; offline networks without it")
    looks_for_faces = _has(jobs, "import_clips", "import_wild", "training_landmarks")
    # The smaller RetinaFace does too.
    if looks_for_faces and plan.config.data.detector != "dlib" and _missing("retinaface_mobilenet"):
        files[DETECTOR] = "finds faces; dlib does without it"
    return files


def _sets(plan: Plan, jobs: Iterable[Job]) -> list[Download]:
    data = plan.config.data
    found = []

    def add(folder: str, name: str, why: str, size: int | None, source: str) -> None:
        if not Path(folder).exists():
            found.append(
                Download(
                    name=name,
                    why=f"{why}: {folder}",
                    command="by hand: docs/datasets.md",
                    bytes=size,
                    source=source,
                )
            )

    if _has(jobs, "import_clips") and not plan.config.test_clips:
        released = plan.config.takes_released_inputs
        add(
            data.test.folder,
            "released test set of DicFace" if released else "VFHQ-Test",
            "data.test.folder",
            None if released else 2_370_000_000,
            "" if released else "a user's README (flexavatar), docs/datasets.md",
        )
    if any(_learns_here(plan, job, "train") for job in jobs):
        why = "data.train.folder; videos by their YouTube ids, size not published"
        add(data.train.folder, "VFHQ training clips", why, None, "")
    if any(_learns_here(plan, job, "images") for job in jobs):
        add(data.images.folder, "FFHQ", "data.images.folder; 70,000 images", None, "")
    return found


def _learns_here(plan: Plan, job: Job, name: str) -> bool:
    """Whether a job trains on a set of a folder."""
    if job.rule != "train" or getattr(plan.config.data, name).source != "folder":
        return False
    network_name = job.wildcards["network"]
    return not plan.is_released(network_name) and plan.run.training_set(network_name) == name


def _has(jobs: Iterable[Job], *rules: str) -> bool:
    return any(job.rule in rules for job in jobs)


def _missing(name: str) -> bool:
    try:
        return registry.find(name) is None
    except WeightsError:
        return True


def _file(name: str, why: str, rates: Rates, *, optional: bool = False) -> Download:
    known = registry.entry(name)
    counted = rates.find(f"weights.{name}")
    size, source = known.bytes, "dicface/weights/registry.yaml" if known.bytes else ""
    if size is None and counted is not None:
        size, source = int(counted.value), f"{rates.path.name}: {counted.source}"
    return Download(
        name=name,
        why=why,
        command=known.command,
        bytes=size,
        exact=known.bytes is not None,
        source=source,
        optional=optional,
    )
