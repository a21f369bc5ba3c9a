"""Which released weights files a table, the metrics or a method can use, and what each gives."""

from __future__ import annotations

from dicface.base.errors import ConfigError
from dicface.config.fields import nearest
from dicface.config.settings import Config
from dicface.config.systems import rows_of_tables
from dicface.methods import method, names
from dicface.metrics import METRICS, metric_class

METRIC_FILES = "metrics"


def weights_for(wanted: str, config: Config) -> dict[str, str]:
    """Returns name of each file -> what it gives: rows of the table, or columns.

    Args:
        wanted: "table1", "table2", "metrics", or a method.
        config: Says which rows tables have.

    Raises:
        ConfigError: There is no such table or method.
    """
    tables = {key.partition(".")[0] for key in rows_of_tables(config)} - {"ablations"}
    known = [*sorted(tables), METRIC_FILES, *names()]
    if wanted not in known:
        near = " or ".join(nearest(wanted, known)) or ", ".join([*sorted(tables), METRIC_FILES])
        raise ConfigError(f"--for: found '{wanted}', expected {near}, or a method's name.")
    found: dict[str, list[str]] = {}
    if wanted in tables:
        for key, (task, rows) in rows_of_tables(config).items():
            if key.partition(".")[0] == wanted:
                for row in (row for row in rows if row in names()):
                    _add(found, row, task)
    elif wanted != METRIC_FILES:
        for task in method(wanted).facts.weights:
            _add(found, wanted, task)
    if wanted in tables or wanted == METRIC_FILES:
        for name, facts in METRICS.items():
            for needed in (each for each in metric_class(name).needs if each.file):
                found.setdefault(needed.file, []).append(f"column {facts.name}")
    return {name: ", ".join(dict.fromkeys(gives)) for name, gives in found.items()}


def _add(found: dict[str, list[str]], name: str, task: str) -> None:
    facts = method(name).facts
    for file in facts.weights.get(task, ()):
        found.setdefault(file, []).append(f"row {facts.label}")
