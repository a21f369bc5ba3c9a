"""How a trained network spreads its weights over the codes of the codebook (figure 8)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from dicface.base.device import float64
from dicface.base.errors import ClipError, MetricError, WeightsError
from dicface.base.files import atomic_path, sha256_of
from dicface.base.reading import Array, Own, read_npz, said
from dicface.base.seeds import torch_generator
from dicface.video.clips import list_clips, read_frames

if TYPE_CHECKING:
    from torch import Tensor

    from dicface.models import DicFace
    from dicface.models.streaming import Position


@dataclass(frozen=True, kw_only=True, eq=False)
class CodeWeights:
    """Code weights ŵ of all positions of all frames, sorted in descending order at each position.

    Attributes:
        mean: (N,) mean over the positions of the sorted expected weights E[ŵ]; sums to 1.
        variance: (N,) their variance over the positions (the paper, fig. 8b).
        dirichlet_variance: (N,) mean over the positions of Var[ŵ_k] under Dir(α̂), in the order of
            E[ŵ]; NaN where the network's weights have no distribution.
        drawn: (N,) mean over the positions of the sorted entries of one draw ŵ ~ Dir(α̂), which is
            what the release mixes the codes with; E[ŵ] as the network mixes them otherwise.
        facts: What was measured: network, sha256 (of the weights), prior (α; None without
            divergence), aggregation, position, clips and positions (how many).
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    dirichlet_variance: NDArray[np.float64]
    drawn: NDArray[np.float64]
    facts: dict[str, Any]


_MEASURED = Own(
    "code weights of a network",
    "Delete it and measure again.",
    "Measure the code weights of that network first.",
    MetricError,
)
_ARRAYS = {
    "mean": Array("f", (None,)),
    "variance": Array("f", (None,)),
    "dirichlet_variance": Array("f", (None,), nan=True),
    "drawn": Array("f", (None,)),
}


def sorted_sums(network: DicFace, alpha: Tensor, *names: str | int) -> tuple[Tensor, ...]:
    """Sums over positions of sorted weights, their squares, Dirichlet variances and draws.

    With A = Σ α̂: E[ŵ_k] = α̂_k / A, Var[ŵ_k] = α̂_k (A − α̂_k) / (A² (A + 1)).

    Args:
        network: In eval mode; its settings say how codes are mixed.
        alpha: α̂ (h·w, N) of one frame, as from `DicFace.predict`.
        names: Seed the draw.

    Returns:
        Four times (N,) float64.
    """
    alpha = float64(alpha)
    dirichlet = network.settings.aggregation == "dirichlet"
    total = alpha.sum(-1, keepdim=True)
    expected, order = (alpha / total).sort(-1, descending=True)
    samples = 1 if dirichlet else None
    generator = torch_generator("code weights", *names)
    drawn = network.weights(alpha, samples=samples, generator=generator)
    variance = expected * (1 - expected) / (total + 1)
    if not dirichlet:
        variance = variance * float("nan")
        expected = network.weights(alpha).sort(-1, descending=True).values
    drawn = drawn.sort(-1, descending=True).values
    return tuple(x.sum(0) for x in (expected, expected**2, variance, drawn))


def code_numbers(indices: NDArray[np.integer], codebook_size: int) -> dict[str, float]:
    """How many codes a set of faces uses, and the perplexity of their frequencies."""
    counts = np.bincount(indices.ravel(), minlength=codebook_size)
    share = counts[counts > 0] / counts.sum()
    return {
        "codes_used": int((counts > 0).sum()),
        "perplexity": float(np.exp(-(share * np.log(share)).sum())),
    }


def measure_code_weights(
    weights: str | Path,
    inputs: str | Path,
    out: str | Path,
    *,
    position: Position = "centre",
    clips: Iterable[str] | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> CodeWeights:
    """Runs a trained DicFace over degraded clips and stores how it weights the codes.

    The windows are those of restoration (`dicface.restoring.runner.stream`); nothing is decoded,
    and memory does not grow with the clips.

    Args:
        weights: A weights file of `dicface job train`, stage dicface.
        inputs: Folder of degraded clips.
        out: The .npz file to write.
        position: Which frame of a window is kept, as in restoration.
        clips: Names of clips; all by default.
        device: Torch device of the network.
        progress: Whether to show a bar.

    Raises:
        WeightsError: The file is missing, damaged, or holds another network.
        ClipError: A clip is missing or cannot be read.
    """
    import torch

    from dicface.models.checkpoint import load_network, read_header
    from dicface.restoring.runner import (
        StreamSettings,
        prepare_for_inference,
        stream_alpha,
        to_tensor,
    )

    found = read_header(weights).get("network")
    if found != "dicface":
        raise WeightsError(
            f"{weights}: holds the network '{found}', expected 'dicface'. Code weights are "
            "predicted by DicFace alone: give the weights of that stage."
        )
    network, facts = load_network(weights)
    fast = prepare_for_inference(network.to(device))
    paths = list_clips(inputs)
    chosen = list(paths) if clips is None else list(clips)
    unknown = [clip for clip in chosen if clip not in paths]
    if unknown:
        raise ClipError(
            f"{inputs}: holds no clip named {', '.join(unknown)}; found {', '.join(paths)}."
        )
    sums, positions = 0, 0
    settings = StreamSettings(position=position)
    for clip in tqdm(chosen, desc="code weights", unit="clip", disable=not progress):
        frames = map(to_tensor, read_frames(paths[clip]))
        for number, alpha in enumerate(stream_alpha(fast, frames, settings=settings)):
            sums = sums + torch.stack(sorted_sums(network, alpha, clip, number))
            positions += len(alpha)
    mean, square, dirichlet_variance, drawn = (sums / positions).numpy()
    made = CodeWeights(
        mean=mean,
        variance=np.maximum(square - mean**2, 0),
        dirichlet_variance=dirichlet_variance,
        drawn=drawn,
        facts={
            "network": facts["network"],
            "sha256": sha256_of(weights),
            "prior": _prior(facts),
            "aggregation": network.settings.aggregation,
            "position": position,
            "clips": len(chosen),
            "positions": positions,
        },
    )
    with atomic_path(out) as temporary:
        arrays = {name: getattr(made, name) for name in _ARRAYS}
        np.savez(temporary, facts=json.dumps(made.facts, sort_keys=True), **arrays)
    return made


def read_code_weights(path: str | Path) -> CodeWeights:
    """Reads what `measure_code_weights` wrote.

    Raises:
        MetricError: The file is missing or damaged.
    """
    arrays = read_npz(path, _MEASURED, {**_ARRAYS, "facts": Array("U", ())})
    with said(path, _MEASURED):
        facts = json.loads(str(arrays["facts"]))
    return CodeWeights(**{name: arrays[name] for name in _ARRAYS}, facts=facts)


def _prior(facts: dict[str, Any]) -> float | None:
    """The prior α that a network was trained with; None where the divergence had no weight."""
    train = facts.get("train", {})
    return train.get("prior_alpha") if train.get("kl_scale") else None
