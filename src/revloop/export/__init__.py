"""Export a store as training data, as rows for data frames, or as answers for benchmarks."""

from revloop.export.benchmarks import BENCHMARKS
from revloop.export.card import CARD_NAME, card_of
from revloop.export.exporting import (
    ROWS_NAME,
    ExportCounts,
    check_ending_for,
    check_folder,
    check_form,
    export,
    told,
)
from revloop.export.filters import FieldFilter, accepted, filters_of
from revloop.export.options import ExportOptions
from revloop.export.preferences import is_harmed, judged_preferences

__all__ = [
    "BENCHMARKS",
    "CARD_NAME",
    "ROWS_NAME",
    "ExportCounts",
    "ExportOptions",
    "FieldFilter",
    "accepted",
    "card_of",
    "check_ending_for",
    "check_folder",
    "check_form",
    "export",
    "filters_of",
    "is_harmed",
    "judged_preferences",
    "told",
]
