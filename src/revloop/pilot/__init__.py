"""A pilot: which drafts are worth how many rounds, measured on a sample."""

from revloop.pilot.measuring import (
    Effect,
    PilotRecord,
    PilotRecords,
    check_libraries,
    effect_of,
    records_of,
)
from revloop.pilot.options import PilotOptions
from revloop.pilot.recommending import Recommendation, recommend, rounds_for
from revloop.pilot.sampling import Sample, draw
from revloop.pilot.wording import (
    PART_COLUMNS,
    ROUND_COLUMNS,
    part_cells,
    policy_toml,
    round_cells,
    sentences,
)

__all__ = [
    "PART_COLUMNS",
    "ROUND_COLUMNS",
    "Effect",
    "PilotOptions",
    "PilotRecord",
    "PilotRecords",
    "Recommendation",
    "Sample",
    "check_libraries",
    "draw",
    "effect_of",
    "part_cells",
    "policy_toml",
    "recommend",
    "records_of",
    "round_cells",
    "rounds_for",
    "sentences",
]
