"""CodeFormer with the weights that this project made and ships, for faces of 128 px.

They learnt rendered faces alone (their card lies beside them, in `dicface/weights/shipped/`). They
are what everything runs on where nothing was downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dicface.methods.codeformer import CodeFormer
from dicface.methods.method import MethodFacts
from dicface.methods.trained import load_trained

if TYPE_CHECKING:
    from torch.nn import Module


@dataclass(kw_only=True)
class CodeFormerDemo(CodeFormer):
    """CodeFormer with this project's own weights, fidelity weight 1, no AdaIN, as trained."""

    facts = MethodFacts(
        name="codeformer_demo",
        label="CodeFormer (demo weights)",
        paper_name="CodeFormer",
        size=128,
        weights={"bfr": ("codeformer_demo",)},
        licence="Apache-2.0, as the code that trained them",
        commercial=True,
        citation="Zhou et al., Towards Robust Blind Face Restoration with Codebook Lookup "
        "Transformer, NeurIPS 2022",
        notes=("Trained by this project on rendered faces of 128 px; part of dicface.",),
    )

    def load(self, path: Path) -> Module:
        """Returns the network; raises as `load_trained`."""
        return load_trained(path, "codeformer")
