"""Ways to damage a file. Each takes the file, another of its kind, and a source of numbers."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

Damage = Callable[[Path, Path, random.Random], None]


def truncate(path: Path, other: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])


def flip(path: Path, other: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def zero(path: Path, other: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    first = rng.randrange(len(data))
    data[first : first + 512] = bytes(len(data[first : first + 512]))
    path.write_bytes(data)


def swap(path: Path, other: Path, rng: random.Random) -> None:
    shutil.copyfile(other, path)


def other_kind(path: Path, other: Path, rng: random.Random) -> None:
    path.write_bytes(rng.choice([b"", b"{}", b"[]", b"a: 1\n", b"\x89PNG\r\n\x1a\n", b"PK\3\4"]))


def folder(path: Path, other: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def dangling(path: Path, other: Path, rng: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.with_name("gone") if rng.random() < 0.5 else path)


def wrong_key(path: Path, other: Path, rng: random.Random) -> None:
    """A key, column, array or tensor of another name."""

    def renamed(found: dict) -> dict:
        key = rng.choice(sorted(found))
        return {f"{name}_" if name == key else name: value for name, value in found.items()}

    _rewritten(path, renamed)


def wrong_type(path: Path, other: Path, rng: random.Random) -> None:
    """A value of another type, or one that is not a number."""

    def retyped(found: dict) -> dict:
        key = rng.choice(sorted(found))
        value = found[key]
        if isinstance(value, pd.Series):
            wrong = pd.Series([f"x{i}" for i in range(len(value))])
            if value.dtype.kind == "f" and rng.random() < 0.7:
                wrong = value.where(np.arange(len(value)) > 0, np.inf)
        elif isinstance(value, np.ndarray):
            wrong = np.full(value.shape, np.inf if value.dtype.kind == "f" else 7, np.float32)
        else:
            wrong = rng.choice([None, 3, "text", [1], {"a": 1}, float("nan"), -1])
        return found | {key: wrong}

    _rewritten(path, retyped)


DAMAGES: dict[str, Damage] = {
    each.__name__: each
    for each in (
        truncate,
        flip,
        zero,
        swap,
        other_kind,
        folder,
        dangling,
        wrong_key,
        wrong_type,
    )
}


def _rewritten(path: Path, change: Callable[[dict], dict]) -> None:
    """Reads a file of a kind that has names in it, and writes it changed."""
    match path.suffix:
        case ".json" | ".yaml":
            load, dump = (json.loads, json.dumps)
            if path.suffix == ".yaml":
                load, dump = yaml.safe_load, yaml.safe_dump
            found = load(path.read_text())
            if isinstance(found, dict) and found:
                path.write_text(dump(change(found)))
            else:
                path.write_text("3")
        case ".jsonl":
            lines = path.read_text().splitlines()
            lines[0] = json.dumps(change(json.loads(lines[0])))
            path.write_text("".join(f"{line}\n" for line in lines))
        case ".parquet":
            table = pd.read_parquet(path)
            pd.DataFrame(change(dict(table.items()))).to_parquet(path)
        case ".npz":
            with np.load(path) as stored:
                found = dict(stored)
            np.savez(path, **change(found))
        case ".safetensors":
            with safe_open(path, "numpy") as file:
                metadata = file.metadata()
            save_file(change(load_file(path)), path, metadata=metadata)
        case _:
            path.write_bytes(path.read_bytes()[::-1])
