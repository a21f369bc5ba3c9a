"""Compares our networks, losses and data code with stored reference tensors.

    python -m tests.parity.compare NAME --golden FILE --seed S [--manifest FILE]

prints the largest deviation of each tensor beside its tolerance and exits 1 if one lies beyond, or
if a tensor of the file was not compared. NAME is the folder of the reference files: `dicface`,
`codeformer`, …; the keys of FILE tell which case it is. The manifest is looked for beside FILE and
then among the reference files (`$DICFACE_SHARED`).
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]

# Folder → (a key that only this kind of file has, case module, manifest).
VARIANTS = {
    "dicface": (
        ("kl_coefs", "dicface_losses", "manifest_losses.json"),
        ("face_template", "dicface_data", None),
    ),
    "codeformer": (("codebook_loss", "codeformer_vqgan", "manifest_vqgan.json"),),
}


@dataclass(frozen=True)
class Deviation:
    """One tensor: how far ours lies from the stored one, and how far it may."""

    name: str
    deviation: float
    allowed: float

    @property
    def ok(self) -> bool:
        """Whether it is within the tolerance (NaN is not)."""
        return self.deviation <= self.allowed

    def __str__(self) -> str:
        verdict = "ok" if self.ok else "FAIL"
        return f"{self.name:42} {self.deviation:12.3e}  allowed {self.allowed:9.1e}  {verdict}"


def shared() -> Path:
    """The folder of reference files."""
    return Path(os.environ.get("DICFACE_SHARED", ROOT.parent / "shared"))


def case_of(name: str, keys: Mapping) -> tuple[str, str | None]:
    """Returns the case module and the manifest's file name for a golden file with these keys."""
    for key, case, manifest in VARIANTS.get(name, ()):
        if key in keys:
            return case, manifest
    return name, "manifest.json"


def read_manifest(name: str, file_name: str, golden: Path) -> dict:
    """Reads the manifest beside the golden file or in the reference folder."""
    places = [golden.parent / file_name, shared() / "facts" / name / file_name]
    for place in places:
        if place.is_file():
            return json.loads(place.read_text())
    raise FileNotFoundError(f"no manifest: looked for {places[0]} and {places[1]}; use --manifest")


def deviations(
    name: str, golden_path: Path, seed: int, manifest_path: Path | None = None
) -> Iterator[Deviation]:
    """Yields the deviation of each tensor of a golden file; inf for one that is not compared."""
    with np.load(golden_path) as file:
        golden = {key: file[key] for key in file.files}
    case_name, manifest_name = case_of(name, golden)
    case = importlib.import_module(f"tests.parity.cases.{case_name}")
    compared = set()
    if hasattr(case, "compare"):
        for key, deviation, allowed in case.compare(golden, seed):
            yield Deviation(key, float(deviation), float(allowed))
        return
    if manifest_path is not None:
        manifest = json.loads(manifest_path.read_text())
    else:
        manifest = read_manifest(name, manifest_name, golden_path) if manifest_name else {}
    for key, ours, tolerance in case.tensors(seed, golden, manifest):
        if key in golden:
            compared.add(key)
            yield Deviation(key, *tolerance.deviation(ours, golden[key]))
    for key in golden.keys() - compared:
        yield Deviation(f"{key} (not compared)", float("inf"), 0.0)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity.compare", description=__doc__)
    parser.add_argument("name", metavar="NAME", help="folder of the reference files, e.g. dicface")
    parser.add_argument("--golden", type=Path, required=True, help="the .npz file")
    parser.add_argument("--seed", type=int, required=True, help="SEED of the recipe")
    parser.add_argument("--manifest", type=Path, help="the manifest, if it is elsewhere")
    options = parser.parse_args(arguments)
    count, failed = 0, []
    for deviation in deviations(options.name, options.golden, options.seed, options.manifest):
        print(deviation, flush=True)
        count += 1
        if not deviation.ok:
            failed.append(deviation.name)
    print(f"{count - len(failed)} of {count} tensors within tolerance")
    if failed:
        print(f"FAIL: {', '.join(failed)}")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
