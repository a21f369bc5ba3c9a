"""The layout of a run on disk: the one place that spells its folders and files.

A run has two folders below `results`: one for its test set, and one for the training clips and
networks, which all test sets of a scale, budget and seed share. Without clips of the user the two
are one. A run on `wild_clips` has no truth: its inputs are the user's videos, aligned, and stand
where a truth is asked for.

    run_config.yaml                     the merged, checked configuration
    clips/{train,images,test,own}/      <clip>.mkv, landmarks.parquet, index.parquet
    clips/images/                       weights.safetensors, unseen.safetensors: rendered stills
    train/<network>/                    weights.safetensors, training.json, stats.jsonl, …
    <task>/input/                       inputs of the task; degradation.parquet
    <task>/<method>/                    restored clips, index.json, metrics.parquet, …
    records/<task>/<method>/            record.json of a row made elsewhere, metrics.parquet
    analysis/                           faces of the true clips; what networks do with codes
    noise_floor.parquet
    panels/<panel>/<method>/            scores by the metrics of a table beside the paper's
    tables/, figures/, report/          tables/partial/ of a run that broke off
    logs/, benchmarks/
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dicface.base.device import chosen_device
from dicface.base.errors import ConfigError
from dicface.base.files import atomic_path
from dicface.base.names import BLIND, INPUT
from dicface.config.check import WrongConfigError
from dicface.config.folders import OF_USER
from dicface.config.load import check, merge
from dicface.config.networks import network
from dicface.config.settings import Config
from dicface.runs.results import INDEX_FILE, InFolder, Results

CONFIG_FILE = "run_config.yaml"
RECORDS_FILE = "degradation.parquet"

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """The folder of a network of the run.

    Attributes:
        folder: `<run>/train/<network>`.
        weights: Its weights, written last.
        training: What it was trained with and for how long, JSON.
        stats: One line a logged step, JSON lines.
    """

    folder: Path

    weights = InFolder("weights.safetensors")
    training = InFolder("training.json")
    stats = InFolder("stats.jsonl")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run: its settings, and where everything of it lies.

    Attributes:
        config: Its settings, checked.
        raw: The same as plain values.
        folder: Results on one test set.
        train_folder: Training clips and networks.
        analysis: Folder of the analyses of the true clips.
        noise_floor: What the metrics give on the truth itself.
        tables: Folder of the tables.
        partial_tables: Folder of tables that a run which broke off left in part.
        figures: Folder of the figures.
        report: Folder of the report.
    """

    config: Config
    raw: Mapping[str, Any]
    folder: Path
    train_folder: Path

    analysis = InFolder("analysis")
    noise_floor = InFolder("noise_floor.parquet")
    tables = InFolder("tables")
    partial_tables = InFolder("tables/partial")
    figures = InFolder("figures")
    report = InFolder("report")

    @classmethod
    def of(cls, merged: dict[str, Any], where: str | Sequence[Path] = "configuration") -> Run:
        """Names the folders of a configuration; nothing needs to be there.

        Args:
            merged: What files and the command line say together.
            where: The files that it comes from in their order, or what to call it in messages.

        Raises:
            ConfigError: The configuration cannot be.
        """
        config, raw = check(merged, where)
        # Jobs and records see what was chosen; on another machine a later call may choose again.
        raw["device"] = chosen_device(config.device)
        config = dataclasses.replace(config, device=raw["device"])
        base = config.scale if config.budget == "full" else f"{config.scale}-{config.budget}"
        train = base if config.seed == 0 else f"{base}-seed{config.seed}"
        name = train
        for kind, own in (("clips", config.test_clips), ("wild", config.wild_clips)):
            if own:
                name = f"{train}-{kind}-{_plain(Path(os.path.abspath(own)).name)}"
        results = Path(config.results)
        return cls(config=config, raw=raw, folder=results / name, train_folder=results / train)

    @classmethod
    def load(cls, folder: str | Path) -> Run:
        """Opens a run that was begun, wherever its folder lies now.

        Args:
            folder: Of the run, or its settings there.

        Raises:
            ConfigError: The folder has no configuration, or one that cannot be.
        """
        folder = Path(folder)
        folder = folder.parent if folder.name == CONFIG_FILE else folder
        if not (folder / CONFIG_FILE).is_file():
            raise ConfigError(
                f"{folder}: found no {CONFIG_FILE}; expected the folder of a run, in which "
                "`snakemake` writes it. Name the run's folder, such as results/demo."
            )
        path = folder / CONFIG_FILE
        try:
            named = cls.of(merge(path), [path])
        except WrongConfigError as error:
            raise error.of_another_version(path) from None
        return cls(
            config=named.config,
            raw=named.raw,
            folder=folder,
            train_folder=folder.parent / named.train_folder.name
            if named.train_folder != named.folder
            else folder,
        )

    @property
    def settings_files(self) -> dict[Path, dict[str, Any]]:
        """The configuration as each folder holds it.

        That of the training folder is without the user's clips, so that these never train anything
        again.
        """
        own = {self.train_folder / CONFIG_FILE: {**self.raw, **dict.fromkeys(OF_USER, "")}}
        return own | {self.folder / CONFIG_FILE: dict(self.raw)}

    def write_settings(self) -> None:
        """Writes the configuration into both folders, where it does not stand there yet."""
        for path, raw in self.settings_files.items():
            text = yaml.safe_dump(raw, sort_keys=False)
            if not path.is_file() or path.read_bytes() != text.encode():
                with atomic_path(path) as temporary:
                    temporary.write_text(text, encoding="utf-8")

    @property
    def training(self) -> Run:
        """The same run without the user's clips: what jobs on the training folder see."""
        if self.folder == self.train_folder:
            return self
        without = dict.fromkeys(OF_USER, "")
        raw, config = {**self.raw, **without}, dataclasses.replace(self.config, **without)
        return Run(config=config, raw=raw, folder=self.train_folder, train_folder=self.train_folder)

    # Clips

    @property
    def is_wild(self) -> bool:
        """Whether the run restores the user's degraded videos, of which there is no truth."""
        return bool(self.config.wild_clips)

    @property
    def imports_test_clips(self) -> bool:
        """Whether the test set is a folder of videos rather than rendered."""
        return bool(self.config.own_clips) or self.config.data.test.source == "folder"

    @property
    def truth(self) -> Path:
        """Folder of the true clips of the test set; of the inputs where there is no truth."""
        if self.is_wild:
            return self.inputs(BLIND.id)
        return self.folder / "clips/own" if self.imports_test_clips else self.clips("test")

    @property
    def truth_index(self) -> Path:
        """What says that the true clips are all there."""
        return self.truth / "index.parquet"

    def clips(self, split: str) -> Path:
        """Folder of the clips, or of the index, of "train", "images" or "test"."""
        return self.train_folder / "clips" / split

    def training_set(self, name: str) -> str:
        """Returns which clips a network learns from: "train", or "images" for single frames."""
        images = network(self.config, name).learns_from_images
        return "images" if images and self.config.data.images.source != "train" else "train"

    def training_clips(self, name: str) -> Path:
        """Folder of a network's training clips, in the run or the user's own; or packed stills."""
        if self.learns_from_stills(name):
            return self.stills("weights")
        chosen = self.training_set(name)
        settings = getattr(self.config.data, chosen)
        own = settings.source == "folder" and not settings.layout
        return Path(settings.folder) if own else self.clips(chosen)

    def learns_from_stills(self, name: str) -> bool:
        """Whether a network learns from rendered single frames."""
        return self.training_set(name) == "images" and self.config.data.images.source == "stills"

    def stills(self, people: str) -> Path:
        """Rendered single frames of the people that "weights" learn from, or of "unseen" ones."""
        return self.clips("images") / f"{people}.safetensors"

    # Networks and results

    @property
    def networks(self) -> Path:
        """Folder of all networks."""
        return self.train_folder / "train"

    def network(self, name: str) -> TrainedNetwork:
        """The folder of one network."""
        return TrainedNetwork(folder=self.networks / name)

    def inputs(self, task: str) -> Path:
        """Folder of a task's inputs."""
        return self.folder / task / "input"

    def results(self, task: str, method: str) -> Results:
        """The folder of a method's restored clips and scores; "input" is a method too."""
        return Results(folder=self.folder / task / method)

    def panel(self, panel: str, method: str) -> Results:
        """The folder of a method's scores in a table beside the paper's."""
        return Results(folder=self.folder / "panels" / panel / method)

    def panel_index(self, panel: str) -> Path:
        """What says that all rows of such a table are scored."""
        return self.folder / "panels" / panel / INDEX_FILE

    def records(self, task: str) -> list[Path]:
        """Records of rows made elsewhere that were added to the run."""
        return sorted(self.record(task, "x").parent.parent.glob("*/record.json"))

    def record(self, task: str, method: str) -> Path:
        """Where the record of a row made elsewhere lies; its numbers lie beside it."""
        return self.folder / "records" / task / method / "record.json"

    def restored_index(self, task: str, method: str) -> Path:
        """What says that a method's clips of a task are all there."""
        if method == INPUT and self.is_wild:
            return self.truth_index
        index = RECORDS_FILE if method == INPUT else INDEX_FILE
        return self.folder / task / method / index

    def code_weights(self, name: str) -> Path:
        """How a network weights its codes."""
        return self.analysis / "code_weights" / f"{name}.npz"

    def inspection(self, name: str) -> Path:
        """What the codes of a network do."""
        return self.analysis / "inspection" / f"{name}.json"

    def log(self, job: str, *wildcards: str, training: bool = False) -> Path:
        """Log of a job.

        Args:
            job: Its name.
            *wildcards: What tells it from other jobs of that name.
            training: Whether it belongs to the training folder.
        """
        folder = self.train_folder if training else self.folder
        return folder / "logs" / f"{'_'.join((job, *wildcards))}.log"

    def benchmark(self, job: str, *wildcards: str) -> Path:
        """What Snakemake measured of a job: time and memory."""
        return self.folder / "benchmarks" / f"{'_'.join((job, *wildcards))}.tsv"


def _plain(name: str) -> str:
    """A name in letters that shell commands and Snakemake's patterns take.

    Letters beyond ASCII lose their marks or go, so that a digest tells such names apart. macOS
    writes the marks of file names apart from their letters, other systems do not: both are one.

    >>> _plain("My Videos"), _plain("Ünal"), _plain("张三")
    ('My-Videos', 'Unal-d48b25c6', '1d841bc0')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = _UNSAFE.sub("-", plain)
    if name.isascii():
        return safe
    digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode()).hexdigest()[:8]
    return f"{safe}-{digest}" if safe else digest
