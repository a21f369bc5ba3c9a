"""`dicface data check | align | landmarks | index | export`: clips and data sets by hand."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from dicface.cli.parser import add_number, add_path, add_size, examples
from dicface.config.data_sets import LAYOUTS

if TYPE_CHECKING:
    from dicface.data.datasets.layouts import Layout

EXIT_MUST_BE_FIXED = 1
DETECTORS = ("auto", "retinaface", "dlib")


def register(parser: argparse.ArgumentParser) -> None:
    """Adds the commands to a parser; each sets `command` to a function of the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    checking = actions.add_parser("check", help=check.__doc__, description=check.__doc__)
    checking.set_defaults(command=check)
    _add_set(checking)
    checking.add_argument("--full", action="store_true", help="decode every frame")
    add_number(checking, "--expect", default=0, help="clips there should be")
    add_path(checking, "--landmarks", "FOLDER", help="landmarks made before")
    add_path(checking, "--out", "FOLDER", help="where results will go: its disk is checked")
    add_size(checking, 512)
    add_number(checking, "--num-tasks", default=3, help="tasks of the run (default 3)")
    add_number(checking, "--num-methods", default=9, help="methods of the run (default 9)")

    aligning = actions.add_parser("align", help=align.__doc__, description=align.__doc__)
    aligning.set_defaults(command=align)
    add_path(aligning, "--folder", "FOLDER", required=True, help="videos with a face each, or one")
    add_path(aligning, "--out", "FOLDER", required=True, help="gets the aligned clips")
    add_size(aligning, 512)
    _add_detector(aligning)
    _add_track(aligning)
    add_number(aligning, "--max-frames", help="of each clip (default all)")
    add_number(aligning, "--min-frames", default=1, help="that a clip needs (default 1)")
    aligning.add_argument(
        "--on-misfit",
        choices=("drop", "stop"),
        default="drop",
        metavar="HOW",
        help="clips that cannot be used: drop them, or stop (default drop)",
    )

    marking = actions.add_parser("landmarks", help=landmarks.__doc__, description=landmarks.__doc__)
    marking.set_defaults(command=landmarks)
    _add_set(marking)
    _add_shard_size(marking)
    marking.add_argument("--shard", required=True, help="which one: 00000, 00001, …")
    add_path(marking, "--out", "FOLDER", required=True, help="gets the training data")
    _add_detector(marking)
    _add_track(marking)
    add_number(marking, "--batch-size", default=16, help="frames at once (default 16)")

    indexing = actions.add_parser("index", help=index.__doc__, description=index.__doc__)
    indexing.set_defaults(command=index)
    _add_set(indexing)
    _add_shard_size(indexing)
    add_path(indexing, "--out", "FOLDER", required=True, help="gets the training data")
    indexing.add_argument(
        "--max-left-out",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="of clips without landmarks (default 0.05)",
    )

    exporting = actions.add_parser("export", help=export.__doc__, description=export.__doc__)
    exporting.set_defaults(command=export)
    add_path(exporting, "--index", "FILE", required=True, help="a file that `index` wrote")
    add_path(exporting, "--out", "FOLDER", required=True, help="gets the text files")
    examples(
        parser,
        "data align --folder videos --out clips",
        "data check --layout vfhq_test --folder data/vfhq_test --out results",
        "data landmarks --layout vfhq_train --folder data/vfhq_train --shard 00012 --out train",
        "data index --layout vfhq_train --folder data/vfhq_train --out train",
        "data export --index train/index.parquet --out text",
    )


def check(options: argparse.Namespace) -> int:
    """Say what is there, what is missing and what is damaged; status 1 if it must be fixed."""
    from dicface.data.datasets.check import CheckSettings
    from dicface.data.datasets.check import check as check_layout

    settings = CheckSettings(
        full=options.full,
        num_expected=options.expect,
        landmarks=options.landmarks,
        out=options.out,
        size=options.size,
        num_tasks=options.num_tasks,
        num_methods=options.num_methods,
    )
    report = check_layout(_layout(options), settings)
    sys.stdout.write(report.as_text())
    return EXIT_MUST_BE_FIXED if report.must_be_fixed else 0


def align(options: argparse.Namespace) -> None:
    """Find, smooth and align the face in every video of a folder."""
    from dicface.faces.importer import import_folder

    import_folder(
        options.folder,
        options.out,
        size=options.size,
        detector=options.detector,
        max_frames=options.max_frames,
        choice=options.choice,
        smoothing_ends=options.smoothing_ends,
        min_frames=options.min_frames,
        on_misfit=options.on_misfit,
    )


def landmarks(options: argparse.Namespace) -> None:
    """Find, smooth and store the landmarks of one shard."""
    from dicface.data.datasets.shard_landmarks import LandmarkSettings, landmarks_of_shard
    from dicface.data.datasets.shards import clips_of_shard, landmarks_path
    from dicface.faces.detect import default_detector

    landmarks_of_shard(
        clips_of_shard(_layout(options), options.shard, options.shard_size),
        landmarks_path(options.out, options.shard),
        detector=default_detector(options.detector),
        settings=LandmarkSettings(
            choice=options.choice,
            smoothing_ends=options.smoothing_ends,
            batch_size=options.batch_size,
        ),
    )


def index(options: argparse.Namespace) -> None:
    """Write the index of a training set from the landmarks of all its shards."""
    from dicface.data.datasets.training_index import write_index

    write_index(
        _layout(options),
        options.out,
        shard_size=options.shard_size,
        max_left_out=options.max_left_out,
    )


def export(options: argparse.Namespace) -> None:
    """Write landmarks and clip list in the text format of the DicFace release."""
    from dicface.data.datasets.training_index import write_release_files

    write_release_files(options.index, options.out)


def _add_set(parser: argparse.ArgumentParser) -> None:
    known = tuple(LAYOUTS)
    parser.add_argument(
        "--layout", choices=known, required=True, metavar="KIND", help=", ".join(known)
    )
    add_path(parser, "--folder", "FOLDER", required=True, help="where the data set lies")


def _add_shard_size(parser: argparse.ArgumentParser) -> None:
    add_number(parser, "--shard-size", default=100, help="clips a shard (default 100)")


def _add_detector(parser: argparse.ArgumentParser) -> None:
    known = f"{', '.join(DETECTORS)} (default auto)"
    parser.add_argument("--detector", choices=DETECTORS, default="auto", metavar="NAME", help=known)


def _add_track(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--choice",
        choices=("largest", "nearest"),
        default="largest",
        metavar="FACE",
        help="which face of several: largest, nearest to the last frame's (default largest)",
    )
    parser.add_argument(
        "--smoothing-ends",
        choices=("reflect", "extrapolate"),
        default="reflect",
        metavar="HOW",
        help="how the track goes on at its ends: reflect, extrapolate (default reflect)",
    )


def _layout(options: argparse.Namespace) -> Layout:
    from dicface.data.datasets.layouts import read_layout

    return read_layout(options.layout, options.folder)
