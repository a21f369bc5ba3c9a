"""`dicface run`: the suite's workflow in the current folder, by Snakemake."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from dicface.base.errors import ConfigError
from dicface.base.suite import require_same_suite, suite_folder
from dicface.cli.parser import add_config, examples
from dicface.config.load import with_values


def register(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments; sets `command` to a function of the options."""
    parser.set_defaults(command=run)
    parser.usage = "dicface run [TARGET ...] [options] [-- options of Snakemake]"
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="table1, over_time, table2, ablations, ladder, collapse, figures, report, wild, all, "
        "or a file (default all)",
    )
    add_config(parser)
    parser.add_argument(
        "--profile", help="a folder, or the name of one of the suite's, such as slurm-generic"
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="say what would run, and stop")
    examples(
        parser,
        "run table1",
        "run all --dry-run --set budget=quick",
        "run table1 --config mine.yaml -- --cores 8 --forcerun score",
    )


def run(options: argparse.Namespace) -> None:
    """Start Snakemake, which takes this process's place so that signals reach it."""
    for path in options.config or []:
        if not path.is_file():
            raise ConfigError(
                f"--config: found no file '{path}'; expected a configuration as YAML. "
                "Targets stand before --config."
            )
    require_same_suite(Path.cwd())
    command = [sys.executable, "-m", "snakemake", *snakemake_words(options)]
    sys.stdout.flush()
    os.execv(sys.executable, command)


def snakemake_words(options: argparse.Namespace) -> list[str]:
    """Returns what Snakemake is told; what the user wrote behind `--` wins."""
    suite = suite_folder()
    words = [*options.targets, "--snakefile", str(suite / "Snakefile")]
    # Snakemake would take a folder `default` or `profiles/default` of the user's for it.
    words += ["--workflow-profile", str(suite / "profiles" / "default")]
    if options.profile:
        own = suite / "profiles" / options.profile
        given_here = Path(options.profile).exists()
        words += ["--profile", str(own) if own.is_dir() and not given_here else options.profile]
    if options.config:
        words += ["--configfile", *map(str, options.config)]
    if options.set:
        # Snakemake takes keys of the top alone.
        settings = with_values({}, options.set)
        words += ["--config", *(f"{key}={json.dumps(value)}" for key, value in settings.items())]
    if options.dry_run:
        words += ["--dry-run"]
    return words + options.after_dashes
