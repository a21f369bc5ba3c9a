"""What a training stage would be: settings resolved, parameters, samples, estimated memory.

Networks are built of fake tensors: shapes without values, so that the paper's sizes are described
in seconds on a laptop.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
import yaml
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from dicface.config.networks import network
from dicface.config.settings import Config
from dicface.models import build
from dicface.training import losses
from dicface.training.stages import STAGE_CLASSES, kl_weight_of

#: Bytes a trained parameter takes: weight, gradient, two moments of Adam, moving average.
BYTES_PER_PARAMETER = 5 * 4


def describe(config: Config, name: str) -> str:
    """Returns a network's resolved settings and what it will take, as YAML text.

    Memory is an estimate: 20 bytes a trained parameter, and the tensors that one process saves for
    the backward pass of what it computes at once (`micro_batch`, or the batch), counted on a
    forward pass without values in float32. LPIPS, a discriminator and workspaces of the convolution
    library come on top.

    Args:
        config: The run.
        name: A stage or a variant.
    """
    resolved = network(config, name)
    s, frames = resolved.train, resolved.frames
    with FakeTensorMode():
        learns = build(resolved.kind, **resolved.settings())
        prior = build("vqgan", **resolved.settings("vqgan"))
        objective = losses.Objective(
            prior=s.prior_alpha,
            kl_weight=kl_weight_of(learns, s) if resolved.stage == "dicface" else 0.0,
            lambda2=0.0,
        )
        stage = STAGE_CLASSES[resolved.stage](learns, s, objective, prior)
        part = s.micro_batch or s.batch_size
        batch = torch.empty(part, frames, 3, config.data.size, config.data.size)
        activations = _saved_bytes(stage, batch)
    parameters = sum(p.numel() for p in learns.parameters())
    trained = sum(p.numel() for p in learns.parameters() if p.requires_grad)
    facts: dict[str, Any] = {
        "name": name,
        "stage": resolved.stage,
        "task": resolved.task,
        "network": resolved.kind,
        "model": {**dataclasses.asdict(learns.settings)},
        "train": dataclasses.asdict(s),
        "degradation": dataclasses.asdict(config.degradation)
        if resolved.task == "bfr" and resolved.stage != "vqgan"
        else None,
        "seed": resolved.seed_name,
        "resolved": {
            "parameters": parameters,
            "parameters trained": trained,
            "frames a step": s.batch_size * frames,
            "frames in all": s.steps * s.batch_size * frames,
            "estimated memory": {
                "weights, gradients, Adam, average (GB)": round(
                    (trained * BYTES_PER_PARAMETER + (parameters - trained) * 4) / 1e9, 3
                ),
                f"saved for backward, float32, {part} samples at once (GB)": round(
                    activations / 1e9, 3
                ),
            },
        },
    }
    return yaml.safe_dump(_plain(facts), sort_keys=False, allow_unicode=True)


def _saved_bytes(stage: torch.nn.Module, batch: Tensor) -> int:
    """Counts the distinct tensors that autograd saves, parameters left out."""
    own = {id(p) for p in stage.parameters()}
    saved: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if id(tensor) not in own:
            saved[id(tensor)] = tensor
        return tensor

    stage.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        stage(batch, batch)
    return sum(t.numel() * t.element_size() for t in saved.values())


def _plain(value: Any) -> Any:  # noqa: ANN401 - anything YAML can hold
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
