"""Export a store as training data, as rows for data frames, or as answers for benchmarks."""

from revloop.export.exporting import (
    ExportCounts,
    check_ending_for,
    check_form,
    export,
    told,
)
from revloop.export.filters import FieldFilter, accepted, filters_of
from revloop.export.options import ExportOptions

__all__ = [
    "ExportCounts",
    "ExportOptions",
    "FieldFilter",
    "accepted",
    "check_ending_for",
    "check_form",
    "export",
    "filters_of",
    "told",
]
