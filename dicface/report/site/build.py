"""Writes the report: pages from templates, media of every clip, copies of tables and figures."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from dicface.base.errors import DicfaceError, no_room
from dicface.metrics import METRICS, MetricFacts
from dicface.report.run import measured
from dicface.report.site import charts, cost, opening, training
from dicface.report.site.contents import TaskResults, read_tasks
from dicface.report.site.grids import Grid
from dicface.report.site.inspections import Inspection, read_inspections
from dicface.report.site.media import CRF
from dicface.report.site.notes import Notes
from dicface.report.site.pages import Pages
from dicface.report.site.players import Player
from dicface.report.site.provenance import Provenance, read_provenance
from dicface.report.site.table_pages import TablePage, read_tables, table_pages
from dicface.report.tables.table import Table
from dicface.runs.folder import Run
from dicface.video.formats import natural

logger = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
INDEX = "index.html"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure: file name of its PNG and its PDF ("" for none), size in px and caption."""

    name: str
    png: str
    pdf: str
    width: int
    height: int
    caption: str


@dataclass(frozen=True, kw_only=True)
class Contents:
    """All that a report shows, wherever it was read.

    Attributes:
        title: Heading of the first page.
        remark: What a reader must know of all numbers; "" for nothing.
        tables: Pages of the tables in order.
        notes: What is said of them.
        results: The tables themselves: the first is the headline, others feed charts.
        tasks: Tasks with their clips, methods and scores.
        figures: PNG files; a PDF and a caption (.txt) may lie beside each.
        inspections: What the codes of networks do.
        networks: Training curves.
        costs: Gives a task's costs; None: the page has none.
        provenance: Where the numbers come from.
    """

    title: str
    tables: Sequence[TablePage]
    tasks: Sequence[TaskResults]
    provenance: Provenance
    notes: Notes = field(default_factory=Notes)
    results: Sequence[Table] = ()
    remark: str = ""
    figures: Sequence[Path] = ()
    inspections: Sequence[Inspection] = ()
    networks: Sequence[training.Network] = ()
    costs: Callable[[TaskResults], Grid] | None = None


def write_report(
    run: Run,
    out: Path | None = None,
    *,
    crf: int = CRF,
    metrics: Sequence[MetricFacts] | None = None,
) -> Path:
    """Writes the report of a run as one folder of static files that needs no server.

    What the run does not hold is left out or named; every number comes from the run's own files.
    The same run gives the same bytes.

    Args:
        run: The run.
        out: The folder to write; an earlier report there is replaced when the new one is whole.
            None: the run's own.
        crf: Constant rate factor of the videos, 0 (lossless) to 51.
        metrics: Facts of the metrics in order; None: all of the run's.

    Returns:
        `<out>/index.html`.

    Raises:
        DicfaceError: A file of the run cannot be read, or `out` is a folder that is no report.
    """
    tables, notes = read_tables(run.tables, run.partial_tables), Notes()
    networks = cost.trained_networks(run.networks)
    contents = Contents(
        title=f"DicFace report: {run.folder.resolve().name}",
        tables=[
            page
            for path, table in tables.items()
            for page in table_pages(
                table, path.parent, notes, is_partial=path.parent == run.partial_tables
            )
        ],
        notes=notes,
        results=list(tables.values()),
        tasks=read_tasks(run, list(tables.values())),
        figures=sorted(run.figures.glob("*.png"), key=lambda path: natural(path.stem)),
        inspections=read_inspections(run.inspection("any").parent),
        networks=training.read_networks(run.networks),
        costs=lambda task: cost.cost_grid(task, networks, run),
        provenance=read_provenance(run.folder),
        remark=run.config.remark,
    )
    metrics = measured(run.config) if metrics is None else metrics
    return write_pages(contents, out or run.report, crf=crf, metrics=metrics)


def write_pages(
    contents: Contents,
    out: Path,
    *,
    crf: int = CRF,
    metrics: Sequence[MetricFacts] | None = None,
) -> Path:
    """Writes the pages of any contents; otherwise as `write_report`."""
    metrics = list(METRICS.values()) if metrics is None else metrics
    out = Path(out)
    tasks, tables = contents.tasks, contents.tables
    costs = {task.id: contents.costs(task) for task in tasks if contents.costs}
    with _whole_folder(out) as folder:
        shutil.copytree(STATIC, folder / "assets")
        _copy([file for page in tables for file in page.files], folder / "tables")
        looks = charts.page_looks(contents.results, tasks)
        site = Pages(contents.title, folder, tasks, _preferred(tables), metrics, looks)
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
        pdf, text = png.with_suffix(".pdf"), png.with_suffix(".txt")
        _copy([path for path in (png, pdf) if path.is_file()], folder)
        with Image.open(png) as image:
            width, height = image.size
        name = re.sub(r"(?<=[a-z])(?=\d)", " ", png.stem.replace("_", " "))
        figures.append(
            Figure(
                name=name[:1].upper() + name[1:],
                png=png.name,
                pdf=pdf.name if pdf.is_file() else "",
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
