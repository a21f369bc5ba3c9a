"""What each command of a run makes, and from what: the one list behind all manifests.

Here a command's files are named, not made. A new command that makes a file of a run is added to
`OF_COMMAND`, and what that file is called to `dicface.provenance.verify.FILES`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dicface.base.errors import DicfaceError
from dicface.config.settings import TASKS, Config
from dicface.provenance import cards
from dicface.provenance.manifest import CARD, SUFFIX, Artefact, recorded
from dicface.runs.folder import Run

Options = argparse.Namespace

_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")


@contextmanager
def recording(options: Options, config: Config | None, words: Sequence[str]) -> Iterator[None]:
    """Records what a command makes of a run; others, and all but a first process, pass through.

    Args:
        options: Of the command line; `command` is the command's function.
        config: The run; None for commands that need none.
        words: What was typed after `dicface`.
    """
    describe = OF_COMMAND.get(options.command.__name__)
    artefact = describe(options, config) if describe and _is_first_process() else None
    if artefact is None:
        yield
        return
    with recorded(artefact, ["dicface", *words]):
        yield


def run_of(options: Options, config: Config) -> Run:
    """The run whose folders a command names."""
    return Run(config=config, raw={}, folder=options.run, train_folder=options.train.parent)


def _is_first_process() -> bool:
    """Whether this is the process of a training that writes files, or no training of several."""
    return next((int(os.environ[name]) for name in _RANKS if name in os.environ), 0) == 0


def _render(options: Options, config: Config) -> Artefact:
    split = options.split
    return _clips(
        options.out,
        config,
        settings={"split": split, "clips": getattr(config.data, split)},
        seeds=[f"{config.seed_name}-{split}-<number of the clip>"],
        inputs={},
    )


def _import_clips(options: Options, config: Config) -> Artefact:
    test = config.data.test
    folder = Path(config.test_clips or test.folder)
    layout = "" if config.test_clips else test.layout
    settings = {"folder": folder.name, "clips": test, "detector": config.data.detector}
    sources = {"source": _sources(layout, folder)}
    return _clips(options.out, config, settings=settings, seeds=[], inputs=sources)


def _clips(
    out: Path,
    config: Config,
    *,
    settings: dict[str, object],
    seeds: list[str],
    inputs: dict[str, list[Path]],
) -> Artefact:
    settings |= {"size": config.data.size, "fps": config.data.fps}
    return Artefact(
        path=out / "index.parquet",
        kind="clips",
        inputs=inputs,
        outputs=partial(
            _found, out, "index.parquet", "*.mkv", "landmarks.parquet", "faces.parquet"
        ),
        settings=settings,
        seeds=seeds,
        card=partial(cards.clips_card, out),
    )


def _index(options: Options, config: None) -> Artefact:
    del config
    out = options.out
    names = ("layout", "folder", "shard_size", "max_left_out")
    return Artefact(
        path=out / "index.parquet",
        kind="index of clips",
        inputs={},
        outputs=partial(_found, out, "index.parquet", "landmarks/shard_*.parquet"),
        settings={name: getattr(options, name) for name in names},
        card=partial(cards.index_card, out),
    )


def _degrade(options: Options, config: Config) -> Artefact:
    from dicface.data.degradation.tasks import task_input

    test = config.data.test
    released = config.takes_released_inputs
    if released:
        settings = {"task": options.task, "test_set": "released"}
        made_from = {"released": _sources(test.layout, Path(test.folder), options.task)}
    else:
        settings = {"task": options.task, **task_input(config, options.task).settings()}
        made_from = {}
    return Artefact(
        path=options.out / "degradation.parquet",
        kind="inputs",
        inputs={"clips": _true_clips(options.clips), **made_from},
        outputs=partial(_found, options.out, "degradation.parquet", "*.mkv"),
        settings=settings,
        seeds=[] if released else [f"{config.seed_name}|degrade|<clip>"],
        card=partial(cards.inputs_card, options.out),
    )


def _train(options: Options, config: Config) -> Artefact | None:
    from dicface.config.networks import network, sources_of
    from dicface.data.degradation.tasks import task_input
    from dicface.weights import registry

    if options.dry_run:
        return None
    plan = network(config, options.network)
    out, stage = options.out / options.network, plan.stage
    released = plan.train.released
    settings = {**plan.facts(), "network": plan.kind}
    if released:
        found = registry.here(released)
        return _network(out, settings, {"weights": [found] if found else []}, [])
    images = plan.learns_from_images and config.data.images.source != "train"
    settings["clips"] = config.data.images if images else config.data.train
    settings["inputs"] = {} if stage == "vqgan" else task_input(config, plan.task).settings()
    starts = [options.out / name / "weights.safetensors" for name in sources_of(config, plan.name)]
    seeds = [("init", stage), (stage, "sample", "<sample>"), (stage, "step", "<step>")]
    return _network(
        out,
        settings,
        {"clips": _training_clips(options.clips), "weights": starts},
        ["|".join((config.seed_name, *names)) for names in seeds],
    )


def _network(
    out: Path, settings: dict[str, object], inputs: dict[str, list[Path]], seeds: list[str]
) -> Artefact:
    names = ("weights.safetensors", "settings.json", "training.json", "stats.jsonl")
    return Artefact(
        path=out / "weights.safetensors",
        kind="network",
        inputs=inputs,
        outputs=partial(_found, out, *names),
        settings=settings,
        seeds=seeds,
        card=partial(cards.network_card, out),
    )


def _restore(options: Options, config: Config) -> Artefact:
    from dicface.config.systems import method_class, method_settings
    from dicface.methods import create

    method = create(
        method_class(config, options.method),
        task=options.task,
        weights=options.weights,
        **method_settings(config, options.method),
    )
    files = () if method.missing_weights() else method.weights_files()
    settings = {"method": options.method, "device": config.device, "threads": config.threads}
    return Artefact(
        path=options.out / "index.json",
        kind="restored",
        inputs={
            "clips": _found(options.input, "*.mkv", "degradation.parquet"),
            "weights": list(files),
        },
        outputs=partial(_found, options.out, "index.json", "*.mkv"),
        settings={**settings, "of the method": method.settings()},
        seeds=["<clip>|<frame>"],
    )


def _import_results(options: Options, config: Config) -> Artefact:
    del config
    return Artefact(
        path=options.out / "index.json",
        kind="restored",
        inputs={"clips": _true_clips(options.truth), "restored": _sources("", options.restored)},
        outputs=partial(_found, options.out, "index.json"),
        settings={"method": options.method, "label": options.label},
    )


def _analyse(options: Options, config: Config) -> Artefact:
    return Artefact(
        path=options.out / "done.json",
        kind="analysis",
        inputs={"clips": _true_clips(options.truth), "weights": _measuring(config)},
        outputs=partial(_found, options.out, "done.json", "*.npz"),
        settings={"metrics": config.metrics},
    )


def _score_method(options: Options, config: Config) -> Artefact:
    from dicface.metrics import score_files

    return Artefact(
        path=options.out / "metrics.parquet",
        kind="scores",
        inputs={
            "restored": [*_restored(options.restored), options.restored / "index.json"],
            "clips": _true_clips(options.truth),
            "analysis": _found(options.analysis, "*.npz"),
            "weights": _measuring(config),
        },
        outputs=partial(_found, options.out, *score_files()),
        settings={"task": options.task, "method": options.method, "metrics": config.metrics},
    )


def _noise_floor(options: Options, config: Config) -> Artefact:
    exact = options.truth / "landmarks.parquet"
    return Artefact(
        path=options.out,
        kind="noise floor",
        inputs={
            "clips": [*_true_clips(options.truth), exact],
            "analysis": _found(options.analysis, "*.npz"),
            "weights": _measuring(config),
        },
        outputs=lambda: [options.out],
        settings={"metrics": config.metrics},
    )


def _code_weights(options: Options, config: Config) -> Artefact:
    return Artefact(
        path=options.out,
        kind="code weights",
        inputs={"weights": [options.weights], "clips": _found(options.input, "*.mkv")},
        outputs=lambda: [options.out],
        settings={"position": config.restore.position, "device": config.device},
        seeds=["code weights|<clip>|<frame>"],
    )


def _table(options: Options, config: Config) -> Artefact:
    from dicface.report.render.write import table_files
    from dicface.report.run import declare, is_papers_protocol, table_folder, table_inputs

    run, spec = run_of(options, config), declare(config, options.table)
    folder = table_folder(run, options.table, undone=options.undone)
    files = table_files(folder, spec.name)
    return Artefact(
        path=files["md"],
        kind="table",
        inputs={"scores": table_inputs(run, options.table, undone=options.undone)},
        outputs=lambda: [path for path in files.values() if path.is_file()],
        settings={"table": spec, "protocol_is_paper": is_papers_protocol(config)},
        seeds=["report|bootstrap|<clips>", "report|sign flips|<clips>"],
        run=options.run,
    )


def _figure(options: Options, config: Config) -> Artefact:
    from dicface.report.run_figures import figure_inputs

    run, name = run_of(options, config), options.figure
    return Artefact(
        path=run.figures / f"{name}.png",
        kind="figure",
        inputs={"shown": figure_inputs(run, name)},
        outputs=partial(_found, run.figures, *(f"{name}.{e}" for e in ("png", "pdf", "txt"))),
        settings={"table1": config.table1, "table2": config.table2},
        run=run.folder,
    )


def _report(options: Options, config: Config) -> Artefact:
    run = run_of(options, config)
    patterns = ("tables/**/*", "figures/*", *(f"{t}/*/*.parquet" for t in TASKS))
    clips = [f"{task}/*/{name}" for task in TASKS for name in ("*.mkv", "index.json")]
    return Artefact(
        path=run.report / "index.html",
        kind="report",
        inputs={
            "shown": _found(run.folder, *patterns, *clips),
            "clips": _true_clips(run.truth),
            "networks": _found(
                run.networks, "*/stats.jsonl", "*/training.json", "*/weights.safetensors"
            ),
        },
        outputs=partial(_found, run.report, "**/*"),
        settings={},
        run=run.folder,
    )


OF_COMMAND: dict[str, Callable[[Options, Any], Artefact | None]] = {
    "render": _render,
    "import_clips": _import_clips,
    "index": _index,
    "degrade": _degrade,
    "train": _train,
    "restore": _restore,
    "import_results": _import_results,
    "analyse": _analyse,
    "score_method": _score_method,
    "noise_floor": _noise_floor,
    "code_weights": _code_weights,
    "table": _table,
    "figure": _figure,
    "report": _report,
}
"""Name of the command's function -> what it makes."""


