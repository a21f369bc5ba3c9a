"""Restoration methods: one module each, found through one registry.

The built-in ones are listed here. Every other package, `baselines` among them, registers its own
in the entry-point group "dicface.methods"; nothing in this package changes for it:

    [project.entry-points."dicface.methods"]
    my_method = "my_package.restore:MyMethod"

Importing this package imports no network and no torch; a method's module is imported on demand.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
from collections.abc import Mapping
from importlib.metadata import EntryPoint

from dicface.base.errors import MethodError
from dicface.methods.method import PAPER_SYSTEMS, TASKS, TRAINED, Method, MethodFacts

__all__ = [
    "GROUP",
    "PAPER_SYSTEMS",
    "TASKS",
    "TRAINED",
    "Method",
    "MethodFacts",
    "create",
    "fault",
    "method",
    "methods",
    "methods_for",
    "names",
    "unavailable",
    "unregistered",
]

GROUP = "dicface.methods"

_BUILT_IN = {
    "input": "dicface.methods.input:Input",
    "dicface": "dicface.methods.dicface:DicFace",
    "dicface_as_released": "dicface.methods.dicface:DicFaceAsReleased",
    "codeformer_demo": "dicface.methods.shipped:CodeFormerDemo",
    "codeformer_trained": "dicface.methods.trained:CodeFormerTrained",
    "dicface_trained": "dicface.methods.trained:DicFaceTrained",
}

# The order of the paper's Table 1, then what it has not. It stands here and not in the facts,
# because listing names must import no method, and because installers sort entry points by name.
_TABLE_1 = (
    *("input", "gpen", "gfpgan", "codeformer", "realbasicvsr", "basicvsrpp", "pgtformer", "keep"),
    *("dicface", "dicface_as_released", "codeformer_trained", "dicface_trained", "pgdiff"),
    "codeformer_demo",
)


def names() -> tuple[str, ...]:
    """Returns the names of all registered methods; imports none of them.

    Those of the paper come first, in the order of its Table 1, then all others by alphabet.
    """
    known = _claims()
    return (*filter(known.__contains__, _TABLE_1), *sorted(known.keys() - set(_TABLE_1)))


def method(name: str) -> type[Method]:
    """Returns the class of one method.

    Raises:
        MethodError: There is no such method, two packages claim its name, or it cannot be imported
            or is no `Method`.
    """
    points = _claims().get(name, ())
    if not points:
        raise MethodError(
            f"no method is named '{name}'. Known methods: {', '.join(names())}."
            + (f" {hint}" if (hint := unregistered()) else "")
        )
    if len(points) > 1:
        raise MethodError(
            f"the method name '{name}' is claimed twice ({', '.join(map(_owner, points))}). "
            "Names file the results: rename one in its package, or uninstall one."
        )
    (point,) = points
    try:
        found = point.load()
    except Exception as error:
        raise MethodError(
            f"method '{name}' ({point.value}) cannot be imported: {error!r}. "
            "Repair or remove the package that registers it."
        ) from error
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise MethodError(
            f"method '{name}' ({point.value}) is {found!r}; expected a class that derives "
            "from dicface.methods.Method (see docs/add-a-method.md)."
        )
    facts = getattr(found, "facts", None)
    if not isinstance(facts, MethodFacts):
        raise MethodError(
            f"method '{name}' ({point.value}) states the facts {facts!r}; expected "
            "dicface.methods.MethodFacts (see docs/add-a-method.md)."
        )
    if facts.name != name:
        raise MethodError(
            f"method '{name}' ({point.value}) calls itself '{facts.name}' in its "
            "facts; the two names must be the same."
        )
    return found


def fault(name: str) -> str | None:
    """Says why `method` refuses a name, in the words of its error; None if it does not."""
    try:
        method(name)
    except MethodError as error:
        return str(error)
    return None


def methods() -> dict[str, type[Method]]:
    """Returns all methods by name; imports the module of each.

    Those with a `fault` are left out: a broken package must not stop the methods of others.
    """
    return {name: method(name) for name in names() if fault(name) is None}


def methods_for(task: str) -> tuple[str, ...]:
    """Returns the names of the methods that do a task, in the order of `names`.

    >>> methods_for("inpainting")[:4]
    ('input', 'gpen', 'codeformer', 'dicface')

    Args:
        task: One of `TASKS`.

    Raises:
        MethodError: There is no such task.
    """
    if task not in TASKS:
        raise MethodError(f"no task is named '{task}'. Known tasks: {', '.join(TASKS)}.")
    return tuple(name for name, found in methods().items() if task in found.facts.tasks)


def create(name: str, **settings: object) -> Method:
    """Returns a method ready to run, e.g. ``create("codeformer", device="cuda", fidelity_w=0.7)``.

    Raises:
        MethodError: There is no such method or setting, or the method cannot do the task.
    """
    found = method(name)
    known = {setting.name for setting in dataclasses.fields(found)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise MethodError(
            f"method '{name}' has no setting {', '.join(repr(key) for key in unknown)}. "
            f"Its settings are {', '.join(sorted(known))}."
        )
    return found(**settings)


def unavailable(name: str, *, size: int | None = None, task: str = "bfr") -> str | None:
    """Says why a method cannot run on this machine, in one sentence; None if it can.

    Methods that run on weights trained by the user can run as soon as those are made, so they count
    as available here.

    Args:
        name: The method.
        size: Side of the frames to restore, in pixels, where it is known.
        task: The task to do.

    Raises:
        MethodError: There is no such method, or the method cannot be imported.
    """
    found = method(name)
    if task not in found.facts.tasks:
        return f"does not do the task '{task}'"
    return None if found.facts.trained else found(task=task).unavailable(size=size)


def unregistered() -> str | None:
    """Says what to do where the paper's systems are not registered; None where they are.

    A checkout that was never installed, or not since they register themselves, has no entry points.
    """
    points = (point for points in _claims().values() for point in points)
    if any(point.value.startswith("baselines.") for point in points):
        return None
    return (
        "The systems in baselines/ are not registered in this environment: install the suite into "
        "it, by `pip install --no-deps --editable .` in the suite's folder."
    )


@functools.cache
def _claims() -> Mapping[str, tuple[EntryPoint, ...]]:
    """Returns who registers each name; reads the installed packages once a process.

    A package that is found twice, as an old copy of its metadata on the path, is one.
    """
    built_in = (EntryPoint(name, target, GROUP) for name, target in _BUILT_IN.items())
    claims: dict[str, dict[str, EntryPoint]] = {}
    for point in (*built_in, *importlib.metadata.entry_points(group=GROUP)):
        claims.setdefault(point.name, {}).setdefault(point.value, point)
    return {name: tuple(points.values()) for name, points in claims.items()}


def _owner(point: EntryPoint) -> str:
    return f"{point.value} of {point.dist.name}" if point.dist else point.value
