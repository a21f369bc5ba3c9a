"""Whom a paper cites for what: the entries of `references.bib`, and papers that methods state."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

FILE = Path(__file__).with_name("references.bib")

_ENTRY = re.compile(r"^@\w+\{[^,\s]+,.*?^\}$", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^ *([\w-]+) *= *\{(.*)\},?$", re.MULTILINE)
_CITED_FOR = re.compile(r"^ *cited-for *= *.*\n", re.MULTILINE)
_ACCENT = re.compile(r"\{\\([\"'~])(\w)\}")
_MARKS = {'"': "\u0308", "'": "\u0301", "~": "\u0303"}


@dataclass(frozen=True, eq=False)
class Reference:
    """An entry of BibTeX.

    Attributes:
        bibtex: The entry as written for a paper.
    """

    bibtex: str

    @property
    def key(self) -> str:
        """What it is cited by."""
        return self.bibtex.partition("{")[2].partition(",")[0].strip()

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """Field -> its value, of an entry with one field a line."""
        return dict(_FIELD.findall(self.bibtex))

    @property
    def line(self) -> str:
        r"""Authors, title, where and when, in one line without markup.

        >>> Reference("@misc{k,\n author = {A B and C D},\n title = {{T} \\& U},\n}").line
        'A B, C D. T & U.'
        """
        where = next((self.fields[k] for k in ("booktitle", "journal") if k in self.fields), "")
        place = ", ".join(part for part in (where, self.fields.get("year", "")) if part)
        authors = self.fields.get("author", "").replace(" and others", " et al")
        authors = authors.replace(" and ", ", ")
        parts = authors, self.fields.get("title", ""), place, self.fields.get("note", "")
        return " ".join(f"{_plain(part)}." for part in parts if part) or self.key


@cache
def references() -> Mapping[str, tuple[Reference, ...]]:
    """Returns what a run can use -> the entries to cite for it."""
    found: dict[str, tuple[Reference, ...]] = {}
    for written in _ENTRY.findall(FILE.read_text(encoding="utf-8")):
        reference = Reference(_CITED_FOR.sub("", written))
        for thing in Reference(written).fields["cited-for"].split(", "):
            found[thing] = (*found.get(thing, ()), reference)
    return found


def of_method(name: str, label: str, citation: str) -> tuple[Reference, ...]:
    """Returns the entries of a method: those kept here, or what its facts state.

    Args:
        name: Of the method.
        label: What tables call it.
        citation: Of its facts: an entry of BibTeX, or a paper in one line; it may be empty.
    """
    if kept := references().get(name):
        return kept
    if citation.lstrip().startswith("@"):
        return (Reference(citation.strip()),)
    lines = [f"@misc{{{name},", f"  title = {{{label}}},", f"  note = {{{citation}}},", "}"]
    return (Reference("\n".join(lines)),) if citation else ()


def _plain(text: str) -> str:
    text = _ACCENT.sub(lambda found: found[2] + _MARKS[found[1]], text).replace(r"{\l}", "ł")
    text = text.replace(r"\&", "&").replace("``", "“").replace("''", "”")
    return unicodedata.normalize("NFC", re.sub(r"[{}]", "", text)).rstrip(".")
