"""Revises many drafts concurrently: from a file of any size, or from any iterable."""

from revloop.batch.budget import Budget
from revloop.batch.many import arevise_many, revise_many, trajectories_of
from revloop.batch.output import write_output, write_rejects
from revloop.batch.progress import Progress, Snapshot
from revloop.batch.run import Batch, BatchOutcome, Ending
from revloop.batch.source import InputSource

__all__ = [
    "Batch",
    "BatchOutcome",
    "Budget",
    "Ending",
    "InputSource",
    "Progress",
    "Snapshot",
    "arevise_many",
    "revise_many",
    "trajectories_of",
    "write_output",
    "write_rejects",
]
