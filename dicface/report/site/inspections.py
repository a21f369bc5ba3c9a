"""What the codes of a run's networks do, as the report shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dicface.base.reading import read_json
from dicface.report.inspection import text
from dicface.report.inspection.notes import INSPECTION
from dicface.video.formats import natural


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """An inspection in words; all but `name` as the functions of `inspection.text` give it."""

    name: str
    head: list[str]
    posterior: dict[str, str]
    psnr: list[tuple[str, float, str]]
    calibration: list[tuple[str, str, str]]
    surest: str
    marks: list[tuple[bool, str]]
    calibration_head: str = text.CALIBRATION_HEAD
    marks_head: str = text.MARKS_HEAD


def read_inspections(folder: Path) -> list[Inspection]:
    """Reads what was found of each network; none where nobody looked.

    Raises:
        MetricError: A file is no inspection.
    """
    files = sorted(folder.glob("*.json"), key=lambda path: natural(path.stem))
    found = {
        path.stem: read_json(path, INSPECTION)
        for path in files
        if not path.name.endswith("manifest.json")
    }
    return [
        Inspection(
            name=name,
            head=text.head(each),
            posterior=text.posterior(each),
            psnr=text.psnr(each),
            calibration=text.calibration(each),
            surest=text.surest(each),
            marks=text.marks(each),
        )
        for name, each in found.items()
    ]
