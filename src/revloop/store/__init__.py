"""The version store: one SQLite file that holds every version of every trajectory.

A version is committed and synced to disk before the call that adds it returns, so a killed process
loses at most the rounds in flight. Other processes may read while one writes (write-ahead log,
https://sqlite.org/wal.html).

A batch also keeps its input's rows here: each row's trajectory and other fields, the rejected rows,
and how far the input has been read.
"""

from revloop.store.feedback import Feedback
from revloop.store.file import StoreFile
from revloop.store.following import StoreFollower
from revloop.store.people import add_version_of_person
from revloop.store.rows import InputState, RunRows
from revloop.store.salvage import Losses, salvage
from revloop.store.schema import SAMPLES, VERDICTS
from revloop.store.store import Run, Store
from revloop.store.stored_trajectory import StoredTrajectory
from revloop.store.tables import StoreTables

__all__ = [
    "SAMPLES",
    "VERDICTS",
    "Feedback",
    "InputState",
    "Losses",
    "Run",
    "RunRows",
    "Store",
    "StoreFile",
    "StoreFollower",
    "StoreTables",
    "StoredTrajectory",
    "add_version_of_person",
    "salvage",
]
