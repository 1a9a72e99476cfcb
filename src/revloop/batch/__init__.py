"""Many drafts at once: a file of any size goes in, every trajectory comes out, nothing is lost."""

from revloop.batch.gate import DEFAULT_MAX_CONCURRENCY, DEFAULT_MIN_CONCURRENCY, Concurrency
from revloop.batch.intake import failures_allowed
from revloop.batch.many import arevise_many, revise_many
from revloop.batch.output import write_output, write_rejects
from revloop.batch.progress import Progress, Snapshot
from revloop.batch.run import Batch, BatchOptions, BatchOutcome, Ending, Tolerance
from revloop.batch.source import InputSource

__all__ = [
    "DEFAULT_MAX_CONCURRENCY",
    "DEFAULT_MIN_CONCURRENCY",
    "Batch",
    "BatchOptions",
    "BatchOutcome",
    "Concurrency",
    "Ending",
    "InputSource",
    "Progress",
    "Snapshot",
    "Tolerance",
    "arevise_many",
    "failures_allowed",
    "revise_many",
    "write_output",
    "write_rejects",
]
