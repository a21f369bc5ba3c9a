"""A report as one ZIP file to share: unpack it, open `index.html`.

A video that has a copy (`media.write_copy`) is packed as that alone: the player plays either, and
from disk only the copy lets it save pictures.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from dicface.base.errors import DicfaceError
from dicface.base.files import atomic_path

PACKED = (".html", ".css", ".js", ".csv", ".md", ".tex", ".txt", ".pdf")
"""Videos and pictures are small already: packing them again takes time for nothing."""
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""Date of every file, so that equal reports give equal bytes."""


def check_bundle(report: Path, target: Path) -> None:
    """Refuses a name for a bundle before anything is made.

    Args:
        report: Folder of the report.
        target: The file.

    Raises:
        DicfaceError: The name does not end in .zip, or the file would lie inside of the report.
    """
    if target.suffix.lower() != ".zip":
        raise DicfaceError(
            f"--bundle: found {target.name}, expected a name that ends in .zip. Give another name."
        )
    if target.resolve().is_relative_to(report.resolve()):
        raise DicfaceError(
            f"--bundle: found {target}, inside of the report {report}, which is replaced whole; "
            "expected a place outside of it. Give another folder."
        )


def write_bundle(report: Path, target: Path) -> Path:
    """Writes a report's folder into a ZIP file, all in one folder of the file's name.

    Args:
        report: Folder of the report.
        target: The file; one that is there is replaced when the new one is whole.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for path in sorted(path for path in report.rglob("*") if path.is_file()):
            if path.suffix == ".mp4" and path.with_suffix(".js").is_file():
                continue
            name = Path(target.stem, path.relative_to(report)).as_posix()
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.external_attr = 0o644 << 16
            packed = zipfile.ZIP_DEFLATED if path.suffix in PACKED else zipfile.ZIP_STORED
            entry.compress_type = packed
            archive.writestr(entry, path.read_bytes())
    return target
