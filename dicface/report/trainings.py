"""Rows that were trained several times: what their trainings must have in common."""

from __future__ import annotations

from collections.abc import Sequence

from dicface.base.errors import MetricError
from dicface.base.reading import is_there
from dicface.config.systems import method_network
from dicface.runs.files import read_network_settings
from dicface.runs.folder import Run


def require_alike(run: Run, methods: Sequence[str]) -> None:
    """Looks whether trainings of one row differ in their seed alone.

    Args:
        run: The run.
        methods: The row and its further trainings.

    Raises:
        MetricError: They differ in more.
    """
    first = None
    for name in dict.fromkeys(method_network(run.config, method) for method in methods):
        path = run.network(name).folder / "settings.json"
        if not is_there(path):
            continue
        settings = {k: v for k, v in read_network_settings(path).items() if k != "seed"}
        settings["train"] = {k: v for k, v in settings["train"].items() if k != "seed"}
        first = first or (path, settings)
        if differ := [key for key in settings if settings[key] != first[1].get(key)]:
            raise MetricError(
                f"{path}: was trained with another {' and '.join(differ)} than {first[0]}; "
                "trainings of one row differ in their seed alone. Delete its folder, and the next "
                "run trains it again."
            )
