"""Exit codes of commands that end without an error; each error class has its own in ``errors``."""

from __future__ import annotations

from revloop.errors import (
    EngineError,
    InputError,
    ReaderGoneError,
    ServingError,
    StoreError,
    TrainingError,
)

REJECTED_ROWS = 8
STOPPED = 9
LOST = 10
OUT_OF_BUDGET = 11
INTERRUPTED = 128 + 2  # as a shell reports a program that SIGINT ended

MEANINGS = {
    0: "done",
    2: "wrong usage",
    InputError.exit_code: "bad input",
    EngineError.exit_code: "the engine or the judge failed, or rounds are missing",
    StoreError.exit_code: "the store cannot be used",
    ServingError.exit_code: "the model cannot be served",
    TrainingError.exit_code: "the critic cannot be trained",
    REJECTED_ROWS: "done, but rows were rejected",
    STOPPED: "stopped by `--strict` or `--max-failures`",
    LOST: "salvaged, but some data is lost",
    OUT_OF_BUDGET: "a budget of `batch` is reached",
    INTERRUPTED: "interrupted",
    ReaderGoneError.exit_code: "the reader of the output is gone",
}
"""Every exit code, for ``revloop --help`` and the documentation."""
