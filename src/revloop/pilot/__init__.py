"""A pilot: which drafts are worth how many rounds, measured on a sample."""

from revloop.pilot.effects import Effect, check_libraries, effect_of
from revloop.pilot.measuring import Outlay, PilotRecord, PilotRecords, Planned, records_of
from revloop.pilot.options import PilotOptions
from revloop.pilot.recommending import Recommendation, planned, recommend
from revloop.pilot.sampling import Sample, draw
from revloop.pilot.wording import (
    COST_COLUMN,
    OUTLAY_COLUMNS,
    PART_COLUMNS,
    ROUND_COLUMNS,
    outlay_rows,
    part_rows,
    policy_toml,
    round_cells,
    sentences,
)

__all__ = [
    "COST_COLUMN",
    "OUTLAY_COLUMNS",
    "PART_COLUMNS",
    "ROUND_COLUMNS",
    "Effect",
    "Outlay",
    "PilotOptions",
    "PilotRecord",
    "PilotRecords",
    "Planned",
    "Recommendation",
    "Sample",
    "check_libraries",
    "draw",
    "effect_of",
    "outlay_rows",
    "part_rows",
    "planned",
    "policy_toml",
    "recommend",
    "records_of",
    "round_cells",
    "sentences",
]
