"""Writes the report: pages from templates, media of every clip, copies of tables and figures."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from dicface.base.errors import DicfaceError, no_room
from dicface.config.systems import IN_A_COLUMN
from dicface.report.site import charts, opening
from dicface.report.site.media import CRF
from dicface.report.site.pages import Pages
from dicface.report.site.players import Player
from dicface.report.site.sources import Contents, of_run
from dicface.report.site.table_pages import TablePage
from dicface.runs.folder import Run

logger = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
INDEX = "index.html"
FIGURE_FILES = {"PDF": ".pdf", "PDF as wide as a column": f"{IN_A_COLUMN}.pdf"}
"""What a page calls a figure's files for papers -> what follows the figure's name in theirs. SVG
files hold the same and are larger: they stay in the run."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure: file name of its PNG, its other files by kind, size in px and caption."""

    name: str
    png: str
    files: dict[str, str]
    width: int
    height: int
    caption: str


def write_report(
    run: Run,
    out: Path | None = None,
    *,
    crf: int = CRF,
) -> Path:
    """Writes the report of a run as one folder of static files that needs no server.

    What the run does not hold is left out or named; every number comes from the run's own files.
    The same run gives the same bytes.

    Args:
        run: The run.
        out: The folder to write; an earlier report there is replaced when the new one is whole.
            None: the run's own.
        crf: Constant rate factor of the videos, 0 (lossless) to 51.

    Returns:
        `<out>/index.html`.

    Raises:
        DicfaceError: A file of the run cannot be read, or `out` is a folder that is no report.
    """
    return write_pages(of_run(run), out or run.report, crf=crf)


def write_pages(contents: Contents, out: Path, *, crf: int = CRF) -> Path:
    """Writes the pages of any contents; otherwise as `write_report`."""
    out = Path(out)
    tasks, tables = contents.tasks, contents.tables
    costs = {task.id: contents.costs(task) for task in tasks if contents.costs}
    with _whole_folder(out) as folder:
        shutil.copytree(STATIC, folder / "assets")
        for page in tables:
            _copy(page.files, folder / page.place)
        looks = charts.page_looks(contents.results, tasks)
        site = Pages(contents.title, folder, tasks, _preferred(tables), contents.metrics, looks)
        site.write_clips(crf)
        opened = opening.opening(contents.results, tasks, folder)
        site.write(
            "index.html",
            INDEX,
            root="",
            remark=contents.remark,
            opening=opened,
            played=_played(site, opened.wipe) if opened.wipe else None,
            pages=tables,
            notes=contents.notes,
            charts=charts.charts(contents.results, tasks, costs, looks),
            figures=_copy_figures(contents.figures, folder / "figures"),
            inspections=contents.inspections,
            networks=contents.networks,
            costs=costs,
            clip_by_clip={task.id: site.clip_by_clip(task) for task in tasks},
            extremes={task.id: site.extremes(task) for task in tasks},
            provenance=contents.provenance,
        )
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    logger.info("%s: %d clip pages, %.1f MB", out / INDEX, site.num_pages, size / 1e6)
    return out / INDEX


def _played(site: Pages, wipe: opening.Wipe) -> Player:
    """The player of the first screen: it begins with the two sides of the wipe."""
    found = site.player(wipe.task, wipe.clip)
    return replace(found, data={**found.data, "chosen": list(wipe.methods)})


def _preferred(pages: Sequence[TablePage]) -> list[str]:
    """Methods of the first table: those that a clip's page shows at first are chosen from them."""
    for page in pages[:1]:
        return [line.method for part in page.parts for line in part.grid.lines if line.method]
    return []


def _copy(files: Sequence[Path], folder: Path) -> None:
    for file in files:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / file.name)


def _copy_figures(pictures: Sequence[Path], folder: Path) -> list[Figure]:
    figures = []
    for png in pictures:
        text, files = png.with_suffix(".txt"), {}
        for kind, end in FIGURE_FILES.items():
            path = png.with_name(f"{png.stem}{end}")
            if path.is_file():
                files[kind] = path.name
                _copy([path], folder)
        _copy([png], folder)
        with Image.open(png) as image:
            width, height = image.size
        name = re.sub(r"(?<=[a-z])(?=\d)", " ", png.stem.replace("_", " "))
        figures.append(
            Figure(
                name=name[:1].upper() + name[1:],
                png=png.name,
                files=files,
                width=width,
                height=height,
                caption=text.read_text(encoding="utf-8").strip() if text.is_file() else "",
            )
        )
    return figures


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """Yields a folder beside `out` that takes its place if the block succeeds."""
    if out.exists() and any(out.iterdir()) and not (out / INDEX).is_file():
        raise DicfaceError(
            f"{out}: is a folder that holds other things than a report (no {INDEX}); expected an "
            "earlier report or nothing. Give another folder, or empty this one."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    new, old = (out.with_name(f".{out.name}.{os.getpid()}.{word}") for word in ("part", "part.old"))
    try:
        new.mkdir()
        yield new
        if out.exists():
            out.rename(old)
        new.rename(out)
    except Exception as error:
        if not isinstance(error, DicfaceError) and (reason := no_room(error)):
            raise DicfaceError(
                f"{out}: cannot be written ({reason}); nothing was kept under that name. "
                "Free some space or choose another folder, then run the same command again."
            ) from error
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
