"""Guards of a revision: what is refused although it could be parsed.

Each guard is a pure function of a revision and what it was made from. It returns why the revision
is refused, or None.
"""

from revloop.prompts.guards.guarding import (
    GuardName,
    GuardSettings,
    failures,
    known_guards,
)
from revloop.prompts.guards.revised import Accepted, Revised

__all__ = ["Accepted", "GuardName", "GuardSettings", "Revised", "failures", "known_guards"]
