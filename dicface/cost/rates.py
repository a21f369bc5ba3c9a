"""The table of rates, `rates.csv`: how long a unit of work takes, and who says so."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path

from dicface.base.errors import ConfigError

TABLE = Path(__file__).with_name("rates.csv")
COLUMNS = ("what", "device", "size_px", "value", "unit", "kind", "machine", "date", "source")
KINDS = ("measured", "counted", "published", "estimate")


@dataclass(frozen=True, kw_only=True)
class Rate:
    """One row of the table.

    Attributes:
        what: What the unit of work is part of, for example "score.frame".
        device: "cpu", or a GPU's name; "any" where it plays no part.
        size_px: Side of the frames that it holds for; 0 where it plays no part.
        value: How much.
        unit: Of what.
        kind: "measured" on the machine named, "counted" (operations and bytes), "published" by
            somebody else, or an "estimate" by the method that `source` states.
        machine: Where it was measured; "" otherwise.
        date: When, as 2026-11-23.
        source: The command that measured it, where it is published, or how it was estimated.
    """

    what: str
    device: str
    size_px: int
    value: float
    unit: str
    kind: str
    machine: str
    date: str
    source: str

    @property
    def is_estimate(self) -> bool:
        """Whether nobody measured, counted or published it."""
        return self.kind == "estimate"


@dataclass(frozen=True)
class Rates:
    """All rows of a table."""

    rows: tuple[Rate, ...]
    path: Path

    def find(self, what: str, device: str = "any", size_px: int = 0) -> Rate | None:
        """Returns the row for a device and frame size, or None.

        Where the size is not in the table, the nearest one is taken and called an estimate; what is
        spent on a frame is scaled by the number of pixels.
        """
        rows = [row for row in self.rows if row.what == what and row.device in (device, "any")]
        if not rows:
            return None
        best = min(rows, key=lambda row: abs(row.size_px - size_px) if row.size_px else 0)
        if best.size_px in (0, size_px):
            return best
        scale = (size_px / best.size_px) ** 2 if best.unit.endswith("/frame") else 1.0
        return replace(best, value=best.value * scale, size_px=size_px, kind="estimate")

    def gpus(self) -> list[str]:
        """Returns the GPUs that the table knows, in its order."""
        known = (
            row.device for row in self.rows if row.what.startswith(("gpu.peak.", "gpu.speed."))
        )
        return list(dict.fromkeys(known))


def read_rates(path: Path = TABLE) -> Rates:
    """Reads a table of rates.

    Raises:
        ConfigError: The file is missing, or a row lacks a column or holds a value of another kind;
            the message names the line.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(line for line in file if not line.startswith("#"))
            rows = tuple(_row(path, number, row) for number, row in enumerate(reader, 1))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file; expected a table of rates (docs/cost.md)."
        ) from None
    return Rates(rows, path)


def _row(path: Path, number: int, row: dict[str, str | None]) -> Rate:
    where = f"{path}, row {number} ({row.get('what')})"
    if tuple(row) != COLUMNS or None in row.values():
        raise ConfigError(f"{where}: found the columns {list(row)}, expected {list(COLUMNS)}.")
    try:
        rate = Rate(**{**row, "size_px": int(row["size_px"]), "value": float(row["value"])})
    except ValueError as error:
        raise ConfigError(f"{where}: {error}; expected numbers in size_px and value.") from None
    if rate.kind not in KINDS:
        raise ConfigError(f"{where}: found kind '{rate.kind}', expected one of {', '.join(KINDS)}.")
    if not rate.source or not re.fullmatch(r"\d{4}-\d\d-\d\d", rate.date):
        raise ConfigError(f"{where}: expected a source and a date as 2026-11-23.")
    if rate.kind == "measured" and not rate.machine:
        raise ConfigError(f"{where}: a measured rate names the machine.")
    if rate.value < 0:
        raise ConfigError(f"{where}: found {rate.value}, expected a value of 0 or more.")
    return rate
