"""PGTFormer, a parsing-guided temporal transformer on three frames. Facts only so far."""

from __future__ import annotations

from dataclasses import dataclass

from baselines._method import MethodFacts
from baselines._pending import Pending


@dataclass(kw_only=True)
class PgtFormer(Pending):
    """PGTFormer; windows of three frames, the middle one is kept."""

    facts = MethodFacts(
        name="pgtformer",
        label="PGTFormer",
        window=3,
        aligned=False,
        weights={"bfr": ("pgtformer",)},
        licence="non-commercial (repository)",
        source="kepengxu/PGTFormer @ e78a26cd463182f4a5aa96b8681110da8615d44d",
        citation="Xu et al., Beyond Alignment: Blind Video Face Restoration via Parsing-Guided "
        "Temporal-Coherent Transformer, IJCAI 2024",
        notes=("Input in [0, 1]; output is truncated to 8 bits, not rounded, as in its release.",),
    )
