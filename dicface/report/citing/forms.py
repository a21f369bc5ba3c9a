"""The section as Markdown for reading, as LaTeX, and its entries of BibTeX."""

from __future__ import annotations

import re

from dicface.report.citing.section import Section
from dicface.report.render.latex import escape

_CITATION = re.compile(r" (\[@[^\]]+\])")


def to_text(section: Section) -> str:
    """Markdown, with citations as Pandoc reads them and a line for each reference."""
    paragraphs = [f"**{subject}.** {text}" for subject, text in section.paragraphs.items()]
    cited = [f"- [@{key}] {each.line}" for key, each in section.cited.items()]
    return "\n\n".join([*paragraphs, "**References**", "\n".join(cited)]) + "\n"


def to_latex(section: Section) -> str:
    r"""A `\paragraph` a subject, with `\cite`.

    >>> to_latex(Section(paragraphs={"Data": "2 % of A [@k; @l]."})).splitlines()[-1]
    '\\paragraph{Data.} 2 \\% of A~\\cite{k,l}.'
    """
    lines = ["% Made by dicface from the records of a run; entries are in methods.bib."]
    for subject, text in section.paragraphs.items():
        pieces = _CITATION.split(text)
        written = [
            rf"~\cite{{{piece[2:-1].replace('; @', ',')}}}" if index % 2 else escape(piece)
            for index, piece in enumerate(pieces)
        ]
        lines.append(rf"\paragraph{{{escape(subject)}.}} {''.join(written)}")
    return "\n\n".join(lines) + "\n"


def to_bibtex(section: Section) -> str:
    """The entries that are cited."""
    return "\n\n".join(each.bibtex for each in section.cited.values()) + "\n"
