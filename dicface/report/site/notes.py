"""Notes of a page: each is said once, and every table that it belongs to links to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

from dicface.report.render.cells import NO_BREAK_SPACE


@dataclass(kw_only=True)
class Absence:
    """A row without scores: what it is called, why, and the tables that it stands in."""

    label: str
    reason: str
    tables: dict[str, str]

    @property
    def names(self) -> str:
        """Its tables in words."""
        return ", ".join(self.tables.values())


@dataclass(kw_only=True)
class Notes:
    """Notes and reasons of a page in the order in which its tables named them first.

    Attributes:
        texts: Note -> its number, from 1.
        absences: Rows without scores by label and reason.
    """

    texts: dict[str, int] = field(default_factory=dict)
    absences: dict[tuple[str, str], Absence] = field(default_factory=dict)

    def number(self, text: str) -> int:
        """The number of a note, which is kept if it is new."""
        return self.texts.setdefault(text, len(self.texts) + 1)

    def link(self, text: str) -> Markup:
        """A link to a note by its number."""
        number = self.number(text)
        return Markup('<a href="#note-{0}">{0}</a>').format(number)

    def absence(self, label: str, reason: str, table: str, short: str) -> Markup:
        """A link to the reason why a row has no scores, which is kept if it is new.

        Args:
            label: What the table calls the row.
            reason: Why it has no scores.
            table: Id of the table.
            short: What links call the table.
        """
        key = label, reason
        found = self.absences.setdefault(key, Absence(label=label, reason=reason, tables={}))
        found.tables[table] = short
        place = list(self.absences).index(key) + 1
        return Markup('<a href="#not-run-{}">no{}scores</a>').format(place, NO_BREAK_SPACE)
