"""Writes the numbers that README.md and docs/ quote of runs, from the tables kept in docs/runs/.

    python docs/runs.py               writes all blocks anew from what is kept
    python docs/runs.py RUN...        keeps the tables and the picture of these runs first

A block stands between `<!-- run NAME TABLE -->` and `<!-- end of run -->`, or, for what a table
says of the codes of its networks, between `<!-- codes NAME TABLE -->` and `<!-- end of codes -->`.
One whose table was not kept says so. A test writes them all and finds nothing changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dicface.base.files import atomic_path, sha256_of, write_json
from dicface.provenance.manifest import sidecar
from dicface.report.render import cells
from dicface.report.render.screen import finding
from dicface.report.tables.table import Table, read_table

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "docs" / "runs"
PICTURES = ROOT / "docs" / "images"
BLOCK = re.compile(r"(<!-- (run|codes) (\S+) (\S+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)


def keep(run: Path) -> Path:
    """Copies the whole tables of a run, and what they were made from in a few facts."""
    kept = KEPT / run.name
    for table in sorted(run.glob("tables/*.json")):
        if table.name.endswith(".manifest.json"):
            continue
        for suffix in (".json", ".csv"):
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(table.with_suffix(suffix), kept / f"{table.stem}{suffix}")
        manifest = json.loads(sidecar(table.with_suffix(".md")).read_text(encoding="utf-8"))
        code, machine = manifest["code"], manifest["machine"]
        facts = {
            "commit": code["commit"] or code["note"],
            "changed": code["changed"],
            "ended": manifest["ended"],
            "cpu": machine["cpu"],
            "sha256": sha256_of(table.with_suffix(".csv")),
        }
        write_json(kept / f"{table.stem}.facts.json", facts)
    picture = run / "figures" / "comparison.png"
    if picture.is_file():
        shutil.copyfile(picture, PICTURES / f"{run.name}_comparison.png")
    return kept


def pages() -> Iterator[Path]:
    """Every page that may quote a run."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").rglob("*.md"))


def written(page: Path) -> str:
    """Returns the text of a page with all its blocks as they have to be."""
    text = page.read_text(encoding="utf-8")
    where = os.path.relpath(KEPT, page.parent)

    def inside(kind: str, kept: Path, name: str) -> str:
        if not (kept / f"{name}.json").is_file():
            return f"*No {name} of such a run is kept yet.*\n"
        return block(kept, name, where) if kind == "run" else codes(kept, name)

    return BLOCK.sub(lambda m: f"{m[1]}{inside(m[2], KEPT / m[3], m[4])}{m[5]}", text)


def codes(kept: Path, name: str) -> str:
    """What a table says of the codes of its networks."""
    notes = read_table(kept / f"{name}.json").general
    return "".join(f"- {text}\n" for text in notes if "effective codes" in text.lower())


def block(kept: Path, name: str, where: str) -> str:
    """The finding, the rows that have scores, paired differences, and where all that comes from.

    A table of steps, without a reference, has no finding.
    """
    table = read_table(kept / f"{name}.json")
    facts = json.loads((kept / f"{name}.facts.json").read_text(encoding="utf-8"))
    heads = [f"{m.name} {cells.arrow(m)}".strip() for m in table.metrics]
    found = finding(table)
    lines = [
        *([found, ""] if found else []),
        f"| | {' | '.join(heads)} |",
        "|---" * (len(heads) + 1) + "|",
    ]
    for row, values in cells.main_cells(table):
        if row.metrics is not None:
            texts = (f"{cells.SAME if cell.tied else ''}{cell.value}" for cell in values)
            lines.append(f"| {row.label} | {' | '.join(texts)} |")
    lines += ["", *_differences(table), ""]
    commit = f"{facts['commit'][:12]}{' with changes' if facts['changed'] else ''}"
    lines.append(
        f"Means over {table.num_clips} clips; {table.setting}. Made by commit {commit} on "
        f"{facts['ended'][:10]} ({facts['cpu']}); [all numbers]"
        f"({where}/{kept.name}/{name}.csv), sha256 "
        f"`{facts['sha256'][:16]}…`."
    )
    return "\n".join([*lines, ""])


def _differences(table: Table) -> Iterator[str]:
    """PSNR and TLME of the reference minus every other row, or of steps, with intervals."""
    chosen = [facts for facts in table.metrics if facts.id in ("psnr", "tlme")]
    heads = " | ".join(f"{m.name}{f', {m.unit}' if m.unit else ''}" for m in chosen)
    reference = next(iter(table.references.values()), None)
    yield f"| {f'{table.label(reference)} minus …' if reference else 'Step'} | {heads} |"
    yield "|---" * (len(chosen) + 1) + "|"
    for (_, method, other), lines in table.differences.groupby(
        ["block", "method_a", "method_b"], sort=False
    ):
        by_metric = lines.set_index("metric")
        texts = []
        for facts in chosen:
            line, digits = by_metric.loc[facts.id], table.digits[facts.id]
            if not np.isfinite(line["mean"]):
                continue
            mean, low, high = (
                cells.number(line[end], digits, signed=True) for end in ("mean", "low", "high")
            )
            texts.append(f"{mean} [{low}, {high}] {cells.verdict(line, facts)}".strip())
        if texts:
            label = table.label(other if reference else method)
            yield f"| {label} | {' | '.join(texts)} |"


if __name__ == "__main__":
    for each in sys.argv[1:]:
        keep(Path(each))
    for page in pages():
        if (text := written(page)) != page.read_text(encoding="utf-8"):
            with atomic_path(page) as temporary:
                temporary.write_text(text, encoding="utf-8")
