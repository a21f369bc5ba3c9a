"""The report of a run: one static folder that any browser opens from disk, offline.

`write_report` reads a run; `write_pages` writes the same pages of anything else that has clips and
scores, `merged` puts several of them on one page.
"""

from dicface.report.site.build import write_pages, write_report
from dicface.report.site.bundle import check_bundle, write_bundle
from dicface.report.site.merged import merged
from dicface.report.site.sources import Contents

__all__ = ["Contents", "check_bundle", "merged", "write_bundle", "write_pages", "write_report"]
