"""`dicface …`: one subcommand a stage of the workflow; each also works by hand.

Heavy packages are imported by the command that needs them.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dicface import __version__
from dicface.base.errors import ConfigError, DicfaceError
from dicface.cli import data as data_commands
from dicface.cli import methods as method_commands
from dicface.cli import plan as plan_command
from dicface.cli import weights as weights_commands
from dicface.config.load import load
from dicface.config.settings import TASKS, Config
from dicface.config.systems import FIGURES
from dicface.jobs.artefacts import recording, run_of
from dicface.provenance import verify

EXIT_USER_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(words)
    options.typed = ["dicface", *words]
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        config = None if options.config is None else load(*options.config)
        with recording(options, config, words):
            given = (options,) if config is None else (options, config)
            return options.command(*given) or 0
    except DicfaceError as error:
        sys.stderr.write(f"dicface {options.subcommand}: {error}\n")
        return EXIT_USER_ERROR


def render(options: argparse.Namespace, config: Config) -> None:
    """Render a split of the demo's talking heads."""
    from dicface.data.demo import render_split

    render_split(options.out, config, options.split, workers=options.workers)


def import_clips(options: argparse.Namespace, config: Config) -> None:
    """Align the test clips of a folder or data set, by the faces in them or released landmarks."""
    from dicface.data.test_clips import import_test_clips

    import_test_clips(config, options.out)


def degrade(options: argparse.Namespace, config: Config) -> None:
    """Make a task's input of every test clip, or take the released ones."""
    from dicface.data.test_clips import make_inputs

    make_inputs(config, options.task, options.clips, options.out)


def train(options: argparse.Namespace, config: Config) -> None:
    """Train one stage or variant; go on where a killed run stopped."""
    if options.dry_run:
        from dicface.training.footprint import describe

        sys.stdout.write(describe(config, options.network))
        return
    from dicface.training.loop import train_stage

    _set_threads(config)
    train_stage(config, options.network, clips=options.clips, out=options.out)


def restore(options: argparse.Namespace, config: Config) -> None:
    """Restore every degraded clip with one method."""
    from dicface.base.files import write_json
    from dicface.config.systems import method_class, method_settings
    from dicface.methods import create
    from dicface.restoring.runner import restore_set

    _set_threads(config)
    method = create(
        method_class(config, options.method),
        task=options.task,
        device=config.device,
        weights=options.weights,
        **method_settings(config, options.method),
    )
    clips = restore_set(method, options.input, options.out)
    write_json(options.out / "index.json", {**method.fingerprint(), "clips": sorted(clips)})


def analyse(options: argparse.Namespace, config: Config) -> None:
    """Analyse the true clips once: boxes, landmarks, identities, video features."""
    from dicface.base.files import write_json
    from dicface.metrics.analysis import analyse_set
    from dicface.metrics.protocol import EvaluationProtocol
    from dicface.video.clips import list_clips

    _set_threads(config)
    protocol = EvaluationProtocol.resolve(config.metrics.backbones, device=config.device)
    analyse_set(options.truth, options.out, protocol, workers=options.workers)
    write_json(options.out / "done.json", {"clips": list(list_clips(options.truth))})


def score(options: argparse.Namespace, config: Config | None = None) -> None:
    """Score a folder of restored clips against their truth; needs no configuration."""
    from dicface.report.render.text import to_text
    from dicface.report.score_folder import score_folder
    from dicface.runs.results import Results

    name = options.name or options.restored.resolve().name
    result = score_folder(
        options.restored,
        options.truth,
        options.out or Path("scores") / name,
        name=name,
        task=options.task,
        input_folder=options.input,
        align=options.align,
        prefer=config.metrics.backbones if config else "auto",
        workers=options.workers,
        command=options.typed,
    )
    files = [Results(folder=result.folder).metrics, result.files["md"], result.page]
    sys.stdout.write(f"{to_text(result.table)}\nWritten: {', '.join(map(str, files))}\n")


