"""Our own weights: one safetensors file that says which network it holds and how it was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file

from dicface.base import reading
from dicface.base.errors import WeightsError
from dicface.base.files import atomic_path

if TYPE_CHECKING:
    import torch

HEADER = "dicface"
_WEIGHTS = reading.Own(
    "a whole safetensors file that `dicface job train` wrote",
    "Delete it and make it again.",
    "Train the network first: `snakemake table1` does, or `dicface job train --run … --network …` "
    "by hand.",
    WeightsError,
)


def save_weights(path: str | Path, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
    """Writes tensors and facts (anything JSON can hold) to one file, atomically."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata={HEADER: json.dumps(facts, sort_keys=True)})


def read_header(path: str | Path) -> dict[str, Any]:
    """Returns the facts that `save_weights` stored.

    Raises:
        WeightsError: The file is missing, damaged, or was not written by the suite.
    """
    path = Path(path)
    if path.is_file() and path.suffix != ".safetensors":
        raise WeightsError(
            f"{path}: is no .safetensors file, which trainings write; a file that its authors "
            "released goes with their method (`dicface methods list`)."
        )
    metadata = reading.read_header(path, _WEIGHTS)
    if HEADER not in metadata:
        _WEIGHTS.refuse(path, "does not say which network it holds")
    with reading.said(path, _WEIGHTS):
        return json.loads(metadata[HEADER])


def facts_of(path: str | Path) -> dict[str, Any]:
    """Returns the facts that `save_weights` stored; none of a file from elsewhere or a damaged one.

    Of a trained network: `network` (as `dicface.models.build` knows it), `settings`, `task`,
    `stage`, and how it was trained.
    """
    try:
        return read_header(path)
    except WeightsError:
        return {}


def require_task(path: str | Path, task: str, label: str) -> None:
    """Looks whether weights were trained for a task; files that do not say so are taken.

    Args:
        path: The weights file.
        task: What is to be done.
        label: Of the method that is to do it, for messages.

    Raises:
        WeightsError: They were trained for another task.
    """
    trained_for = facts_of(path).get("task", task)
    if trained_for != task:
        raise WeightsError(
            f"{path}: was trained for the task '{trained_for}', and {label} is to do '{task}'. "
            f"Give weights that were trained for '{task}', or ask for the task '{trained_for}'."
        )


def load_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """Returns all tensors of a file by name, on the CPU (errors as `read_header`)."""
    read_header(path)
    return reading.read_tensors(path, _WEIGHTS)


def load_network(path: str | Path) -> tuple[torch.nn.Module, dict[str, Any]]:
    """Builds the network that a weights file describes, in eval mode, and returns its facts too.

    The facts hold `network` (a name that `dicface.models.build` knows) and `settings`.

    Raises:
        WeightsError: The file is missing or damaged, or its tensors do not fit the network that it
            names.
    """
    from dicface.models import build

    facts = read_header(path)
    network = build(facts["network"], **facts["settings"])
    load_state(network, load_tensors(path), str(path))
    return network.eval(), facts


def load_state(
    network: torch.nn.Module,
    state: dict[str, torch.Tensor],
    where: str,
    *,
    ignore_missing: bool = False,
) -> list[str]:
    """Loads tensors into a network, strictly, and returns the names that stayed as they were.

    Args:
        network: Receives the tensors.
        state: Tensors by name.
        where: The file they came from, for messages.
        ignore_missing: Allows the network to have tensors that the file lacks (a network that
            starts from the weights of an earlier stage).

    Raises:
        WeightsError: A shape differs or a name is missing or unknown; the message lists a few.
    """
    own = network.state_dict()
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    shapes = [
        f"{name}: file {tuple(state[name].shape)}, network {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    problems = [
        f"{len(names)} {kind} ({'; '.join(names[:3])}{'; …' if len(names) > 3 else ''})"
        for kind, names in (
            ("tensors of other shapes", shapes),
            ("tensors that the network does not have", unexpected),
            ("tensors missing", [] if ignore_missing else missing),
        )
        if names
    ]
    if problems:
        raise WeightsError(
            f"{where}: holds {len(state)} tensors that do not fit {type(network).__name__}: "
            f"{', '.join(problems)}. It belongs to another network or to other settings."
        )
    network.load_state_dict(state, strict=not ignore_missing)
    return missing
