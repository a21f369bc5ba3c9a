"""Restoration methods: one module each, found through one registry.

The built-in ones are listed here in the order of Table 1. Another package adds its own under the
entry-point group "dicface.methods"; nothing in this repository needs to change for it:

    [project.entry-points."dicface.methods"]
    my_method = "my_package.restore:MyMethod"

Importing this package imports no network and no torch; a method's module is imported on demand.
"""

from __future__ import annotations

import dataclasses
import importlib
from importlib import metadata

from dicface.base.errors import MethodError
from dicface.methods.method import TASKS, Method, MethodFacts

__all__ = [
    "GROUP",
    "TASKS",
    "Method",
    "MethodFacts",
    "create",
    "method",
    "methods",
    "methods_for",
    "names",
    "unavailable",
]

GROUP = "dicface.methods"

_BUILT_IN = {
    "input": "dicface.methods.input:Input",
    "gpen": "baselines.gpen:Gpen",
    "gfpgan": "baselines.gfpgan:Gfpgan",
    "codeformer": "dicface.methods.codeformer:CodeFormer",
    "realbasicvsr": "baselines.realbasicvsr:RealBasicVsr",
    "basicvsrpp": "baselines.basicvsrpp:BasicVsrPp",
    "pgtformer": "baselines.pgtformer:PgtFormer",
    "keep": "baselines.keep:Keep",
    "dicface": "dicface.methods.dicface:DicFace",
    "codeformer_trained": "dicface.methods.trained:CodeFormerTrained",
    "dicface_trained": "dicface.methods.trained:DicFaceTrained",
    "pgdiff": "baselines.pgdiff:PgDiff",
}


def names() -> tuple[str, ...]:
    """Returns the names of all methods: the built-in ones in table order, then other packages'."""
    return (*_BUILT_IN, *sorted(point.name for point in _entry_points()))


def method(name: str) -> type[Method]:
    """Returns the class of one method.

    Raises:
        MethodError: There is no such method, two packages claim its name, or another package's
            method cannot be imported or is no `Method`.
    """
    points = {point.name: point for point in _entry_points()}
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    if name not in points:
        raise MethodError(f"no method is named '{name}'. Known methods: {', '.join(names())}.")
    try:
        found = points[name].load()
    except Exception as error:
        raise MethodError(
            f"method '{name}' ({points[name].value}) cannot be imported: {error!r}. "
            "Repair or remove the package that registers it."
        ) from error
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise MethodError(
            f"method '{name}' ({points[name].value}) is {found!r}; expected a class that derives "
            "from dicface.methods.Method (see docs/add-a-method.md)."
        )
    if found.facts.name != name:
        raise MethodError(
            f"method '{name}' ({points[name].value}) calls itself '{found.facts.name}' in its "
            "facts; the two names must be the same."
        )
    return found


def methods() -> dict[str, type[Method]]:
    """Returns all methods by name; imports the module of each."""
    return {name: method(name) for name in names()}


def methods_for(task: str) -> tuple[str, ...]:
    """Returns the names of the methods that do a task, in the order of `names`.

    >>> methods_for("inpainting")[:4]
    ('input', 'gpen', 'codeformer', 'dicface')

    Args:
        task: One of `TASKS`.

    Raises:
        MethodError: There is no such task, or a method cannot be imported.
    """
    if task not in TASKS:
        raise MethodError(f"no task is named '{task}'. Known tasks: {', '.join(TASKS)}.")
    return tuple(name for name, found in methods().items() if task in found.facts.tasks)


def create(name: str, **settings: object) -> Method:
    """Returns a method ready to run, e.g. ``create("codeformer", device="cuda", w=0.7)``.

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


def _entry_points() -> list[metadata.EntryPoint]:
    points = list(metadata.entry_points(group=GROUP))
    claimed = list(_BUILT_IN) + [point.name for point in points]
    twice = sorted({name for name in claimed if claimed.count(name) > 1})
    if twice:
        owners = ", ".join(point.value for point in points if point.name in twice)
        raise MethodError(
            f"the method name '{twice[0]}' is claimed twice ({owners}). "
            "Names file the results: rename one in its package, or uninstall one."
        )
    return points
