"""The report: one page in one file that shows what rounds of revision did."""

from revloop.report.gathering import Gathered, gather
from revloop.report.page import write_page
from revloop.report.pictures import picture_names, save_pictures
from revloop.report.source import Source, open_source
from revloop.report.summary import charts_of

__all__ = [
    "Gathered",
    "Source",
    "charts_of",
    "gather",
    "open_source",
    "picture_names",
    "save_pictures",
    "write_page",
]
