"""Training curves: one small chart for each network and each quantity of its files.

`stats.jsonl` is about training samples; `validation.jsonl`, written at every checkpoint, about
clips or faces that no training sees. What both have is drawn in one chart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dicface.base.reading import is_there, read_json
from dicface.runs.files import TRAINED, read_steps
from dicface.video.formats import natural

WIDTH, HEIGHT = 300, 110
"""Inner size of a chart in its own units."""
LOG_RATIO = 20.0
"""A positive quantity that spans more than this is drawn on a logarithmic axis."""
NOT_DRAWN = ("step", "learning_rate", "seconds")
REFERENCES = ("blurred_", "input_")
"""Before a quantity's name: what it is compared with, the blurred truth or the input itself."""

Points = Sequence[tuple[int, float]]
"""Step and value."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A curve ready to be drawn.

    Attributes:
        quantity: Its name in `stats.jsonl`.
        path: Points as an SVG path, in `WIDTH` × `HEIGHT` units, y downwards.
        reference: The same of what it is compared with; "" for nothing.
        unseen: The same of clips that no training sees; "" where nobody looked.
        low, high: Values at the lower and the upper edge, as text.
        last: The last value, as text; behind it that of unseen clips.
        first_step, last_step: Steps at the left and right edge.
        logarithmic: Whether the vertical axis is.
    """

    quantity: str
    path: str
    reference: str
    unseen: str
    low: str
    high: str
    last: str
    first_step: int
    last_step: int
    logarithmic: bool


@dataclass(frozen=True, kw_only=True)
class Network:
    """A trained network: its folder's name, what `training.json` says, and its charts.

    `unseen` are those of what was measured on clips or faces alone that no training sees.
    """

    name: str
    facts: Mapping[str, object]
    charts: tuple[Chart, ...]
    unseen: tuple[Chart, ...]


def read_networks(train: Path) -> list[Network]:
    """Reads every network below the training folder; none where there is no such folder.

    Raises:
        TrainingError: A file of statistics cannot be read.
    """
    folders = sorted(train.glob("*/stats.jsonl"), key=lambda path: natural(path.parent.name))
    return [_network(path.parent) for path in folders]


def read_facts(path: Path) -> dict[str, object]:
    """Keys and values of a file of a training; empty where it is absent.

    Raises:
        TrainingError: It is damaged.
    """
    return read_json(path, TRAINED) if is_there(path) else {}


def _network(folder: Path) -> Network:
    looks = folder / "validation.jsonl"
    seen, unseen = _quantities(folder / "stats.jsonl"), _quantities(looks)
    alone = {name: found for name, found in unseen.items() if name not in seen}
    return Network(
        name=folder.name,
        facts=read_facts(folder / "training.json"),
        charts=tuple(_chart(n, found, unseen=unseen.get(n, ())) for n, found in seen.items()),
        unseen=tuple(_with_references(alone)),
    )


def _quantities(path: Path) -> dict[str, Points]:
    """Points of each quantity of a file of one JSON object a line; none without the file."""
    rows = read_steps(path) if path.is_file() else []
    names = dict.fromkeys(key for row in rows for key in row if key not in NOT_DRAWN)
    return {name: found for name in names if (found := _points(rows, name))}


def _with_references(points: Mapping[str, Points]) -> Iterator[Chart]:
    references = {
        name: f"{word}{name}" for word in REFERENCES for name in points if f"{word}{name}" in points
    }
    for name, found in points.items():
        if name not in references.values():
            yield _chart(name, found, points.get(references.get(name, ""), ()))


def _points(rows: Sequence[Mapping[str, object]], name: str) -> Points:
    return [
        (int(row["step"]), float(row[name]))
        for row in rows
        if isinstance(row.get(name), int | float) and math.isfinite(row[name])
    ]


def _chart(quantity: str, points: Points, reference: Points = (), unseen: Points = ()) -> Chart:
    everything = (*points, *reference, *unseen)
    values = [value for _, value in everything]
    low, high = min(values), max(values)
    logarithmic = low > 0 and high / low > LOG_RATIO
    scale = math.log if logarithmic else float
    bottom, top = scale(low), scale(high)
    first, last = min(everything)[0], max(everything)[0]

    def path(drawn: Points) -> str:
        marks = []
        for step, value in drawn:
            x = WIDTH * (step - first) / ((last - first) or 1)
            y = HEIGHT * (1 - (scale(value) - bottom) / ((top - bottom) or 1))
            marks.append(f"{x:.1f} {y:.1f}")
        # A lone point is a line of no length, which has round ends.
        return f"M{' L'.join(marks if len(marks) > 1 else 2 * marks)}" if marks else ""

    return Chart(
        quantity=quantity,
        path=path(points),
        reference=path(reference),
        unseen=path(unseen),
        low=f"{low:.3g}",
        high=f"{high:.3g}",
        last=", unseen ".join(f"{found[-1][1]:.4g}" for found in (points, unseen) if found),
        first_step=first,
        last_step=last,
        logarithmic=logarithmic,
    )
