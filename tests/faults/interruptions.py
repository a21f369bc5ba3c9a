"""Jobs that are killed at a write or run out of disk, and the same command again."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from dicface.base.files import sha256_of
from dicface.cli.main import EXIT_USER_ERROR, main
from dicface.jobs import Job
from dicface.provenance.manifest import CARD, RUN_MANIFEST, SUFFIX
from tests.faults.forked import forked
from tests.faults.tiny_run import key, words

TIMED = ("validation.jsonl",)
"""JSON lines with measured seconds among what repeats."""

OUTCOMES = ("same bytes", "other bytes", "half-written", "left over", "no sentence", "hang")
"""In the end every file is an undisturbed run's; it is not; a file had its final name and was not
whole; a temporary file stayed; a traceback or an error without a word; …"""
LOGS = ("logs", "benchmarks", "tensorboard")
GROWING = ("stats.jsonl", "checkpoint.safetensors")
"""Files of a training, which a later one reads as far as they go."""
CHANGES = ("rename", "remove", "mkdir", "rmdir", "link", "symlink", "truncate")
PAGE_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """A job that nothing happens to.

    Attributes:
        job: The job.
        before: The run as it was before the job.
        after: Digest of every file of the run after it.
        varying: Files that differ from one undisturbed run of it to the next: they hold seconds.
        writes: How often it opens a file to write, or renames, removes or makes one.
        pages: Room that it takes on a disk.
        files: Number of files that it makes.
    """

    job: Job
    before: Path
    after: Mapping[str, str]
    varying: frozenset[str]
    writes: int
    pages: int
    files: int


@dataclass(frozen=True)
class Outcome:
    """What came of an interruption.

    Attributes:
        how: What was done, a row of the table.
        where: Of which job, at which write.
        came: Whether it came before the job's end.
        outcome: One of `OUTCOMES`.
        said: What the commands said, and which files are wrong.
        varying: Files that differ between runs that nothing happens to.
    """

    how: str
    where: str
    came: bool
    outcome: str
    said: str
    varying: frozenset[str]


def undisturbed(job: Job, before: Path, folder: Path) -> Undisturbed:
    """Does a job twice as it is."""
    trees, count = [], folder / "writes"
    for number in range(2):
        run = copied(before, folder / str(number))
        status, said = forked(
            partial(_counted, partial(main, words(job, run)), run, count), folder / "said"
        )
        assert status == 0, f"{key(job)}: {said}"
        trees.append((tree(run), room(run)))
        shutil.rmtree(run)
    (after, (pages, files)), (again, _) = trees
    had_pages, had_files = room(before)
    return Undisturbed(
        job=job,
        before=before,
        after=after,
        varying=frozenset(n for n in after.keys() | again.keys() if after.get(n) != again.get(n)),
        writes=int(count.read_text()),
        pages=max(1, pages - had_pages),
        files=max(1, files - had_files),
    )


def killed(each: Undisturbed, seed: int, folder: Path) -> Outcome:
    """Kills a job at one or two of its writes, and does it again.

    Some kills come a few milliseconds after a write began, so that they hit libraries that write
    by themselves.
    """
    rng = random.Random(seed)
    run = copied(each.before, folder)
    command, heard = partial(main, words(each.job, run)), folder / "said"
    cuts, came = [], False
    for _ in range(rng.choice((1, 1, 2))):
        write = 1 + rng.randrange(each.writes)
        late_s = rng.choice((0.0, rng.uniform(0.0, 0.02)))
        status, _ = forked(partial(_cut, command, run, write, late_s), heard)
        came = came or status in (-signal.SIGKILL, -signal.SIGALRM)
        cuts.append(f"{write} of {each.writes}{f' + {1000 * late_s:.0f} ms' if late_s else ''}")
    status, said = forked(command, heard)
    outcome, why = ended(each, run, status, said)
    where = f"{key(each.job)} at write {', '.join(cuts)} (seed {seed})"
    shutil.rmtree(run)
    return Outcome(
        f"killed {('once', 'twice')[len(cuts) - 1]}", where, came, outcome, why, each.varying
    )


def filled(each: Undisturbed, seed: int, disk: Path) -> Outcome:
    """Does a job on a disk that gets full on the way, and again on one that has room."""
    rng = random.Random(seed)
    run = copied(each.before, disk)
    command, heard = partial(main, words(each.job, run)), disk.with_name(f"{disk.name}.said")
    if rng.random() < 0.7:
        how, free = "disk full", {"pages": rng.randrange(each.pages)}
    else:
        how, free = "no room for files", {"files": rng.randrange(each.files)}
    limit(disk, **free)
    status, said = forked(command, heard)
    limit(disk)
    found, before = tree(run), tree(each.before)
    half = [
        name
        for name in found
        if found[name] not in (before.get(name), each.after.get(name))
        and name not in each.varying
        and Path(name).name not in GROWING
    ]
    where = f"{key(each.job)} with {free} free (seed {seed})"
    outcome, why = "no sentence", said
    if status is None:
        outcome = "hang"
    elif half:
        outcome, why = "half-written", f"{half}\n{said}"
    elif status in (0, EXIT_USER_ERROR) and "Traceback (most recent call" not in said:
        outcome, why = ended(each, run, *forked(command, heard))
        why += said
    shutil.rmtree(run)
    return Outcome(how, where, status != 0, outcome, why, each.varying)


class Expected(Protocol):
    """What a run has to be in the end."""

    after: Mapping[str, str]
    varying: frozenset[str]


def ended(each: Expected, run: Path, status: int | None, said: str) -> tuple[str, str]:
    """What came of a command in the end."""
    if status is None:
        return "hang", said
    if status != 0:
        return "no sentence", said
    found = tree(run)
    differing = {n for n in found.keys() | each.after.keys() if found.get(n) != each.after.get(n)}
    if left := [name for name in differing if ".part" in name]:
        return "left over", str(left)
    if wrong := sorted(differing - each.varying):
        return "other bytes", f"{wrong}\n{said}"
    return "same bytes", said


def copied(before: Path, folder: Path) -> Path:
    """A copy of a run in a folder."""
    run = folder / before.name
    shutil.copytree(before, run, symlinks=True)
    return run


def tree(run: Path) -> dict[str, str]:
    """Digest of every file of a run, but for logs, and for dates and seconds in what is said."""
    found = {}
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run)
        if path.is_file() and not path.name.endswith("lock") and not {*LOGS} & {*name.parts}:
            dated = path.name in (RUN_MANIFEST, CARD, *TIMED) or path.name.endswith(SUFFIX)
            found[str(name)] = _without_dates(path) if dated else sha256_of(path)
    return found


def room(run: Path) -> tuple[int, int]:
    """Pages and number of all files of a run, logs too."""
    sizes = [path.stat().st_size for path in run.rglob("*") if path.is_file()]
    return sum(-(-size // PAGE_BYTES) for size in sizes), len(sizes)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own, whose room `limit` sets; skips where none may be mounted."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "none", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def limit(disk: Path, *, pages: int = 1 << 18, files: int = 1 << 20) -> None:
    """Leaves so much room on a disk: a GiB and a million files where nothing is said."""
    stats = os.statvfs(disk)
    used, used_files = stats.f_blocks - stats.f_bfree, stats.f_files - stats.f_ffree
    options = f"remount,size={(used + pages) * stats.f_frsize},nr_inodes={used_files + files}"
    subprocess.run(["mount", "-o", options, str(disk)], check=True, capture_output=True)


def table(outcomes: Collection[Outcome]) -> str:
    """What came of interruptions, as Markdown."""
    counts = Counter((each.how, each.outcome) for each in outcomes)
    came = Counter(each.how for each in outcomes if each.came)
    lines = [
        f"| what | trials | came before the end | {' | '.join(OUTCOMES)} |",
        "|---|" + "---|" * (2 + len(OUTCOMES)),
    ]
    for how in sorted({each.how for each in outcomes}):
        numbers = [counts[how, outcome] for outcome in OUTCOMES]
        lines.append(f"| {how} | {sum(numbers)} | {came[how]} | {' | '.join(map(str, numbers))} |")
    return "\n".join([*lines, ""])


def _without_dates(path: Path) -> str:
    if path.name == CARD:
        lines = path.read_text().splitlines()
        kept = [line for line in lines if not line.startswith(("- written:", "- code:", "- time:"))]
        return hashlib.sha256("\n".join(kept).encode()).hexdigest()
    if path.name in TIMED:
        facts = [json.loads(text) for text in path.read_text().splitlines()]
        kept = [{name: each for name, each in of.items() if name != "seconds"} for of in facts]
        return hashlib.sha256(json.dumps(kept).encode()).hexdigest()
    manifest = json.loads(path.read_text())
    # The checkout, too, may be worked on meanwhile.
    for name in ("started", "ended", "written", "code"):
        manifest.pop(name, None)
    for facts in manifest.get("outputs", {}).values():
        facts.pop("kept", None)
    for facts in manifest.get("artefacts", {}).values():
        facts.pop("manifest_sha256")
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _counted(work: Callable[[], int], run: Path, out: Path) -> int:
    """Does something and writes down how often it writes."""
    writes = 0

    def count(event: str, arguments: tuple) -> None:
        nonlocal writes
        writes += _is_write(event, arguments, str(run))

    sys.addaudithook(count)
    status = work()
    out.write_text(str(writes))
    return status


def _cut(work: Callable[[], int], run: Path, write: int, late_s: float) -> int:
    """Does something and dies at a write."""
    writes = 0

    def count(event: str, arguments: tuple) -> None:
        nonlocal writes
        # A kill is an event itself, which must not end in another one for ever.
        if not _is_write(event, arguments, str(run)):
            return
        writes += 1
        if writes == write and late_s:
            signal.setitimer(signal.ITIMER_REAL, late_s)
        elif writes == write:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    return work()


def _is_write(event: str, arguments: tuple, run: str) -> bool:
    if event == "open":
        path, _, flags = arguments
        if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
            return False
    elif event.removeprefix("os.") in CHANGES:
        path = arguments[0]
    else:
        return False
    return not isinstance(path, int) and os.fsdecode(path).startswith(run)
