"""The layouts of data sets as their authors publish them, and what a run may take from each.

A new layout is one line here, and one file beside the readers (docs/add-a-layout.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "images", "test"]


@dataclass(frozen=True, kw_only=True)
class LayoutFacts:
    """What is known of a layout before a folder is looked at.

    Attributes:
        id: Its name in settings and on the command line.
        reader: The function that describes a folder, and its module in
            `dicface.data.datasets.layouts`: "<module>.<function>".
        splits: The sections of `data` in a configuration that can name it. What is for "test" alone
            is a whole test set, of which no clip may be missing.
        aligned: Whether frames are aligned faces already, which need no landmarks.
    """

    id: str
    reader: str
    splits: tuple[Split, ...]
    aligned: bool = False


LAYOUTS = {
    layout.id: layout
    for layout in (
        LayoutFacts(id="vfhq_train", reader="vfhq.read_train", splits=("train",)),
        LayoutFacts(id="vfhq_test", reader="vfhq.read_test", splits=("test",)),
        LayoutFacts(id="released_test", reader="released.read", splits=("test",)),
        LayoutFacts(id="ffhq", reader="ffhq.read", splits=("train", "images"), aligned=True),
        LayoutFacts(id="aligned", reader="aligned.read", splits=("train", "images"), aligned=True),
    )
}
"""Id -> what is known of it."""


def layouts_for(split: Split) -> tuple[str, ...]:
    """Returns the layouts that a section of `data` can name.

    >>> layouts_for("images")
    ('ffhq', 'aligned')
    """
    return tuple(layout.id for layout in LAYOUTS.values() if split in layout.splits)
