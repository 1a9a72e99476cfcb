"""Checks of a revision: what is refused although it could be parsed.

Each check is a pure function of a revision and what it was made from. It returns why the revision
is refused, or None.
"""

from revloop.prompts.checks.checking import (
    CheckName,
    CheckSettings,
    failures,
    known_checks,
)
from revloop.prompts.checks.revised import Revised

__all__ = ["CheckName", "CheckSettings", "Revised", "failures", "known_checks"]