def _found(folder: Path, *patterns: str) -> list[Path]:
    """Files of a folder by patterns, sorted; hidden ones, manifests and cards are none of them."""
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return sorted(
        path
        for path in found
        if path.name[0] != "." and path.name != CARD and not path.name.endswith(SUFFIX)
    )


def _true_clips(folder: Path) -> list[Path]:
    return [*_found(folder, "index.parquet"), *_sources("", folder)]


def _training_clips(folder: Path) -> list[Path]:
    """Index, landmarks, and the clips that lie in the folder itself.

    Clips of a data set that an index only points to are not read: there may be terabytes of them.
    """
    index = _found(folder, "index.parquet")
    return [*index, *_found(folder, "landmarks/shard_*.parquet", *(["*.mkv"] if index else []))]


def _sources(layout: str, folder: Path, task: str = "") -> list[Path]:
    """Files of a data set, or of a folder of clips; none where the command itself will complain."""
    from dicface.data.datasets.layouts import read_layout
    from dicface.video.clips import list_clips

    try:
        if not layout:
            return list(list_clips(folder).values())
        found = read_layout(layout, folder)
    except DicfaceError:
        return []
    clips = (found.inputs.get(task, {}) if task else found.clips).values()
    return [path for clip in clips for path in (clip.source, clip.landmarks) if path]


def _restored(folder: Path) -> list[Path]:
    from dicface.runs.results import restored_clips

    try:
        return list(restored_clips(folder).values())
    except DicfaceError:
        return []


def _measuring(config: Config) -> list[Path]:
    """Weights files of the official networks that measure, those that are at hand."""
    from dicface.metrics import official_files
    from dicface.weights import registry

    if config.metrics.backbones == "offline":
        return []
    return [path for name in official_files() if (path := registry.here(name))]
