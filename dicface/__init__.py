"""dicface: the benchmark suite of face-video restoration.

The names below are the public API, see docs/python.md; what they need is imported at their first
use. No module of the package has the name of one.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from dicface.base import __version__

if TYPE_CHECKING:
    from dicface import methods, metrics
    from dicface.api import Aligned, align, list_methods, load_weights, paste, restore
    from dicface.base.errors import DicfaceError
    from dicface.metrics.scores import Scores, score
    from dicface.restoring.film.settings import FilmSettings

__all__ = [
    "Aligned",
    "DicfaceError",
    "FilmSettings",
    "Scores",
    "__version__",
    "align",
    "list_methods",
    "load_weights",
    "methods",
    "metrics",
    "paste",
    "restore",
    "score",
]

_ELSEWHERE = {
    "DicfaceError": "dicface.base.errors",
    "FilmSettings": "dicface.restoring.film.settings",
    "Scores": "dicface.metrics.scores",
    "score": "dicface.metrics.scores",
}
"""Names that are not written in `dicface.api`, and where they are."""


def __getattr__(name: str) -> object:
    if name in ("methods", "metrics"):
        return importlib.import_module(f"dicface.{name}")
    if name in __all__:
        return getattr(importlib.import_module(_ELSEWHERE.get(name, "dicface.api")), name)
    raise AttributeError(f"module 'dicface' has no attribute '{name}'; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
