"""The report of a run: one static folder that any browser opens from disk, offline.

`write_report` reads a run; `write_pages` writes the same pages of anything else that has clips and
scores.
"""

from dicface.report.site.build import Contents, write_pages, write_report

__all__ = ["Contents", "write_pages", "write_report"]
