"""Readers of data sets as their authors publish them; `dicface.config.data_sets` lists them."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from pathlib import Path

from dicface.base.errors import ConfigError
from dicface.config.data_sets import LAYOUTS
from dicface.data.datasets.layouts.layout import Layout, Problem, SourceClip

__all__ = ["ALIGNED", "LAYOUTS", "Layout", "Problem", "SourceClip", "read_layout"]

ALIGNED = tuple(layout.id for layout in LAYOUTS.values() if layout.aligned)
"""Layouts of sets whose frames are aligned faces already."""


def read_layout(kind: str, folder: str | Path) -> Layout:
    """Describes a data set; what is wrong with it stands in `problems`, see `Layout.require`.

    Args:
        kind: The layout's id.
        folder: Where the set lies.

    Raises:
        ConfigError: There is no such layout.
    """
    if kind not in LAYOUTS:
        raise ConfigError(f"layout: found '{kind}', expected one of {', '.join(LAYOUTS)}.")
    facts = LAYOUTS[kind]
    module, _, read = facts.reader.rpartition(".")
    return dataclasses.replace(
        getattr(import_module(f"{__name__}.{module}"), read)(Path(folder)),
        kind=kind,
        aligned=facts.aligned,
        for_test=facts.splits == ("test",),
    )
