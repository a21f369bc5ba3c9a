"""`dicface restore`: films, or aligned clips, with one method."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from dicface.base import names
from dicface.base.errors import ConfigError
from dicface.cli.parser import (
    Parser,
    add_device,
    add_number,
    add_path,
    add_weights,
    examples,
    path,
)

ABOUT = """
A film is any video, or a folder of frames: its faces are found, restored and pasted back; times of
frames, sound, subtitles, chapters and all else are kept. Files that are restored already are kept,
and an interrupted call goes on where it stopped. See docs/films.md.

With --input it restores clips of one aligned face instead, as `dicface data align` makes them:
frames must be square, and results are lossless .mkv files of the clip's size and frame rate.
"""
DEFAULT_METHOD, METHOD_OF_WEIGHTS = "dicface", "dicface_trained"

PRECISIONS = ("auto", "float32", "bf16", "fp16")
DETECTORS = ("auto", "retinaface", "dlib")


def register(parser: Parser) -> None:
    """Adds the command's options to a parser."""
    parser.set_defaults(command=restore)
    parser.description += f"\n{ABOUT}"
    films = "films, folders of frames, or folders of films"
    parser.add_argument("films", nargs="*", type=path, metavar="FILM", help=films)
    add_path(parser, "--input", "CLIPS", help="in place of films: aligned clips, a folder or one")
    out = "gets the results (default for films: restored, beside each)"
    add_path(parser, "--out", "FOLDER", help=out)
    method = f"a name of `dicface methods list` (default for films: {DEFAULT_METHOD})"
    parser.add_argument("--method", help=method)
    add_weights(parser)
    task = f"{', '.join(names.TASKS)} (default bfr; with --mask inpainting)"
    parser.add_argument("--task", choices=tuple(names.TASKS), metavar="TASK", help=task)
    add_device(parser, "auto", "auto: a GPU where there is one")
    add_number(parser, "--threads", help="of the processor (default all)")
    _add_faces(parser.add_argument_group("faces of films"))
    _add_pictures(parser.add_argument_group("pictures of films"))
    examples(
        parser,
        "restore film.mp4 --method codeformer",
        "restore film.mp4 --dry-run",
        "restore film.mp4 --preview 00:01:30 --faces 1,3",
        "restore old.avi new.mov --weights weights.safetensors --out restored --lossless",
        "restore --method codeformer --input clips --out restored",
        "restore --method dicface --task inpainting --input masked --out filled --device cuda",
        "restore --method dicface_trained --weights weights.safetensors --input a.mp4 --out out",
    )


def _add_faces(group: argparse._ArgumentGroup) -> None:
    faces = "all, largest (of each shot), or people as --dry-run numbers them: 1,3 (default all)"
    group.add_argument("--faces", metavar="WHICH", help=faces)
    side = "side of the square that is cut out, px: smaller ones are left alone (default 32)"
    add_number(group, "--min-face", metavar="PX", help=side)
    add_number(group, "--max-face", metavar="PX", help="larger ones are left alone")
    force = "restore faces that are larger than the network's frames too"
    _add_flag(group, "--force", force)
    share = "share of the change that is pasted, 0 to 1 (default 1)"
    group.add_argument("--strength", type=float, metavar="SHARE", help=share)
    mask = "a picture of the film's size, white where faces are to be filled in"
    add_path(group, "--mask", "FILE", help=mask)
    how = f"{', '.join(PRECISIONS)} (default auto: bf16 on a GPU that has it)"
    group.add_argument("--precision", choices=PRECISIONS, metavar="KIND", help=how)
    known = f"{', '.join(DETECTORS)} (default auto)"
    group.add_argument("--detector", choices=DETECTORS, metavar="NAME", help=known)


