"""The product's commands, as the benchmarks run them, and what they read of the output."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from revloop.errors import EngineError
from revloop.trajectory import Trajectory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def revloop(*arguments: str, env: Mapping[str, str] | None = None, output: bool = False) -> str:
    """Run a command of revloop; it shows its own progress and errors.

    Returns:
        Its standard output, if that is asked for.

    Raises:
        CalledProcessError: It failed. A batch in which trajectories failed did not.
    """
    done = subprocess.run(
        (sys.executable, "-m", "revloop", *arguments),
        check=False,
        env=env,
        stdout=subprocess.PIPE if output else None,
        encoding="utf-8",
    )
    if arguments[0] != "batch" or done.returncode != EngineError.exit_code:
        done.check_returncode()
    return done.stdout or ""


def numbered_trajectories(path: Path) -> list[Trajectory]:
    """The trajectories of a JSONL file, in the order of their drafts' ids, which are numbers."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [Trajectory.model_validate_json(line) for line in lines]
    return sorted(found, key=lambda one: int(one.draft.id))
