"""Opening the weights to inspect: a file of a training, a released one, or a registry's name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicface.base.errors import WeightsError
from dicface.base.files import sha256_of
from dicface.config.fields import nearest
from dicface.methods import create, methods
from dicface.methods.network import NetworkMethod
from dicface.models.checkpoint import facts_of, read_header
from dicface.weights import registry
from dicface.weights.load import identify

if TYPE_CHECKING:
    from dicface.models import CodeFormer

METHOD_OF_NETWORK = {"codeformer": "codeformer_trained", "dicface": "dicface_trained"}
PAPER_PRIOR = 1.0
RELEASED_PRIOR = 0.1
"""Of the option file that the authors published with DicFace."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """Weights that predict codes, with the method that restores by them.

    Attributes:
        path: The file.
        method: DicFace or CodeFormer, with its settings.
        facts: What the file's header says of its training; empty for a released file.
        released: Its name in the registry; "" for a file of a training.
    """

    path: Path
    method: NetworkMethod
    facts: Mapping[str, Any] = field(default_factory=dict)
    released: str = ""

    @cached_property
    def network(self) -> CodeFormer:
        """The network, ready for inference on its device.

        Raises:
            WeightsError: The file is damaged, or belongs to another network.
        """
        return self.method.network

    @property
    def is_dicface(self) -> bool:
        """Whether it predicts α̂ and mixes codes; CodeFormer takes one code a position."""
        return hasattr(self.network, "alpha")

    @property
    def has_dirichlet(self) -> bool:
        """Whether its weights have a distribution."""
        return self.is_dicface and self.network.settings.aggregation == "dirichlet"

    @property
    def fidelity_w(self) -> float:
        """Weight of the encoder's skips: as its method has it, 0 after stage II, which has none."""
        return 0.0 if self.facts.get("stage") == "codeformer" else self.method.fidelity_w

    @property
    def restores_with(self) -> str:
        """Which of the mixtures is the one that it restores with."""
        return "predicted" if self.is_dicface else "top1"

    def priors(self) -> list[tuple[float, str]]:
        """Returns each α that its divergence is taken from, with where that α comes from."""
        if not self.has_dirichlet:
            return []
        train = self.facts.get("train", {})
        if "prior_alpha" in train:
            return [(float(train["prior_alpha"]), "its training")]
        release = (RELEASED_PRIOR, "the option file released with it")
        return [(PAPER_PRIOR, "the paper"), *([release] if self.released else [])]

    def described(self) -> dict[str, Any]:
        """Returns what it is, as values of JSON."""
        settings = self.network.settings
        return {
            "file": str(self.path),
            "sha256": sha256_of(self.path),
            "label": self.method.facts.label,
            "network": "dicface" if self.is_dicface else "codeformer",
            "released": self.released,
            "task": self.method.task,
            "stage": self.facts.get("stage", ""),
            "size_px": settings.resolution,
            "codes": settings.codebook_size,
            "positions": settings.latent_size**2,
            "aggregation": settings.aggregation if self.is_dicface else "top1",
            "kl_scale": self.facts.get("train", {}).get("kl_scale") if self.has_dirichlet else None,
            "restores_with": self.restores_with,
            "fidelity_w": self.fidelity_w,
        }


def open_weights(
    weights: str | Path, *, device: str = "cpu", settings: Mapping[str, object] | None = None
) -> Opened:
    """Finds out which network weights hold, and the method that restores with it.

    Args:
        weights: A .safetensors file of a training, a released file that the registry knows by name
            or digest, or a name of the registry.
        device: Torch device of the network.
        settings: Of DicFace: `position`, `fidelity_w`, `aggregation`; its own for what is left out.

    Raises:
        WeightsError: There is no such file, nobody knows it, or it predicts no codes.
    """
    path = _file_of(weights)
    facts = facts_of(path)
    if "network" in facts:
        kind = facts["network"]
        if kind not in METHOD_OF_NETWORK:
            raise _no_codes(path, f"the network '{kind}'")
        chosen = settings if kind == "dicface" else {}
        name = METHOD_OF_NETWORK[kind]
        made = create(name, task=facts["task"], device=device, weights=path, **(chosen or {}))
        return Opened(path=path, method=made, facts=facts)
    known = identify(path)
    if known is None:
        if path.suffix == ".safetensors":
            read_header(path)
        raise WeightsError(
            f"{path}: is no file of a training (.safetensors), and neither its name nor its digest "
            "is in the registry; expected weights of DicFace or CodeFormer. `dicface weights list` "
            "prints what is known."
        )
    for name, task in _methods_of(known.name):
        chosen = settings if name == "dicface" else {}
        made = create(name, task=task, device=device, weights=path, **(chosen or {}))
        return Opened(path=path, method=made, released=known.name)
    raise _no_codes(path, f"'{known.name}' of the registry ({known.used_for})")


def _file_of(weights: str | Path) -> Path:
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    name = str(weights)
    if name in registry.registry():
        found = registry.find(name)
        if found is None:
            raise WeightsError(f"{registry.where_to_get(name)}.")
        return found
    if path.exists():
        raise WeightsError(f"{path}: is a folder; give the weights file in it.")
    likely = nearest(name, registry.registry())
    hint = f" Did you mean {' or '.join(likely)}?" if likely else ""
    raise WeightsError(
        f"{name}: no such file, and no name of `dicface weights list`.{hint} Give weights of "
        "DicFace or CodeFormer, such as results/demo/train/dicface/weights.safetensors."
    )


def _methods_of(name: str) -> Iterator[tuple[str, str]]:
    """Methods and tasks that run on a file of the registry alone, through codes."""
    from dicface.methods.codeformer import CodeFormer
    from dicface.methods.dicface import DicFace

    for method, found in methods().items():
        if not issubclass(found, CodeFormer | DicFace):
            continue
        for task, files in found.facts.weights.items():
            if files == (name,):
                yield method, task


def _no_codes(path: Path, found: str) -> WeightsError:
    return WeightsError(
        f"{path}: holds {found}, which predicts no weights of codes; expected a network of DicFace "
        "or CodeFormer. Give the weights of one of these."
    )
