"""The jobs that Snakemake would run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.base.errors import ConfigError, WeightsError
from dicface.base.suite import require_same_suite, suite_folder
from dicface.weights import registry


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of the graph.

    Attributes:
        rule: Name of its rule.
        wildcards: Theirs, by name.
        threads: Cores that it asks for.
        gpus: GPUs that it asks for.
        needs: Indices of the jobs that must end before it.
        outputs: Files that it makes.
        runs: False for a rule that only gathers the results of others.
        waits_for: Released weights files that it needs and that are not here.
    """

    rule: str
    wildcards: Mapping[str, str]
    threads: int = 1
    gpus: int = 0
    needs: tuple[int, ...] = ()
    outputs: tuple[str, ...] = ()
    runs: bool = True
    waits_for: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Rule and wildcards, for people."""
        values = " ".join(self.wildcards.values())
        return f"{self.rule} {values}" if values else self.rule


@dataclass(frozen=True)
class Graph:
    """What would run, and the merged configuration that it follows from."""

    jobs: tuple[Job, ...]
    config: dict[str, Any]

    def of_target(self, target: str) -> set[int]:
        """Returns the indices of a target's job and of all that it needs; none where all is done.

        Args:
            target: Name of a rule, or a file.
        """
        waiting = [
            number
            for number, job in enumerate(self.jobs)
            if job.rule == target or target in job.outputs
        ]
        found: set[int] = set()
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting += self.jobs[number].needs
        return found


def ask_snakemake(
    targets: Sequence[str],
    *,
    configfiles: Iterable[Path] = (),
    config: Mapping[str, Any] | None = None,
    missing_rows: bool = True,
) -> Graph:
    """Returns the jobs that would run for all targets together; finished ones are not among them.

    Args:
        targets: Rules or files.
        configfiles: As `snakemake --configfile`.
        config: As `snakemake --config`.
        missing_rows: Plans also the rows of tables whose released weights can still be fetched. In
            the graph's process, empty files stand in for them.

    Raises:
        ConfigError: Snakemake refuses; its message is passed on.
    """
    require_same_suite(Path.cwd())
    for path in configfiles:
        if not Path(path).is_file():
            raise ConfigError(f"{path}: no such file; --config takes settings as YAML.")
    asked = {
        "snakefile": str(suite_folder() / "Snakefile"),
        "configfiles": [str(path) for path in configfiles],
        "config": dict(config or {}),
        "targets": list(targets),
    }
    files, missing = _released_files(), set()
    with tempfile.TemporaryDirectory(prefix="dicface-plan-") as folder:
        environment = dict(os.environ)
        if missing_rows:
            missing = stand_in(Path(folder), {name for names in files.values() for name in names})
            environment["DICFACE_WEIGHTS"] = folder
        done = subprocess.run(
            [sys.executable, "-m", "dicface.cost._dag"],
            input=json.dumps(asked),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    answer = json.loads(done.stdout) if done.stdout else {"error": done.stderr}
    if done.returncode:
        raise ConfigError(f"Snakemake cannot plan this: {_first_words(answer['error'])}")
    jobs = []
    for fields in answer["jobs"]:
        of_method = fields["rule"] in ("restore", "score")
        wildcards = fields["wildcards"]
        key = (wildcards["method"], wildcards["task"]) if of_method else None
        jobs.append(_job(fields, files.get(key, ()), missing))
    return Graph(tuple(jobs), answer["config"])


def stand_in(folder: Path, names: Iterable[str]) -> set[str]:
    """Fills a folder with the weights that are on this machine, and empty files for the others.

    The files are marked as seeded weights, so that methods count them as present; links lead to
    everything that lies in `$DICFACE_WEIGHTS`.

    Args:
        folder: An empty one.
        names: Files of the registry.

    Returns:
        Those that are not here.
    """
    here = Path(os.environ.get("DICFACE_WEIGHTS") or folder).expanduser()
    for path in here.iterdir() if here.is_dir() else ():
        (folder / path.name).symlink_to(path.absolute())
    missing = {name for name in names if _is_missing(name)}
    for name in missing:
        path = folder / registry.entry(name).file
        path.write_bytes(b"")
        registry.mark_seeded(path)
    return missing


def _released_files() -> dict[tuple[str, str], tuple[str, ...]]:
    """Method and task -> registry names of the files that it needs."""
    from dicface.methods import methods

    return {
        (name, task): tuple(files)
        for name, each in methods().items()
        for task, files in each.facts.weights.items()
    }


def _is_missing(name: str) -> bool:
    try:
        return registry.find(name) is None
    except WeightsError:
        return False  # damaged: the workflow leaves its row out and says why


def _job(fields: dict[str, Any], needed: Iterable[str], missing: set[str]) -> Job:
    return Job(
        rule=fields["rule"],
        wildcards=fields["wildcards"],
        threads=fields["threads"],
        gpus=fields["gpus"],
        needs=tuple(fields["needs"]),
        outputs=tuple(fields["outputs"]),
        runs=fields["runs"],
        waits_for=tuple(sorted(missing.intersection(needed))),
    )


def _first_words(text: str) -> str:
    """A complaint without the long print of settings that a schema's ends in."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[:4])
