"""Looks inside a network on clips with their truth: what it predicts, and what each part restores.

Each clip is looked at twice: α̂ of all its frames first, then every frame is decoded from each
mixture of codes, with the skips of that frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from dicface.base.names import INPAINTING
from dicface.metrics.psnr import psnr
from dicface.models.blocks import adain
from dicface.models.streaming import StreamSettings, default_batch, stream_alpha
from dicface.report.inspection.calibration import Calibration
from dicface.report.inspection.clips import Pairs
from dicface.report.inspection.opened import Opened
from dicface.report.inspection.posterior import Posterior, entropy, latent_variance
from dicface.report.inspection.text import MIXTURES
from dicface.report.tables.statistics import bootstrap_counts, mean_interval
from dicface.video.arrays import to_tensor, to_uint8


def inspect_weights(
    opened: Opened, pairs: Pairs, *, num_frames: int | None = None, progress: bool = False
) -> dict[str, Any]:
    """Inspects weights on clips; see docs/inspect.md for every number.

    Args:
        opened: The weights.
        pairs: The clips.
        num_frames: How many frames of each clip are looked at, from its first; None for all.
        progress: Whether to show a bar.

    Returns:
        Values of JSON: `weights`, `clips`, `posterior`, `psnr_db`, `psnr_costs_db`, `calibration`.

    Raises:
        ClipError: A clip cannot be read or does not fit the network or its truth.
        WeightsError: The weights are damaged, or belong to another network.
    """
    settings = opened.network.settings
    posterior = Posterior(priors=opened.priors(), num_codes=settings.codebook_size)
    scores = ("variance", "entropy", *(["alpha_sum"] if opened.has_dirichlet else []))
    calibration = {name: Calibration() for name in scores}
    by_clip: dict[str, dict[str, float]] = {}
    frames, error_sum = 0, 0.0
    read = pairs.read(settings.resolution, num_frames)
    bar = tqdm(read, total=len(pairs.truth), desc="inspect", unit="clip", disable=not progress)
    for clip, truth, degraded in bar:
        found = _look(opened, truth, degraded)
        posterior.add(found.alpha, found.weights)
        for name, accumulated in calibration.items():
            accumulated.add(found.scores[name], found.error)
        by_clip[clip] = found.psnr
        frames += len(truth)
        error_sum += found.error.sum() * found.values_a_position * 2 / 255
    return {
        "weights": opened.described(),
        "clips": {"what": pairs.what, "clips": len(by_clip), "frames": frames},
        "posterior": {
            **posterior.numbers(settings.latent_size**2),
            "l1_a_frame": error_sum / frames,
        },
        "psnr_db": _psnr_of_set(by_clip),
        "psnr_costs_db": _costs(by_clip, opened.restores_with),
        "psnr_by_clip_db": by_clip,
        "calibration": {name: each.numbers() for name, each in calibration.items()},
    }


class _Found:
    """What a clip gives: α̂ and ŵ (T, h·w, N); scores and error (T, h·w); PSNR of each mixture."""

    alpha: Tensor
    weights: Tensor
    scores: dict[str, NDArray[np.float64]]
    error: NDArray[np.float64]
    psnr: dict[str, float]
    values_a_position: int


def _look(opened: Opened, truth: NDArray[np.uint8], degraded: NDArray[np.uint8]) -> _Found:
    inputs = torch.stack([to_tensor(frame) for frame in degraded])
    found, codes = _Found(), opened.network.quantize.embedding.weight.float().cpu()
    found.alpha = torch.stack(list(_alpha(opened, inputs)))
    found.weights = _weights(opened, found.alpha)
    found.scores = {
        "variance": latent_variance(
            found.alpha, found.weights, codes, opened.has_dirichlet
        ).numpy(),
        "entropy": entropy(found.weights).numpy(),
        "alpha_sum": -found.alpha.sum(-1).numpy(),
    }
    best = torch.zeros_like(found.weights)
    best.scatter_(-1, found.weights.argmax(-1, keepdim=True), 1)
    mixtures = {
        "predicted": found.weights,
        "clip_mean": found.weights.mean(0, keepdim=True).expand_as(found.weights),
        "uniform": torch.full_like(found.weights, 1 / found.weights.shape[-1]),
        "top1": best,
    }
    latents = {name: weights @ codes for name, weights in mixtures.items()}
    latents["no_skips"] = latents[opened.restores_with]
    values: dict[str, list[float]] = {"input": list(map(psnr, degraded, truth))}
    errors = []
    for number, name, image in _decoded(opened, inputs, latents):
        values.setdefault(name, []).append(psnr(image, truth[number]))
        if name == opened.restores_with:
            errors.append(_error(image, truth[number], opened.network.settings.latent_size))
    found.error = np.stack(errors)
    found.psnr = {name: float(np.mean(values[name])) for name in MIXTURES}
    found.values_a_position = truth[0].size // found.error.shape[1]
    return found


@torch.inference_mode()
def _alpha(opened: Opened, inputs: Tensor) -> Iterator[Tensor]:
    """α̂ (h·w, N) of each frame: DicFace's, or CodeFormer's softmax."""
    network, method = opened.network, opened.method
    if opened.is_dicface:
        yield from stream_alpha(network, inputs, settings=StreamSettings(position=method.position))
        return
    for x in inputs.split(default_batch(network.settings.resolution)):
        lq_feat, _ = network.encode(_prepared(opened, x))
        yield from network.logits(lq_feat).float().softmax(-1).cpu()


def _weights(opened: Opened, alpha: Tensor) -> Tensor:
    """ŵ (T, h·w, N): the expected ones, mixed as the network mixes them."""
    if opened.is_dicface:
        return opened.network.weights(alpha, opened.method.aggregation, "mean")
    return alpha


@torch.inference_mode()
def _decoded(
    opened: Opened, inputs: Tensor, latents: dict[str, Tensor]
) -> Iterator[tuple[int, str, NDArray[np.uint8]]]:
    """Number, mixture and image (S, S, 3) of every frame decoded from every mixture.

    Args:
        opened: The network.
        inputs: (T, 3, S, S) in [0, 1].
        latents: Mixture -> (T, h·w, d).
    """
    network, side = opened.network, opened.network.settings.latent_size
    with_adain = getattr(opened.method, "adain", False)
    known = opened.method.task == INPAINTING.id and not opened.is_dicface
    size = default_batch(network.settings.resolution)
    for first in range(0, len(inputs), size):
        part = inputs[first : first + size]
        x = _prepared(opened, part)
        lq_feat, skips = network.encode(x)
        for name, latent in latents.items():
            quant = latent[first : first + size].to(x).transpose(1, 2).unflatten(2, (side, side))
            quant = adain(quant, lq_feat) if with_adain else quant
            w = 0.0 if name == "no_skips" else opened.fidelity_w
            images = network.decode(quant.contiguous(), skips, w).clamp(-1, 1).add(1).div(2).cpu()
            if known:  # as CodeFormer's method does
                images = images.where((part == 1).all(1, keepdim=True), part)
            for i, image in enumerate(images):
                yield first + i, name, to_uint8(image)


def _prepared(opened: Opened, frames: Tensor) -> Tensor:
    x = frames.to(next(opened.network.parameters()).device).mul(2).sub(1)
    return x.contiguous(memory_format=torch.channels_last)


def _error(
    image: NDArray[np.uint8], truth: NDArray[np.uint8], latent_size: int
) -> NDArray[np.float64]:
    """Mean |error| of the block of pixels of each position, (h·w,) grey levels."""
    error = np.abs(image.astype(np.float64) - truth).mean(-1)
    block = len(error) // latent_size
    return error.reshape(latent_size, block, latent_size, block).mean((1, 3)).ravel()


def _psnr_of_set(by_clip: dict[str, dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in by_clip.values()])) for name in MIXTURES}


def _costs(by_clip: dict[str, dict[str, float]], reference: str) -> dict[str, dict[str, float]]:
    """What each mixture loses to the one that the network restores with, with 95 % intervals."""
    counts = bootstrap_counts(list(by_clip))
    found = {}
    for name in MIXTURES:
        if name != reference:
            values = np.array([one[reference] - one[name] for one in by_clip.values()])
            estimate = mean_interval(values, counts)
            found[name] = {"mean": estimate.mean} | {
                end: None if np.isnan(value) else value
                for end, value in (("low", estimate.low), ("high", estimate.high))
            }
    return found
