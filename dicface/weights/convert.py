"""Reading released checkpoints safely, and rewriting them once as safetensors.

A `.pth`, `.pt` or `.ckpt` file is a pickle, which can run code when it is opened. It is only ever
read by torch's reader that knows tensors and plain containers and refuses all else. The copy as
safetensors cannot hold code at all, and loads faster.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dicface.base.errors import WeightsError
from dicface.base.files import atomic_path, sha256_of
from dicface.base.reading import Own, read_header, read_tensors, said
from dicface.weights import registry

_WEIGHTS = Own(
    "weights as a whole safetensors file",
    "It looks damaged or cut short; delete it and get it again.",
    "Check the path.",
    WeightsError,
)
HEADER = "dicface.checkpoint"
"""Metadata key; JSON: `nested`, names of the wrappers, and `plain`, the values beside tensors."""


def read_checkpoint(path: str | Path) -> Any:  # noqa: ANN401 - whatever the checkpoint holds
    """Reads a .safetensors file or a PyTorch checkpoint, on the CPU.

    The converted copy of a checkpoint is read in its place where there is one; it gives the same
    tensors under the same wrappers.

    Raises:
        WeightsError: The file is missing or damaged, would run code when opened, or its converted
            copy is damaged.
    """
    path = Path(path)
    path = registry.converted_copy(path) or path
    if path.is_file() and (other := registry.not_weights(path)):
        raise WeightsError(f"{path}: is {other}. Delete it and get it again.")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such weights file. Check the path.") from error
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: is no checkpoint of tensors alone ({_refusal(error)}). It is damaged, "
            "another kind of file, or would run code when opened, which is refused; get it from "
            "its authors."
        ) from error
    except Exception as error:  # torch raises many kinds for damaged files
        raise WeightsError(
            f"{path}: cannot be read as weights ({_first_line(error)}). The file looks damaged or "
            "cut short; delete it and get it again."
        ) from error


def read_script(path: Path, name: str, device: str) -> torch.jit.ScriptModule:
    """Loads a TorchScript file, whose code then runs: the one that the registry knows, no other.

    Args:
        path: The file.
        name: Its entry of the registry.
        device: Where it runs.

    Raises:
        WeightsError: Its sha256 is not the registry's, whatever lies beside it.
    """
    known = registry.entry(name)
    found = sha256_of(path)
    if found != known.sha256:
        raise WeightsError(
            f"{path}: is a program with sha256 {found[:16]}…, expected {str(known.sha256)[:16]}…; "
            f"another one is never run. Delete it, then {registry.how_to_get(known)}."
        )
    return torch.jit.load(str(path), map_location=device).eval()


def convertible(path: Path, name: str) -> bool:
    """Whether a file is a pickled checkpoint: one by its name, and not TorchScript."""
    if Path(name).suffix not in registry.PICKLES:
        return False
    if not zipfile.is_zipfile(path):
        return True
    with zipfile.ZipFile(path) as archive:
        # Only a TorchScript archive brings code.
        return not any("/code/" in name for name in archive.namelist())


def convert(source: Path, target: Path) -> bool:
    """Writes the tensors of a checkpoint to a safetensors file.

    Names inside wrappers are joined with "/": "params_ema/encoder.conv_in.weight".

    Returns:
        Whether it was written: a checkpoint without named tensors has no such form.

    Raises:
        WeightsError: The checkpoint is damaged or would run code.
        DicfaceError: The disk is full.
    """
    # Here, so that checkpoints can be read where torch alone is installed.
    from safetensors.torch import save_file

    content = read_checkpoint(source)
    if not isinstance(content, dict):
        return False
    tensors: dict[str, Tensor] = {}
    plain: dict[str, Any] = {}
    for name, value in _flat(content):
        if name in tensors or name in plain:
            raise WeightsError(f"{source}: has two values under the name '{name}'.")
        if isinstance(value, Tensor):
            if value.layout != torch.strided or value.is_quantized:
                return False
            # A copy of its own: safetensors refuses tensors that share memory.
            tensors[name] = value.detach().clone(memory_format=torch.contiguous_format)
        else:
            simple = value is None or isinstance(value, bool | int | float | str)
            plain[name] = value if simple else repr(value)
    if not tensors:
        return False
    nested = [str(name) for name, value in content.items() if isinstance(value, dict)]
    header = json.dumps({"nested": nested, "plain": plain}, sort_keys=True)
    with atomic_path(target) as temporary:
        save_file(tensors, temporary, metadata={HEADER: header})
    return True


def _read_safetensors(path: Path) -> dict[str, Any]:
    metadata, tensors = read_header(path, _WEIGHTS), read_tensors(path, _WEIGHTS)
    if HEADER not in metadata:
        return tensors
    with said(path, _WEIGHTS):
        header = json.loads(metadata[HEADER])
    content: dict[str, Any] = {name: {} for name in header["nested"]}
    for name, value in {**header["plain"], **tensors}.items():
        wrapper, slash, inner = name.partition("/")
        if slash and wrapper in content and wrapper in header["nested"]:
            content[wrapper][inner] = value
        else:
            content[name] = value
    return content


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Leaves of nested dictionaries and lists, with the names that lead to them."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple | set):
        items = enumerate(value)
    else:
        yield prefix, value
        return
    for key, inner in items:
        yield from _flat(inner, f"{prefix}/{key}" if prefix else str(key))


def _refusal(error: Exception) -> str:
    """The sentence of torch's message that names what the pickle asked for."""
    lines = [line.strip() for line in str(error).splitlines()]
    # The first line advises to open the file all the same, which must not reach the user.
    telling = [line for line in lines if "nsupported" in line or "GLOBAL" in line]
    return (telling or [_first_line(error)])[0].split(". ")[0].rstrip(".")


def _first_line(error: Exception) -> str:
    return (str(error).strip().split("\n")[0] or type(error).__name__).rstrip(".")
