"""Feedback records: read, check, import, split, and render them as training text."""

from revloop.records.formats import FORMATS, Format, import_records
from revloop.records.likeness import LanguageDetector, NearDuplicates
from revloop.records.options import ValidationOptions
from revloop.records.people import (
    PersonFeedback,
    record_of_person,
    records_of_people,
)
from revloop.records.reading import (
    Finding,
    FindingKind,
    RecordEntry,
    RecordRow,
    only_entries,
    read_records,
    read_rows,
)
from revloop.records.record import Lesson, Record
from revloop.records.rendering import TrainingText, training_texts
from revloop.records.splitting import DEFAULT_SHARES, PARTS, assign_parts, prompt_key
from revloop.records.validation import (
    DEFAULT_CONTEXT_TOKENS,
    DEFAULT_LIKENESS,
    LengthSummary,
    RecordLimits,
    Report,
    validate,
)
from revloop.records.versions import STORE_SOURCE, record_of_round, records_of_trajectories

__all__ = [
    "DEFAULT_CONTEXT_TOKENS",
    "DEFAULT_LIKENESS",
    "DEFAULT_SHARES",
    "FORMATS",
    "PARTS",
    "STORE_SOURCE",
    "Finding",
    "FindingKind",
    "Format",
    "LanguageDetector",
    "LengthSummary",
    "Lesson",
    "NearDuplicates",
    "PersonFeedback",
    "Record",
    "RecordEntry",
    "RecordLimits",
    "RecordRow",
    "Report",
    "TrainingText",
    "ValidationOptions",
    "assign_parts",
    "import_records",
    "only_entries",
    "prompt_key",
    "read_records",
    "read_rows",
    "record_of_person",
    "record_of_round",
    "records_of_people",
    "records_of_trajectories",
    "training_texts",
    "validate",
]
