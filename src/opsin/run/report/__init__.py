"""The report of a job: one page that needs nothing else."""

from opsin.run.report.page import build_report

__all__ = ["build_report"]
