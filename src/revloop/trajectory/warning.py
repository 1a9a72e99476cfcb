"""A warning where a single call's rounds are missing: without it, only `end` would tell."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from revloop.errors import RevloopWarning

if TYPE_CHECKING:
    from revloop.trajectory.trajectory import Trajectory


def warn_if_failed(trajectory: Trajectory) -> Trajectory:
    """Warn the caller's caller if rounds are missing; returns the trajectory."""
    if (failure := trajectory.failure) is not None:
        warnings.warn(
            f"Draft {trajectory.draft.id}: rounds are missing ({failure.reason}). "
            f"{failure.detail} Look at trajectory.failed and trajectory.failure.",
            RevloopWarning,
            stacklevel=3,
        )
    return trajectory
