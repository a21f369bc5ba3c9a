"""What the rows of a run's tables stand for: methods and variants, their networks, their jobs."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path

from dicface.base.errors import ConfigError
from dicface.base.files import digest_of_names
from dicface.base.names import (
    BLIND,
    COLORIZATION,
    FROZEN,
    HEADLINE,
    INPAINTING,
    INPUT,
    MEAN_OF_5,
    controlled,
)
from dicface.base.reading import Own, read_yaml
from dicface.base.suite import suite_folder
from dicface.config.networks import (
    METHOD_OF_STAGE,
    network,
    restore_settings,
    sources_of,
    weights_of,
)
from dicface.config.settings import Config, ResultsElsewhere

#: Methods that run on weights of the run -> the stage that trains them; variants come on top.
TRAINED_METHODS = {method: stage for stage, method in METHOD_OF_STAGE.items()}

#: Figure of qualitative examples -> its task.
TASK_OF_GRID = {
    "comparison": BLIND.id,
    "figure3": BLIND.id,
    "figure4": INPAINTING.id,
    "figure5": COLORIZATION.id,
}

#: Such a figure with chosen columns -> heading and method of each, before the truth; the others
#: show every method that was scored.
COLUMNS_OF_GRID = {
    "comparison": {"Input": INPUT, "CodeFormer": "codeformer_trained", "DicFace": HEADLINE}
}
IN_A_COLUMN = "_column"
"""Behind the name of a figure that is as wide as a column of a paper."""
LONGEST_NAME = 40
"""Letters of the rows in the file name of a table of chosen rows; of more rows, a digest."""

FIGURES = (*TASK_OF_GRID, "figure6", "figure7", "figure8a", "figure8b", "training_curves")


def rows_of_tables(config: Config) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Returns the key of every table's rows -> its task and the methods and variants it names."""
    rows = {"table1": (BLIND.id, config.table1)}
    rows |= {f"table2.{task}": (task, methods) for task, methods in config.table2.items()}
    for task in dict.fromkeys(each.task for each in config.methods):
        if added := added_methods(config, task):
            rows |= {f"methods ({task})": (task, added)}
    ablations = config.ablations.items()
    return rows | {f"ablations.{name}.rows": (BLIND.id, each.rows) for name, each in ablations}


def added_methods(config: Config, task: str) -> tuple[str, ...]:
    """Returns the installed methods that `methods` adds to the tables of a task."""
    return tuple(each.method for each in config.methods if each.task == task and each.method)


def made_elsewhere(config: Config) -> list[ResultsElsewhere]:
    """Returns the folders of results that `methods` adds."""
    return [each for each in config.methods if each.restored]


def published(config: Config, task: str) -> list[ResultsElsewhere]:
    """Returns the records that `methods` adds to the tables of a task."""
    return [each for each in config.methods if each.record and each.task == task]


def table1_name(config: Config) -> str:
    """Returns the file name of Table 1; one of other rows than the scale's has a name of its own.

    It would else take the place of the scale's table, of which it is another.
    """
    if config.table1 == _rows_of_scale(config.scale, config.table1):
        return "table1"
    named = "_".join(config.table1)
    if len(named) > LONGEST_NAME:
        named = f"{len(config.table1)}_rows_{digest_of_names(config.table1)[:6]}"
    return f"table1_{named}"


_SCALE = Own("settings of a scale", "Install the suite again.", error=ConfigError)


@cache
def _rows_of_scale(scale: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """Table 1 as the suite's own file of a scale has it; of a user's scale, what it says itself."""
    folder = suite_folder() / "config"
    own = (read_yaml(path, _SCALE) for path in folder.glob("*.yaml"))
    found = {each["scale"]: each["table1"] for each in own if {"scale", "table1"} <= each.keys()}
    return tuple(found.get(scale, otherwise))


def wild_rows(config: Config) -> tuple[str, ...]:
    """Returns the rows of the table of a run on the user's degraded videos: those of Table 1.

    Its controls stand there in any case: the input, its mean of five frames and its first one.
    """
    controls = (INPUT, f"{INPUT}{MEAN_OF_5}", f"{INPUT}{FROZEN}")
    return tuple(dict.fromkeys((*config.table1, *added_methods(config, BLIND.id), *controls)))


def method_network(config: Config, method: str) -> str | None:
    """Returns the network whose weights a method needs; None for released systems."""
    name = _run_name(config, method)
    return weights_of(config, name) if name else None


def inspected(config: Config, table: str) -> dict[str, str]:
    """Returns row -> network of the rows of a table whose codes are looked at.

    Those are the networks of Table 1 that know more than one code a position.
    """
    rows = config.table1 if table == "table1" else ()
    found = {row: method_network(config, row) for row in rows if not controlled(row)}
    return {
        row: name
        for row, name in found.items()
        if name and network(config, name).model["dicface"]["aggregation"] != "top1"
    }


def method_class(config: Config, method: str) -> str:
    """Returns the name that `dicface.methods.create` knows: a variant's is that of its stage.

    Raises:
        ConfigError: The variant is of a stage that restores nothing.
    """
    if method not in config.variants:
        return method
    stage = network(config, method).stage
    if stage not in METHOD_OF_STAGE:
        raise ConfigError(
            f"'{method}' is a variant of '{stage}', which restores nothing by itself; "
            f"name a variant of {' or '.join(METHOD_OF_STAGE)}."
        )
    return METHOD_OF_STAGE[stage]


def method_settings(config: Config, method: str) -> dict[str, object]:
    """Returns the settings of a method that the configuration decides, for `methods.create`."""
    kind = method_class(config, method)
    if kind not in ("dicface", HEADLINE):
        return {}
    settings = restore_settings(config, _run_name(config, method) or "dicface")
    return {**asdict(settings), "aggregation": settings.aggregation or None}


def job_logs(config: Config, method: str, task: str, run: Path, train: Path) -> list[Path]:
    """Returns the logs of all jobs that a row of a table needs, in their order.

    Args:
        config: The run's settings.
        method: Method, variant, or results made elsewhere.
        task: Its task.
        run: Folder of the run's logs.
        train: Folder of its trainings' logs.
    """
    wanted = [name] if (name := method_network(config, method)) else []
    networks: list[str] = []
    while wanted:
        networks.insert(0, wanted.pop())
        wanted += [source for source in sources_of(config, networks[0]) if source not in networks]
    logs = [train / f"train_{network}.log" for network in networks]
    steps = ("import_results", "restore")
    logs += [run / f"{step}_{task}_{controlled(method) or method}.log" for step in steps]
    return logs + [run / f"{step}_{task}_{method}.log" for step in ("control", "score")]


def _run_name(config: Config, method: str) -> str | None:
    """The stage or variant that a method stands for; None for a released system."""
    method = controlled(method) or method
    return method if method in config.variants else TRAINED_METHODS.get(method)
