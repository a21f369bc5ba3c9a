"""The contract of a restoration method: facts as data, and one call that streams frames.

A method is a class that derives from `Method`, states `facts` and yields restored frames from
`restore`. Its settings are dataclass fields with defaults, so that a misspelt one is an error.
Nothing here imports torch: facts can be read where no network is ever built.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Self

from dicface.base import names
from dicface.base.errors import MethodError, WeightsError
from dicface.base.files import sha256_of
from dicface.weights.registry import entry, find, where_to_get

if TYPE_CHECKING:
    from torch import Tensor

TASKS = tuple(names.TASKS)

# Headings of tables under which rows of methods stand.
REFERENCE = "Reference"
PAPER_SYSTEMS = "Systems of the paper"
TRAINED = "Trained in this run"
ADDED = "Added methods"


@dataclass(frozen=True, kw_only=True)
class MethodFacts:
    """What callers may know of a method without running it.

    Attributes:
        name: Identifier, also the folder of its results: "codeformer".
        label: Name in tables: "CodeFormer".
        group: Heading of the tables under which its row stands.
        look: Colour, marker and dash of its lines in figures, as matplotlib names them; None: what
            is free. The same method trained in the run is dashed and hollow beside it.
        paper_name: Its name in the paper's tables; empty if it is not in them.
        tasks: Which of "bfr" (blind face restoration), "inpainting" and "colorization" it does.
        window: Number of frames that one output frame depends on; 0 where it is a whole chunk.
        chunk: Number of consecutive frames restored together, None where frames stream.
        size: Side of the square frames it needs, in pixels; None where any size goes.
        aligned: Whether frames must be faces aligned to the FFHQ template.
        scale: ×4 methods read the low-resolution clip and return frames `scale` times as large.
        weights: Registry names of the files that each task needs (`dicface/weights/registry.yaml`).
        trained: Whether it runs on weights trained by the user, given as a file or folder.
        licence: Licence of the weights, and what follows from it.
        commercial: Whether that licence allows commercial use.
        source: Repository and commit whose inference it follows.
        citation: Paper, in one line or as an entry of BibTeX.
        notes: What it keeps of, and where it departs from, its source's inference.
    """

    name: str
    label: str
    group: str = ADDED
    look: tuple[str, str, str] | None = None
    paper_name: str = ""
    tasks: tuple[str, ...] = ("bfr",)
    window: int = 1
    chunk: int | None = None
    size: int | None = 512
    aligned: bool = True
    scale: int = 1
    weights: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    trained: bool = False
    licence: str = ""
    commercial: bool = False
    source: str = ""
    citation: str = ""
    notes: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Method(ABC):
    """Base of all methods; the settings every method has.

    Attributes:
        facts: What is known of the method, as data.
        task: One of `facts.tasks`.
        device: Where the network runs, a torch device: "cpu", "cuda", "cuda:1", "mps".
        weights: A weights file or folder to use instead of the registry's; None for the latter.

    Raises:
        MethodError: The method cannot do the task.
    """

    facts: ClassVar[MethodFacts]

    task: str = "bfr"
    device: str = "cpu"
    weights: Path | None = None

    def __post_init__(self) -> None:
        if self.task not in self.facts.tasks:
            raise MethodError(
                f"{self.facts.label} cannot do the task '{self.task}'; "
                f"it does {', '.join(self.facts.tasks)}. Choose one of these."
            )
        if self.weights is not None:
            self.weights = Path(self.weights)

    @abstractmethod
    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Yields one restored frame for each frame of a clip, in order.

        Memory must not grow with the number of frames. Results must depend on the frames, the
        settings and the name of the clip alone: seed whatever is random by `clip` and the number
        of the frame.

        Args:
            frames: (3, H, W) float32 RGB in [0, 1], on the CPU; all of one size.
            clip: Name of the clip, for seeds and messages.

        Yields:
            (3, H, W) float RGB in [0, 1]; same size and number as `frames`.
        """

    @classmethod
    def example(cls, **settings: object) -> Self:
        """Returns an instance that `dicface methods check` can run on any machine.

        By default this is the method as it is, with its own weights. One whose network is large, or
        whose weights must be fetched first, overrides this: it gives the instance a small network
        with seeded weights, and where that needs frames of another size or no files, facts that
        say so.

        Args:
            **settings: Fields of the class.
        """
        return cls(**settings)

    @property
    def side(self) -> int | None:
        """Side of the frames that this instance takes, in pixels; None where any goes."""
        return self.facts.size

    def unavailable(self, *, size: int | None = None) -> str | None:
        """Says why the method cannot run, in one sentence for a table's footnote.

        All that is in the way is named at once: frames of another size, and files that are missing.

        Args:
            size: Side of the frames to restore, in pixels, where it is known.

        Returns:
            The reason, or None if it can run.
        """
        missing = self.missing_weights()
        needed = self.facts.size if missing else self.side
        reasons = [missing]
        if size is not None and needed not in (None, size):
            reasons.insert(0, f"needs {needed}×{needed} frames, these are {size}×{size}")
        return "; ".join(filter(None, reasons)) or None

    def missing_weights(self) -> str | None:
        """Says which weights file is missing or damaged; None if all are there."""
        if self.weights is not None:
            return None if self.weights.exists() else f"{self.weights}: no such file or folder"
        if self.facts.trained:
            return "no trained weights were given"
        try:
            missing = [name for name in self.weights_names() if find(name) is None]
        except WeightsError as error:
            return str(error)
        return describe_missing(missing) if missing else None

    def weights_names(self) -> tuple[str, ...]:
        """Returns the registry names of the files that the task needs."""
        return tuple(self.facts.weights.get(self.task, ()))

    def weights_files(self) -> tuple[Path, ...]:
        """Returns the files whose content decides the results.

        Raises:
            MethodError: One of them is not on this machine.
        """
        reason = self.missing_weights()
        if reason:
            raise MethodError(f"{self.facts.label} cannot run: {reason}.")
        if self.weights is None:
            return tuple(find(name) for name in self.weights_names())
        if self.weights.is_dir():
            return tuple(sorted(p for p in self.weights.iterdir() if p.suffix == ".safetensors"))
        return (self.weights,)

    def settings(self) -> dict[str, object]:
        """Returns the settings that decide the results: all but the device and the file's place."""
        return {
            setting.name: getattr(self, setting.name)
            for setting in dataclasses.fields(self)
            if setting.name not in ("device", "weights")
        }

    def fingerprint(self) -> dict[str, object]:
        """Returns what a restored clip depends on, apart from its input, ready for JSON."""
        return {
            "method": self.facts.name,
            "settings": self.settings(),
            "weights": {path.name: sha256_of(path) for path in self.weights_files()},
        }


def describe_missing(names: Iterable[str]) -> str:
    """Returns one sentence on missing registry files: name, size, sha256, source, command."""
    parts, commands = [], []
    for name in names:
        known = entry(name)
        if known.shipped:
            return where_to_get(name)
        digest = f"sha256 {known.sha256}" if known.sha256 else "sha256 not published"
        parts.append(f"{known.file} ({known.size}, {digest}, from {known.url})")
        commands.append(f"`{known.command}`")
    noun = "weights file" if len(parts) == 1 else "weights files"
    return f"{noun} not on this machine: {'; '.join(parts)}; run {' and '.join(commands)}"
