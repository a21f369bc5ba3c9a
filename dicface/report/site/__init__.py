"""The report of a run: one static folder that any browser opens from disk, offline.

`write_report` reads a run; `write_pages` writes the same pages of anything else that has clips and
scores.
"""

from dicface.report.site.build import Contents, write_pages, write_report
from dicface.report.site.bundle import check_bundle, write_bundle

__all__ = ["Contents", "check_bundle", "write_bundle", "write_pages", "write_report"]
