"""What the Snakefile needs to know about a run; importable and testable without Snakemake."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import yaml

from dicface import __version__
from dicface.clips import list_clips
from dicface.config import STAGES, Config, from_mapping, overlay
from dicface.errors import ConfigError
from dicface.files import atomic_path, hold_lock

T = TypeVar("T")

#: Methods of Table 1 that run on weights of the run -> the stage that trains them.
TRAINED_METHODS = {"codeformer_trained": "fusion", "dicface_trained": "dicface"}


def with_budget(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Returns the configuration overlaid by `<folder>/<budget>.yaml`; "full" changes nothing.

    Raises:
        ConfigError: There is no such budget.
    """
    budget = config.get("budget", "full")
    if budget == "full":
        return config
    path = folder / f"{budget}.yaml"
    if not path.is_file():
        known = ["full", *sorted(p.stem for p in folder.glob("*.yaml"))]
        raise ConfigError(f"budget: found '{budget}', expected one of {', '.join(known)}.")
    return overlay(config, yaml.safe_load(path.read_text()))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A checked configuration with the folders that its results go to.

    Attributes:
        config: The settings, checked.
        raw: The same as plain values, for files and for Snakemake's change detection.
        run_folder: Results on one test set.
        train_folder: Training clips and networks; shared by all test sets of a scale and seed.
    """

    config: Config
    raw: dict[str, Any]
    run_folder: str
    train_folder: str

    @property
    def run_config(self) -> str:
        """The merged configuration, which the commands on the test set read."""
        return f"{self.run_folder}/run_config.yaml"

    @property
    def train_config(self) -> str:
        """The same without the user's test clips, so that these never train anything anew."""
        return f"{self.train_folder}/run_config.yaml"

    def start(self) -> list[IO[str]]:
        """Locks the run's folders for this process and writes the configuration into them."""
        folders = {self.train_config: self.raw | {"test_clips": ""}, self.run_config: self.raw}
        locks = []
        for path, raw in folders.items():
            locks.append(hold_lock(Path(path).parent / ".lock"))
            text = yaml.safe_dump(raw, sort_keys=False)
            if not Path(path).is_file() or Path(path).read_text() != text:
                with atomic_path(path) as temporary:
                    temporary.write_text(text)
        return locks

    def stage_facts(self, stage: str) -> dict[str, Any]:
        """Returns all settings that change what a training stage makes, for change detection."""
        return {
            "version": __version__,
            "seed": self.config.seed_name,
            "size": self.config.data.size,
            "train": {**self.raw["train"]["defaults"], **self.raw["train"][stage]},
            "model": self.raw["model"],
            "degradation": {} if stage == "vqgan" else self.raw["degradation"],
        }

    def facts(self, *sections: str) -> dict[str, Any]:
        """Returns sections of the configuration, the seed and the version of the package."""
        chosen = {section: self.raw[section] for section in sections}
        return {"version": __version__, "seed": self.config.seed_name, **chosen}

    @property
    def imports_test_clips(self) -> bool:
        """Whether the test set is a folder of videos rather than rendered."""
        return bool(self.config.test_clips) or self.config.data.test.source == "folder"

    def runnable(self) -> list[str]:
        """Returns the methods of Table 1 that can run on this machine, in the table's order."""
        from baselines import create

        return [
            name
            for name in self.config.table1
            if name in TRAINED_METHODS
            or create(name).unavailable(size=self.config.data.size) is None
        ]

    def source_files(self) -> list[str]:
        """Returns the user's clips, so that a new or changed video is noticed.

        A data set's folder may be missing while a run is only planned; the import says so when it
        starts.

        Raises:
            ClipError: `test_clips` names no folder with clips, or `data.test.folder` is there and
                holds none.
        """
        folder = self.config.test_clips or self.config.data.test.folder
        planned = not self.config.test_clips and not Path(folder).exists()
        if not self.imports_test_clips or planned:
            return []
        return [str(path) for path in list_clips(folder).values()]

    def training_clips(self) -> str:
        """Returns the folder of the training clips: rendered in the run, or the user's own."""
        train = self.config.data.train
        return train.folder if train.source == "folder" else f"{self.train_folder}/clips/train"


def plan(config: dict[str, Any]) -> Plan:
    """Checks a merged configuration and names its folders.

    Raises:
        ConfigError: A key is unknown, missing or of a wrong type.
    """
    raw = dict(config)
    # `--config test_clips=2024` is a number to Snakemake and a folder to the user.
    raw["test_clips"] = str(raw.get("test_clips", ""))
    checked = from_mapping(Config, raw, "configuration")
    for stage in STAGES:
        checked.stage(stage)
    base = checked.scale if checked.budget == "full" else f"{checked.scale}-{checked.budget}"
    train = base if checked.seed == 0 else f"{base}-seed{checked.seed}"
    run = train
    if checked.test_clips:
        run = f"{train}-{Path(os.path.abspath(checked.test_clips)).name}"
    return Plan(
        config=checked,
        raw=raw,
        run_folder=f"{checked.results}/{run}",
        train_folder=f"{checked.results}/{train}",
    )


def degradation_settings(config: Config, settings: type[T]) -> T:
    """Returns the configuration's degradation as `dicface.data.degrade.BlindDegradation`.

    The class is passed in, because it needs OpenCV and this module is read by every dry run.
    """
    return from_mapping(settings, config.degradation, "configuration: degradation")


def method_settings(config: Config, method: str) -> dict[str, object]:
    """Returns the settings of a method that the configuration decides, for `baselines.create`."""
    if method in ("dicface", "dicface_trained"):
        model = config.model["dicface"]
        return {
            "position": config.restore.position,
            "fidelity_w": config.restore.fidelity_w,
            "samples": model.get("samples", "mean"),
        }
    return {}
