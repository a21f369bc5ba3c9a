"""Names that many packages share: the tasks, and the method that a run is about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is wrong with an input and is to be mended.

    Attributes:
        id: Name in files, settings and on the command line.
        title: Name for readers.
        sentence: What is done to a clip to make its input.
        section: Section of the configuration that decides how; "" if nothing can be set.
    """

    id: str
    title: str
    sentence: str
    section: str = ""


BLIND = Task(
    id="bfr",
    title="Blind face restoration",
    sentence="Blind face restoration: blurred, reduced, noisy and coded as H.264",
    section="degradation",
)
INPAINTING = Task(
    id="inpainting",
    title="Face inpainting",
    sentence="Inpainting: one mask a clip, painted white",
    section="brush",
)
COLORIZATION = Task(
    id="colorization",
    title="Face colorization",
    sentence="Colorization: the grey frame in three channels",
)

TASKS = {task.id: task for task in (BLIND, INPAINTING, COLORIZATION)}
"""Id -> task, in the order of tables and pages."""

INPUT = "input"
"""The degraded clips themselves, which are scored like the results of a method."""

TRUTH = "truth"
"""The true clips themselves, where a table has a row of them, and of controls made of them."""

HEADLINE = "dicface_trained"
"""The run's DicFace, which every ablation is compared with."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A table beside one of the paper's: the same rows, measured by other metrics.

    Attributes:
        id: Name of its file, of its folder, and of what one asks Snakemake for.
        task: Id of the task whose rows it shows.
        title: Heading.
    """

    id: str
    task: str
    title: str


OVER_TIME = Panel(id="over_time", task=BLIND.id, title="Over time. Blind face-video restoration")

BY_REGION = Panel(id="by_region", task=INPAINTING.id, title="Table 2 by region. Inpainting")
IN_COLOUR = Panel(id="in_colour", task=COLORIZATION.id, title="Table 2 in colour. Colorization")

PANELS = {panel.id: panel for panel in (OVER_TIME, BY_REGION, IN_COLOUR)}
"""Id -> panel; `dicface.metrics.PANEL_METRICS` says what each measures."""

WILD = "wild"
"""The table of a run on the user's degraded videos, and what one asks Snakemake for."""

MEAN_OF_5 = "_mean5"
"""Behind the name of a method: the mean of five frames of what it restored, a control."""

FROZEN = "_frozen"
"""Likewise: the first frame of what it restored, again and again."""

BLURRED = "_blurred"
"""Likewise: each frame blurred."""

SHUFFLED = "_shuffled"
"""Likewise: its frames in a drawn order."""

CONTROLS = (MEAN_OF_5, FROZEN, BLURRED, SHUFFLED)


def controlled(method: str) -> str:
    """Returns the method whose frames a control is made from; "" for a method of its own.

    >>> controlled("codeformer_trained_mean5"), controlled("input_frozen"), controlled("codeformer")
    ('codeformer_trained', 'input', '')
    """
    kind = control_kind(method)
    return method.removesuffix(kind) if kind else ""


def control_kind(method: str) -> str:
    """Returns which of `CONTROLS` a method is; "" for a method of its own."""
    return next((kind for kind in CONTROLS if method.endswith(kind)), "")


def with_seed(name: str, what: str, seed: int) -> str:
    """Adds a seed to the name that seeds start from; 0 adds nothing.

    >>> with_seed("demo-0", "training", 2), with_seed("demo-0", "training", 0)
    ('demo-0-training2', 'demo-0')
    """
    return f"{name}-{what}{seed}" if seed else name
