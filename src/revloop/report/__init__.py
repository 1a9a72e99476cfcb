"""The report: one self-contained page that shows what each round did."""

from revloop.report.aggregates import Aggregates, aggregate
from revloop.report.charts import charts_of
from revloop.report.page import write_page
from revloop.report.pictures import check_plots, picture_names, save_pictures
from revloop.report.source import ReportSource, open_source

__all__ = [
    "Aggregates",
    "ReportSource",
    "aggregate",
    "charts_of",
    "check_plots",
    "open_source",
    "picture_names",
    "save_pictures",
    "write_page",
]
