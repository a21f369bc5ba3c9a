"""A whole run of a few frames, made by its own jobs in the order in which they wait for another."""

from __future__ import annotations

import dataclasses
import importlib
import logging
import pkgutil
import re
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import dlib
import numpy as np
import yaml

import baselines
import dicface
from dicface.base.seeds import numpy_rng
from dicface.cli.job import command_of
from dicface.cli.main import main
from dicface.config.fields import overlay
from dicface.config.systems import table1_name
from dicface.data.render import sets
from dicface.data.render.clip import RenderedClip
from dicface.jobs import JOBS, Job
from dicface.jobs.job import ANY
from dicface.metrics import tracks
from dicface.runs.folder import Run
from dicface.workflow.plan import Plan
from tests.models._small import model

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "data": {
        "size": 32,
        "train": {"num_clips": 1, "num_frames": 3},
        "test": {"num_clips": 2, "num_frames": 3, "photo": False},
    },
    "degradation": {"scale": 2, "kernel_size": 5, "blur_sigma": [0.1, 1.0]},
    "metrics": {"backbones": "random"},
}
FAST = {"steps": 2, "batch_size": 2, "save_every": 1, "log_every": 1, "degraded_versions": 1}


def settings(results: Path) -> dict:
    """The demo's settings, with all that takes time made small."""
    raw = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    raw = overlay(raw, {**TINY, "results": str(results)})
    raw["model"] = model(32)
    raw["table1"], raw["ablations"] = ["input", "dicface_trained"], {}
    raw["table2"] = {"inpainting": ["input"], "colorization": ["input"]}
    raw["variants"], raw["replicates"] = {}, {}
    for name, values in raw["train"].items():
        raw["train"][name] = {k: v for k, v in values.items() if k not in FAST}
    raw["train"]["defaults"] |= FAST
    raw["train"]["fusion"]["released"] = ""
    return raw


class Jobs:
    """The jobs of a run by the files that they write, as Snakemake finds them."""

    def __init__(self, run: Run) -> None:
        self.plan = Plan(run=run)
        self.patterns = [
            (kind, re.compile(self._pattern(kind, str(path))))
            for kind in JOBS.values()
            for path in self._of(kind, {w: f"@{w}@" for w in kind.wildcards()}).writes()
        ]

    def _of(self, kind: type[Job], wildcards: dict[str, str]) -> Job:
        run = self.plan.run
        return kind(run=run.training if kind.of_training else run, **wildcards)

    def _pattern(self, kind: type[Job], path: str) -> str:
        allowed = dict.fromkeys(kind.wildcards(), [ANY]) | kind.constraints(self.plan)
        pattern = re.escape(path)
        for name, values in allowed.items():
            one = "|".join(values) or "none"
            pattern = pattern.replace(re.escape(f"@{name}@"), f"(?P<{name}>{one})", 1)
        return pattern

    def that_makes(self, path: Path) -> Job | None:
        """The job that writes a file; None for one that is there."""
        for kind, pattern in self.patterns:
            if match := pattern.fullmatch(str(path)):
                return self._of(kind, match.groupdict())
        return None

    def in_order(self, *targets: Path) -> list[Job]:
        """All jobs that files wait for, makers first."""
        found: dict[str, Job] = {}

        def add(job: Job) -> None:
            if key(job) not in found:
                for maker in filter(None, map(self.that_makes, job.waits_for())):
                    add(maker)
                found[key(job)] = job

        for path in targets:
            add(self.that_makes(path))
        return list(found.values())


def key(job: Job) -> str:
    """Name and wildcards of a job."""
    return " ".join([job.name, *(getattr(job, name) for name in job.wildcards())])


def words(job: Job, folder: Path) -> list[str]:
    """The command of a job in a copy of its run."""
    return list(
        command_of(dataclasses.replace(job, run=dataclasses.replace(job.run, folder=folder)))
    )


def noise_for_heads(person: str, clip: str, *, num_frames: int, size: int, fps: float):
    """Stands for the renderer, which takes seconds a frame: what is drawn matters to no trial."""
    del fps
    rng = numpy_rng(person, clip)
    frames = rng.integers(0, 256, (num_frames, size, size, 3), dtype=np.uint8)
    return RenderedClip(frames, rng.uniform(0, size, (num_frames, 68, 2)), person)


def stand_in() -> None:
    """Lets heads be noise, in which a face is "found" at once, in this process from now on."""
    sets.render_clip = noise_for_heads
    face = dlib.rectangle(*dataclasses.astuple(tracks.TEMPLATE_BOX))
    tracks.frontal_detector = lambda: SimpleNamespace(run=lambda *_: ([face], [1.0], [0]))


def import_all() -> None:
    """Imports every module, so that trials, which are copies of this process, need not."""
    for package in (dicface, baselines):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def make(results: Path, *, whole: bool, before: Path | None = None) -> list[Job]:
    """Makes a run as far as its first table, or the whole of it, unless it is there.

    Args:
        results: Folder of the run's folder.
        whole: Whether all of it.
        before: Gets the run as it was before each job: `<before>/<number>/<run>`.

    Returns:
        Its jobs in order.
    """
    stand_in()
    run = Run.of(settings(results))
    target = run.report / "index.html" if whole else run.tables / f"{table1_name(run.config)}.md"
    jobs = Jobs(run).in_order(target)
    if target.is_file():
        import_all()
        return jobs
    run.write_settings()
    for number, job in enumerate(jobs):
        if before is not None:
            shutil.copytree(run.folder, before / str(number) / run.folder.name)
        began = time.process_time()
        assert main(list(command_of(job))) == 0, key(job)
        logger.info("%s: %.1f s", key(job), time.process_time() - began)
    return jobs
