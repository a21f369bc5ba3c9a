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

HEADLINE = "dicface_trained"
"""The run's DicFace, which every ablation is compared with."""


MEAN_OF_5 = "_mean5"
"""Behind the name of a method: the mean of five frames of what it restored, a control."""


def averaged(method: str) -> str:
    """Returns the method whose frames a control averages; "" for a method of its own.

    >>> averaged("codeformer_trained_mean5"), averaged("codeformer")
    ('codeformer_trained', '')
    """
    return method.removesuffix(MEAN_OF_5) if method.endswith(MEAN_OF_5) else ""


def with_seed(name: str, what: str, seed: int) -> str:
    """Adds a seed to the name that seeds start from; 0 adds nothing.

    >>> with_seed("demo-0", "training", 2), with_seed("demo-0", "training", 0)
    ('demo-0-training2', 'demo-0')
    """
    return f"{name}-{what}{seed}" if seed else name
