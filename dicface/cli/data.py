"""`dicface data check | align | landmarks | index | export`: clips and data sets by hand."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dicface.data.datasets.layouts import LAYOUTS, Layout, read_layout

HELP = "Check data sets, align clips, and make landmarks and the index of a training set."
EXIT_MUST_BE_FIXED = 1
DETECTORS = ("auto", "retinaface", "dlib")


def register(parser: argparse.ArgumentParser) -> None:
    """Adds the commands to a parser; each sets `command` to a function of the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    checking = actions.add_parser("check", help=check.__doc__, description=check.__doc__)
    checking.set_defaults(command=check)
    _add_set(checking)
    checking.add_argument("--full", action="store_true", help="decode every frame")
    checking.add_argument("--expect", type=int, default=0, help="clips there should be")
    checking.add_argument("--landmarks", type=Path, help="folder of landmarks made before")
    checking.add_argument("--out", type=Path, help="where results will go (its disk is checked)")
    checking.add_argument("--size", type=int, default=512, help="side of written frames, px")
    checking.add_argument("--tasks", type=int, default=3, help="tasks of the run (default 3)")
    checking.add_argument("--methods", type=int, default=9, help="methods of the run (default 9)")

    aligning = actions.add_parser("align", help=align.__doc__, description=align.__doc__)
    aligning.set_defaults(command=align)
    aligning.add_argument("--folder", type=Path, required=True, help="videos with a face each")
    aligning.add_argument("--out", type=Path, required=True, help="folder of the aligned clips")
    aligning.add_argument("--size", type=int, default=512, help="side of frames, px (default 512)")
    aligning.add_argument("--detector", choices=DETECTORS, default="auto")
    aligning.add_argument("--max-frames", type=int, default=0, help="of each clip (default all)")

    marking = actions.add_parser("landmarks", help=landmarks.__doc__, description=landmarks.__doc__)
    marking.set_defaults(command=landmarks)
    _add_set(marking)
    _add_shard_size(marking)
    marking.add_argument("--shard", required=True, help="which one: 00000, 00001, …")
    marking.add_argument("--out", type=Path, required=True, help="folder of the training data")
    marking.add_argument("--detector", choices=DETECTORS, default="auto")
    marking.add_argument("--batch-size", type=int, default=16, help="frames at once (default 16)")

    indexing = actions.add_parser("index", help=index.__doc__, description=index.__doc__)
    indexing.set_defaults(command=index)
    _add_set(indexing)
    _add_shard_size(indexing)
    indexing.add_argument("--out", type=Path, required=True, help="folder of the training data")
    indexing.add_argument(
        "--max-left-out", type=float, default=0.05, help="share of clips (default 0.05)"
    )

    exporting = actions.add_parser("export", help=export.__doc__, description=export.__doc__)
    exporting.set_defaults(command=export)
    exporting.add_argument("--index", type=Path, required=True, help="a file that `index` wrote")
    exporting.add_argument("--out", type=Path, required=True, help="folder to write to")


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
        num_tasks=options.tasks,
        num_methods=options.methods,
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
        max_frames=options.max_frames or None,
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
        settings=LandmarkSettings(batch_size=options.batch_size),
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
    parser.add_argument("--layout", choices=tuple(LAYOUTS), required=True, help="kind of data set")
    parser.add_argument("--folder", type=Path, required=True, help="where it lies")


def _add_shard_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shard-size", type=int, default=100, help="clips a shard (default 100)")


def _layout(options: argparse.Namespace) -> Layout:
    return read_layout(options.layout, options.folder)
