"""Putting released weights into a network, with messages that say what the file looks like."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Collection, Iterable
from pathlib import Path

from torch import Tensor, nn

from dicface.base.errors import WeightsError
from dicface.models import NETWORKS
from dicface.models.checkpoint import facts_of, load_state
from dicface.weights import registry
from dicface.weights.convert import read_checkpoint

_log = logging.getLogger(__name__)

# Released checkpoints wrap their tensors; the averaged weights come first, as in the releases.
WRAPPERS = ("params_ema", "params", "g_ema", "state_dict")

# Key prefixes that give a network away, the most telling first.
_SIGNS = (
    ("kalman_filter.", "KEEP"),
    ("conditionnet.", "PGTFormer"),
    ("dir_dist_layers.", "DicFace"),
    ("fuse_convs_dict.", "CodeFormer"),
    ("quantize.embedding.", "a VQ autoencoder"),
    ("conv_body_first.", "GFPGAN"),
    ("ecd0.", "GPEN"),
    ("generator_ema.image_cleaning.", "RealBasicVSR"),
    ("generator.deform_align.", "BasicVSR++"),
    ("input_blocks.", "PGDiff's prior"),
    ("generator.body.", "PGDiff's restorer"),
)


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Reads the tensors of a .safetensors file or of a PyTorch checkpoint, on the CPU.

    A checkpoint may wrap them under one of `WRAPPERS`. Its converted copy is read in its place
    where `dicface weights` made one.

    Raises:
        WeightsError: The file is missing, damaged, or holds anything but tensors.
    """
    content = read_checkpoint(path)
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise WeightsError(
            f"{path}: holds {_kind_of(content)}; expected named tensors, alone or under "
            f"{', '.join(WRAPPERS)}. Get the file from its authors."
        )
    return content


def load_into(
    network: nn.Module,
    path: str | Path,
    *,
    label: str,
    prefixes: Iterable[str] = (),
    ignore_others: bool = False,
) -> None:
    """Loads a released weights file into `network`, every name and shape exactly.

    Args:
        network: Takes the weights; unchanged if the file does not fit.
        path: A .safetensors file or a PyTorch checkpoint.
        label: What the network is, for messages: "CodeFormer".
        prefixes: Under which the file may keep the network, the preferred one first (see
            `without_prefix`). One that stands before all names alike goes without being named here.
        ignore_others: Allows tensors beside the network's, as of a file from training.

    Raises:
        WeightsError: The file is damaged, or belongs to another network or another size of it; the
            message lists a few tensors that do not fit and says what the file looks like.
    """
    _require_alike(network, path, label)
    whole = read_state(path)
    own = network.state_dict().keys()
    state = _without_wrapper(without_prefix(whole, prefixes), own, path)
    if ignore_others and own <= state.keys():
        state = {key: state[key] for key in own}
    try:
        load_state(network, state, str(path))
    except WeightsError as error:
        raise WeightsError(
            f"{error} The file looks like {looks_like(whole)}; expected {label} "
            f"({_extent(network.state_dict())})."
        ) from None


def identify(path: Path) -> registry.WeightsEntry | None:
    """Returns the registry's entry of a released file, known by its name or its digest.

    Raises:
        WeightsError: It has the name of a released file and another content.
    """
    for known in registry.registry().values():
        if path.name == known.file:
            registry.check(path, known)
            return known
    for known in registry.registry().values():
        by, problem = registry.compare(path, known)
        if by not in (None, "size") and problem is None:
            return known
    return None


def _require_alike(network: nn.Module, path: str | Path, label: str) -> None:
    """Compares a network with the header of a file that a training wrote; others have none.

    Raises:
        WeightsError: The file holds another network, or one of other settings.
    """
    facts = facts_of(path)
    kind = next((name for name, known in NETWORKS.items() if type(network) is known), None)
    found = facts.get("network", kind)
    if found != kind:
        raise WeightsError(
            f"{path}: holds the network '{found}' from a training, expected {label}. Give it to "
            "the method that restores with it (`dicface methods list`)."
        )
    if kind is None or "settings" not in facts:
        return
    own = json.loads(json.dumps(dataclasses.asdict(network.settings)))
    differ = {key: value for key, value in facts["settings"].items() if own.get(key) != value}
    if differ:
        trained = ", ".join(f"{key} {value}" for key, value in differ.items())
        expected = ", ".join(f"{key} {own.get(key)}" for key in differ)
        raise WeightsError(
            f"{path}: was trained with {trained}; {label} has {expected}. Give weights with these "
            f"settings, or restore with the method '{kind}_trained', which takes any."
        )


def without_prefix(state: dict[str, Tensor], prefixes: Iterable[str]) -> dict[str, Tensor]:
    """Takes one network out of a checkpoint that holds several.

    Args:
        state: Tensors by key.
        prefixes: Key prefixes, the preferred one first.

    Returns:
        The tensors under the first prefix that occurs, without it; `state` if none does.

    >>> without_prefix({"generator.a": 1, "step_counter": 2}, ("generator_ema.", "generator."))
    {'a': 1}
    """
    for prefix in prefixes:
        found = {
            key.removeprefix(prefix): tensor
            for key, tensor in state.items()
            if key.startswith(prefix)
        }
        if found:
            return found
    return state


def _without_wrapper(
    state: dict[str, Tensor], own: Collection[str], path: str | Path
) -> dict[str, Tensor]:
    """The tensors without what a wrapper of the network put before all of its names, and a word.

    `torch.nn.DataParallel` puts "module." there, Lightning "model.", `torch.compile` "_orig_mod.".
    """
    first = next(iter(own), "")
    longer = next((key for key in state if key.endswith(f".{first}")), first)
    prefix = longer.removesuffix(first)
    if first in state or not prefix or not all(key.startswith(prefix) for key in state):
        return state
    _log.info("%s: all names begin with '%s', which is left out", path, prefix)
    return without_prefix(state, [prefix])


def looks_like(state: dict[str, Tensor]) -> str:
    """Says which network a state dict seems to belong to, and how large it is.

    >>> import torch
    >>> looks_like({"dir_dist_layers.0.norm1.weight": torch.zeros(512)})
    'DicFace (1 tensors, 0.0 M parameters)'
    """
    name = "an unknown network"
    for sign, network in _SIGNS:
        if any(key.startswith(sign) for key in state):
            name = network
            break
    return f"{name} ({_extent(state)})"


def _extent(state: dict[str, Tensor]) -> str:
    parameters = sum(tensor.numel() for tensor in state.values())
    return f"{len(state)} tensors, {parameters / 1e6:.1f} M parameters"


def _kind_of(content: object) -> str:
    if isinstance(content, dict):
        return f"a dictionary with {', '.join(map(str, list(content)[:3]))}"
    return f"a {type(content).__name__}"