def score_method(options: argparse.Namespace, config: Config) -> None:
    """Score the restored clips of one method of a run with all metrics."""
    from dicface.metrics.matching import match_names
    from dicface.metrics.protocol import EvaluationProtocol
    from dicface.metrics.scorer import score_set
    from dicface.runs.results import read_index, restored_clips
    from dicface.video.clips import list_clips

    _set_threads(config)
    index = read_index(options.restored)
    match = match_names(
        restored_clips(options.restored),
        list_clips(options.truth),
        unusable=index.get("unusable"),
        notes=index.get("notes"),
    )
    score_set(
        options.task,
        options.method,
        match,
        options.out,
        analysis_folder=options.analysis,
        protocol=EvaluationProtocol.resolve(config.metrics.backbones, device=config.device),
        workers=options.workers,
    )


def noise_floor(options: argparse.Namespace, config: Config) -> None:
    """Measure what the face metrics give on the truth itself."""
    from dicface.metrics.noise_floor import measure_noise_floor
    from dicface.metrics.protocol import EvaluationProtocol

    _set_threads(config)
    protocol = EvaluationProtocol.resolve(config.metrics.backbones, device=config.device)
    measure_noise_floor(options.truth, options.analysis, options.out, protocol)


def table(options: argparse.Namespace, config: Config) -> None:
    """Write a table of a run and print it."""
    from dicface.report.run import write_run_table

    sys.stdout.write(write_run_table(run_of(options, config), options.table, undone=options.undone))


def code_weights(options: argparse.Namespace, config: Config) -> None:
    """Measure how a trained DicFace weights the codes of its codebook."""
    from dicface.restoring.code_weights import measure_code_weights

    _set_threads(config)
    measure_code_weights(
        options.weights,
        options.input,
        options.out,
        position=config.restore.position,
        device=config.device,
    )


def figure(options: argparse.Namespace, config: Config) -> None:
    """Draw one figure of a run as PDF and PNG."""
    from dicface.report.run_figures import draw_figure

    draw_figure(run_of(options, config), options.figure)


def report(options: argparse.Namespace, config: Config) -> None:
    """Write the report of a run: a folder of pages that opens from disk."""
    from dicface.report.site import write_report

    write_report(run_of(options, config))


def import_results(options: argparse.Namespace, config: Config) -> None:
    """Make a folder of results made elsewhere a method of a run, without copying a clip."""
    from dicface.report.score_folder import import_results as import_folder_of_results

    del config
    import_folder_of_results(
        options.method, options.restored, options.truth, options.out, label=options.label
    )


