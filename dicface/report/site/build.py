"""Writes the report: pages from templates, media of every clip, copies of tables and figures."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from dicface.errors import DicfaceError
from dicface.report.site import cost, training
from dicface.report.site.contents import natural, read_tasks
from dicface.report.site.media import CRF
from dicface.report.site.pages import Pages
from dicface.report.site.provenance import read_provenance
from dicface.report.site.table_pages import TablePage, read_table_pages

if TYPE_CHECKING:
    from dicface.metrics import MetricFacts

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


def write_report(
    run: Path,
    train: Path,
    out: Path,
    *,
    truth: Path,
    crf: int = CRF,
    metrics: Sequence[MetricFacts] | None = None,
) -> Path:
    """Writes the report of a run as one folder of static files that needs no server.

    What the run does not hold is left out or named; every number comes from the run's own files.
    The same run gives the same bytes.

    Args:
        run: The run folder (`tables/`, `figures/`, one folder a task, `benchmarks/`).
        train: Folder of its networks.
        out: The folder to write; an earlier report there is replaced when the new one is whole.
        truth: Folder of the true clips.
        crf: Constant rate factor of the videos, 0 (lossless) to 51.
        metrics: Facts of the metrics in order; None: all of the paper's.

    Returns:
        `<out>/index.html`.

    Raises:
        DicfaceError: A file of the run cannot be read, or `out` is a folder that is no report.
    """
    if metrics is None:
        # Imported here: the metrics load torch, which writing the pages does not need.
        from dicface.metrics import METRICS

        metrics = list(METRICS.values())
    run, train, out = Path(run), Path(train), Path(out)
    pages, names = read_table_pages(run / "tables")
    tasks = read_tasks(run, Path(truth), names)
    with _whole_folder(out) as folder:
        shutil.copytree(STATIC, folder / "assets")
        _copy([file for page in pages for file in page.files], folder / "tables")
        site = Pages(run.resolve().name, folder, tasks, _preferred(pages), metrics)
        num_frames = site.write_clips(Path(truth), crf)
        networks = cost.trained_networks(train)
        site.write(
            "index.html",
            INDEX,
            root="",
            pages=pages,
            figures=_copy_figures(run / "figures", folder / "figures"),
            networks=training.read_networks(train),
            costs={
                task.id: cost.cost_grid(task, networks, run / "benchmarks", num_frames)
                for task in tasks
            },
            extremes={task.id: site.extremes(task) for task in tasks},
            provenance=read_provenance(run),
        )
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    logger.info("%s: %d clip pages, %.1f MB", out / INDEX, site.num_pages, size / 1e6)
    return out / INDEX


def _preferred(pages: Sequence[TablePage]) -> list[str]:
    """Methods of the first table: those that a clip's page shows at first are chosen from them."""
    for page in pages[:1]:
        grids = [part.grid for part in page.parts if part.grid]
        return [line.method for grid in grids for line in grid.lines if line.method]
    return []


def _copy(files: Sequence[Path], folder: Path) -> None:
    for file in files:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / file.name)


def _copy_figures(source: Path, folder: Path) -> list[Figure]:
    figures = []
    for png in sorted(source.glob("*.png"), key=lambda path: natural(path.stem)):
        pdf, text = png.with_suffix(".pdf"), png.with_suffix(".txt")
        _copy([path for path in (png, pdf) if path.is_file()], folder)
        with Image.open(png) as image:
            width, height = image.size
        name = png.stem.replace("_", " ")
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
    new, old = (out.with_name(f".{out.name}.{os.getpid()}.{word}") for word in ("part", "old"))
    try:
        new.mkdir()
        yield new
        if out.exists():
            out.rename(old)
        new.rename(out)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise DicfaceError(
                f"{out}: cannot be written ({error.strerror}); nothing was kept under that name. "
                "Free some space or choose another folder, then run the same command again."
            ) from error
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
