"""The report of a run: one static folder that any browser opens from disk, offline."""

from dicface.report.site.build import write_report

__all__ = ["write_report"]