def _set_threads(config: Config) -> None:
    # A fixed number, so that results repeat bit for bit whatever --cores says, and jobs side by
    # side do not each take every core.
    os.environ.setdefault("OMP_NUM_THREADS", str(config.threads))
    import torch

    torch.set_num_threads(config.threads)
    if config.device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(
            f"device: '{config.device}' was asked for and torch sees no CUDA device. "
            "Set device: cpu, or install a driver that fits this torch."
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dicface", description="Stages of the face-video restoration benchmark."
    )
    parser.add_argument("--version", action="version", version=f"dicface {__version__}")
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")

    def add(
        name: str, command: Callable, *, workers: bool = False, task: bool = False, **folders: str
    ) -> None:
        sub = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        sub.set_defaults(command=command)
        sub.add_argument(
            "--config",
            type=Path,
            nargs="+",
            default=[Path("config/config.yaml")],
            metavar="FILE",
            help="configuration; each further file is laid over those before it "
            "(default config/config.yaml)",
        )
        for folder, text in folders.items():
            sub.add_argument(f"--{folder}", type=Path, required=True, help=text)
        if workers:
            sub.add_argument("--workers", type=int, default=1, help="processes (default 1)")
        if task:
            sub.add_argument("--task", choices=TASKS, default="bfr", help="(default bfr)")
        subcommands[name] = sub

    subcommands: dict[str, argparse.ArgumentParser] = {}
    add("render", render, workers=True, out="folder of the split")
    subcommands["render"].add_argument("--split", choices=("train", "test"), required=True)
    add("import", import_clips, out="folder of the aligned clips")
    add("degrade", degrade, task=True, clips="folder of true clips", out="folder of inputs")
    add("train", train)
    subcommands["train"].add_argument("--network", required=True, help="a stage or a variant")
    subcommands["train"].add_argument("--clips", type=Path, help="folder of training clips")
    subcommands["train"].add_argument("--out", type=Path, help="folder of all networks")
    subcommands["train"].add_argument(
        "--dry-run", action="store_true", help="print the resolved settings and stop"
    )
    add("restore", restore, task=True, input="folder of inputs", out="folder of restored clips")
    subcommands["restore"].add_argument("--method", required=True)
    subcommands["restore"].add_argument("--weights", type=Path, help="weights trained here")
    add("analyse", analyse, workers=True, truth="folder of true clips", out="folder of analyses")
    add("score", score, workers=True, task=True, restored="restored clips", truth="true clips")
    subcommands["score"].add_argument("--name", default="", help="(default the folder's)")
    subcommands["score"].add_argument("--out", type=Path, help="(default scores/NAME)")
    subcommands["score"].add_argument(
        "--input", type=Path, help="degraded clips to show beside the results on the page"
    )
    subcommands["score"].add_argument(
        "--align",
        type=int,
        nargs="?",
        const=512,
        metavar="PX",
        help="cut the faces out of whole frames, where the true clips have them (default 512 px)",
    )
    subcommands["score"].set_defaults(config=None)
    add(
        "score-method",
        score_method,
        workers=True,
        task=True,
        restored="folder of restored clips",
        truth="folder of true clips",
        analysis="folder that `analyse` wrote",
        out="folder of the scores",
    )
    subcommands["score-method"].add_argument("--method", required=True)
    add(
        "noise-floor",
        noise_floor,
        truth="folder of true clips",
        analysis="folder that `analyse` wrote",
        out="file to write",
    )
    add("table", table, run="results of the run", train="its networks")
    subcommands["table"].add_argument("--table", default="table1", help="(default table1)")
    subcommands["table"].add_argument(
        "--undone",
        nargs="*",
        default=[],
        type=lambda row: tuple(row.split("/", 1)),
        metavar="TASK/METHOD",
        help="rows that a run was to score and did not; they say why instead",
    )
    add("code-weights", code_weights, input="folder of inputs", out="file to write")
    subcommands["code-weights"].add_argument("--weights", type=Path, required=True)
    add("figure", figure, run="results of the run", train="its networks")
    subcommands["figure"].add_argument("--figure", choices=FIGURES, required=True)
    add("report", report, run="results of the run", train="its networks")
    add(
        "import-results",
        import_results,
        restored="folder of restored clips",
        truth="folder of true clips",
        out="folder of the method in the run",
    )
    subcommands["import-results"].add_argument("--method", required=True, help="its id")
    subcommands["import-results"].add_argument("--label", default="", help="what tables print")
    verify.register(commands.add_parser("verify", help=verify.HELP, description=verify.HELP))
    # Files are the same whatever the configuration says.
    files = commands.add_parser("weights", help=weights_commands.HELP)
    files.set_defaults(config=None)
    weights_commands.register(files)
    data = commands.add_parser("data", help=data_commands.HELP)
    data.set_defaults(config=None)
    data_commands.register(data)
    methods = commands.add_parser("method", help=method_commands.HELP)
    methods.set_defaults(config=None)
    method_commands.register(methods)
    planning = commands.add_parser("plan", help=plan_command.HELP, description=plan_command.HELP)
    planning.set_defaults(config=None)
    plan_command.register(planning)
    return parser


if __name__ == "__main__":
    sys.exit(main())
