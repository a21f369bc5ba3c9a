"""CodeFormer and DicFace with weights of one's own: those of the run, or any file of `train`.

A weights file says which network it holds and with which settings it was built, so that any size
works.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dicface.base.errors import WeightsError
from dicface.methods.codeformer import CodeFormer
from dicface.methods.dicface import DicFace
from dicface.methods.method import TASKS, TRAINED, Method, MethodFacts

if TYPE_CHECKING:
    from torch.nn import Module

_LICENCE = "Apache-2.0, as the code that trained them"


@dataclass(kw_only=True)
class CodeFormerTrained(CodeFormer):
    """CodeFormer trained in the run, with fidelity weight 1 and no AdaIN, as it was trained."""

    facts = MethodFacts(
        name="codeformer_trained",
        label="CodeFormer (trained)",
        group=TRAINED,
        paper_name="CodeFormer",
        size=None,
        trained=True,
        licence=_LICENCE,
        commercial=True,
        citation="Zhou et al., Towards Robust Blind Face Restoration with Codebook Lookup "
        "Transformer, NeurIPS 2022",
        notes=("Trained in the run; w = 1 and no AdaIN, as in its training.",),
    )

    @property
    def side(self) -> int | None:
        """The side that the weights were trained for; None as long as none are given."""
        return _trained_side(self)

    def load(self, path: Path) -> Module:
        """Returns the trained network; raises as `load_trained`."""
        return load_trained(path, "codeformer")


@dataclass(kw_only=True)
class DicFaceTrained(DicFace):
    """DicFace trained in the run."""

    facts = MethodFacts(
        name="dicface_trained",
        label="DicFace (trained)",
        group=TRAINED,
        paper_name="DicFace",
        tasks=TASKS,
        window=5,
        size=None,
        trained=True,
        licence=_LICENCE,
        commercial=True,
        citation="DicFace: Dirichlet-Constrained Variational Codebook Learning for Temporally "
        "Coherent Video Face Restoration, 2025",
        notes=("Trained in the run; centre frame kept, expected code weights.",),
    )

    @property
    def side(self) -> int | None:
        """The side that the weights were trained for; None as long as none are given."""
        return _trained_side(self)

    def load(self, path: Path) -> Module:
        """Returns the trained network; raises as `load_trained`."""
        return load_trained(path, "dicface")


def _trained_side(method: Method) -> int | None:
    from dicface.models.checkpoint import facts_of

    if method.weights is None:
        return method.facts.size
    files = method.weights_files()
    return facts_of(files[0]).get("settings", {}).get("resolution") if len(files) == 1 else None


def load_trained(path: Path, name: str) -> Module:
    """Builds the network that a weights file of `train` describes, with its weights.

    Args:
        path: The file.
        name: What it must hold, "codeformer" or "dicface".

    Raises:
        WeightsError: The file is damaged, was not written by a training, or holds another
            network.
    """
    from dicface.models.checkpoint import load_network, read_header

    found = read_header(path).get("network")
    if found != name:
        raise WeightsError(
            f"{path}: holds the network '{found}', expected '{name}'. "
            f"Give the weights of the training stage that makes '{name}'."
        )
    network, _ = load_network(path)
    return network
