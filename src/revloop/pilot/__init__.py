"""A pilot: which drafts are worth how many rounds, measured on a sample."""

from revloop.pilot.measuring import Effect, PilotRecord, PilotRecords, effect_of, records_of
from revloop.pilot.options import PilotOptions
from revloop.pilot.recommending import Recommendation, recommend, rounds_for
from revloop.pilot.sampling import Sample, draw
from revloop.pilot.wording import COLUMNS, part_cells, policy_toml, sentences

__all__ = [
    "COLUMNS",
    "Effect",
    "PilotOptions",
    "PilotRecord",
    "PilotRecords",
    "Recommendation",
    "Sample",
    "draw",
    "effect_of",
    "part_cells",
    "policy_toml",
    "recommend",
    "records_of",
    "rounds_for",
    "sentences",
]