def _add_pictures(group: argparse._ArgumentGroup) -> None:
    add_number(group, "--upscale", metavar="TIMES", help="enlarge the film, bicubically (up to 4)")
    _add_flag(group, "--side-by-side", "show the input to the left of the result")
    _add_flag(group, "--only-faces", "write the restored faces as aligned clips, and no film")
    _add_flag(group, "--lossless", "encode without a loss, for work that goes on")
    _add_flag(group, "--10bit", "H.264 in 10 bits", dest="ten_bit")
    at = "only the shot at this time, side by side, each face, and what the whole film will take"
    group.add_argument("--preview", type=clock, metavar="H:M:S", help=at)
    group.add_argument(
        "--dry-run", action="store_true", help="list faces, their sizes and the cost, and stop"
    )


def _add_flag(group: argparse._ArgumentGroup, option: str, help_: str, **facts: str) -> None:
    group.add_argument(option, action="store_true", default=None, help=help_, **facts)


OF_FILMS = (
    *("faces", "min_face", "max_face", "force", "strength", "mask", "precision", "detector"),
    *("upscale", "side_by_side", "only_faces", "lossless", "ten_bit", "preview"),
)
"""Options that are settings of a film's restoration."""
OPTION_OF = {"ten_bit": "10bit"}


def clock(word: str) -> float:
    """Turns a time into seconds.

    >>> clock("00:01:30"), clock("1:30.5"), clock("90")
    (90.0, 90.5, 90.0)

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", word):
        raise argparse.ArgumentTypeError(f"found {word}, expected a time such as 00:01:30")
    seconds = 0.0
    for part in word.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def restore(options: argparse.Namespace) -> None:
    """Restores every film or clip that is not restored yet.

    Raises:
        ConfigError: Options are missing, or do not go together.
    """
    if options.films and options.input:
        raise ConfigError(
            f"found films and --input {options.input}. Give whole films, or aligned clips by "
            "--input."
        )
    if options.films:
        _restore_films(options)
    elif options.input:
        _restore_clips(options)
    else:
        raise ConfigError(
            "found neither a film nor --input. Name films, or aligned clips by --input."
        )


def _restore_films(options: argparse.Namespace) -> None:
    asked = {name: getattr(options, name) for name in OF_FILMS}
    asked = {name: value for name, value in asked.items() if value is not None}
    task = options.task or ("inpainting" if options.mask else "bfr")
    from dicface.cli.job import use_torch
    from dicface.methods import create
    from dicface.restoring.film.film import describe_films, restore_films
    from dicface.restoring.film.settings import FilmSettings

    settings = FilmSettings(**asked)
    device = use_torch(options.threads or os.cpu_count() or 1, options.device)
    name = options.method or (METHOD_OF_WEIGHTS if options.weights else DEFAULT_METHOD)
    method = create(name, task=task, device=device, weights=options.weights)
    films: list[Path] = options.films
    if options.dry_run:
        for text in describe_films(films, method, settings, out=options.out):
            sys.stdout.write(text)
        return
    for files in restore_films(films, method, settings, out=options.out).values():
        sys.stdout.write("".join(f"{file}\n" for file in files))


def _restore_clips(options: argparse.Namespace) -> None:
    found = [name for name in (*OF_FILMS, "dry_run") if getattr(options, name)]
    if found:
        words = ", ".join(
            "--" + name.replace("_", "-").replace("ten-bit", "10bit") for name in found
        )
        raise ConfigError(f"found {words} beside --input; these are for films alone.")
    missing = [name for name in ("method", "out") if getattr(options, name) is None]
    if missing:
        words = " and ".join(f"--{name}" for name in missing)
        raise ConfigError(f"found --input without {words}; aligned clips need both.")
    from dicface.cli.job import use_torch
    from dicface.methods import create
    from dicface.restoring.runner import restore_set

    device = use_torch(options.threads or os.cpu_count() or 1, options.device)
    task = options.task or "bfr"
    method = create(options.method, task=task, device=device, weights=options.weights)
    restore_set(method, options.input, options.out)
