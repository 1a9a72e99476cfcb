"""The report: one page in one file that shows what rounds of revision did."""

from revloop.report.gathering import Gathered, gather
from revloop.report.page import write_page
from revloop.report.pictures import check_plots, picture_names, save_pictures
from revloop.report.source import ReportSource, open_source
from revloop.report.summary import charts_of

__all__ = [
    "Gathered",
    "ReportSource",
    "charts_of",
    "check_plots",
    "gather",
    "open_source",
    "picture_names",
    "save_pictures",
    "write_page",
]
