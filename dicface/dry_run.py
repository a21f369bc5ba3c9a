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

from dicface import losses
from dicface.config import Config
from dicface.models import build
from dicface.stages import NETWORK_OF_STAGE, STAGE_CLASSES

#: Bytes a trained parameter takes: weight, gradient, two moments of Adam, moving average.
BYTES_PER_PARAMETER = 5 * 4


def describe(config: Config, name: str) -> str:
    """Returns a stage's resolved settings and what it will take, as YAML text.

    Memory is an estimate: 20 bytes a trained parameter, and the tensors that one process saves for
    the backward pass, counted on a forward pass without values in float32. LPIPS, a discriminator
    and workspaces of the convolution library come on top.

    Args:
        config: The run.
        name: One of `dicface.config.STAGES`.
    """
    s = config.stage(name)
    network_name = NETWORK_OF_STAGE[name]
    settings = config.model_settings(network_name)
    frames = config.model["dicface"]["frame_length"] if name == "dicface" else 1
    with FakeTensorMode():
        network = build(network_name, **settings)
        prior = build("vqgan", **config.model_settings("vqgan"))
        objective = losses.Objective(
            prior=s.prior_alpha, kl_weight=s.kl_weight if name == "dicface" else 0.0, lambda2=0.0
        )
        stage = STAGE_CLASSES[name](network, s, objective, prior)
        batch = torch.empty(s.batch_size, frames, 3, config.data.size, config.data.size)
        activations = _saved_bytes(stage, batch)
    parameters = sum(p.numel() for p in network.parameters())
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    facts: dict[str, Any] = {
        "stage": name,
        "network": network_name,
        "model": {**dataclasses.asdict(network.settings)},
        "train": dataclasses.asdict(s),
        "degradation": None if name == "vqgan" else config.degradation,
        "seed": config.seed_name,
        "resolved": {
            "parameters": parameters,
            "parameters trained": trained,
            "frames a step": s.batch_size * frames,
            "frames in all": s.steps * s.batch_size * frames,
            "estimated memory": {
                "weights, gradients, Adam, average (GB)": round(
                    (trained * BYTES_PER_PARAMETER + (parameters - trained) * 4) / 1e9, 3
                ),
                "saved for backward, float32, over all processes (GB)": round(activations / 1e9, 3),
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
