"""Trajectories in full, chosen by a seed, for the page of evidence.

    python -m benchmarks.ifeval.quoting STORE [--number N] [--characters N]

Prints what the model wrote in each version, and which checks failed. Texts are shortened only where
`[...]` says so.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from benchmarks.arguments import command_parser
from revloop import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop import Trajectory

SEED = 0


def chosen(trajectories: Sequence[Trajectory], number: int) -> list[Trajectory]:
    """So many trajectories at random, the same ones each time."""
    ordered = sorted(trajectories, key=lambda one: str(one.draft.id))
    return Random(SEED).sample(ordered, min(number, len(ordered)))


def shortened(text: str, characters: int) -> str:
    """A text on one line, cut where it is long, with a mark and what is left out."""
    line = " / ".join(part.strip() for part in text.splitlines() if part.strip())
    if len(line) <= characters:
        return line
    return f"{line[:characters].rstrip()} [... {len(line) - characters:,} more characters]"


def quoted(trajectory: Trajectory, characters: int) -> str:
    """A trajectory's versions, as a Markdown list."""
    lines = []
    for version in trajectory.versions:
        failed = [outcome.name for outcome in version.checks or () if outcome.passed is False]
        found = f"fails {', '.join(failed)}" if failed else "passes"
        same = version.round and version.text == trajectory.versions[version.round - 1].text
        text = "(unchanged)" if same else f"`{shortened(version.text, characters)}`"
        lines.append(f"- version {version.round}, {found}: {text}")
    reason = trajectory.end.reason.value if trajectory.end else "not finished"
    refused = len(trajectory.refused)
    lines.append(f"- end: `{reason}`; {refused} unusable replies")
    return "\n".join(lines)


def main() -> None:
    """Print the trajectories."""
    parser = command_parser(__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--number", type=int, default=10)
    parser.add_argument("--characters", type=int, default=300)
    arguments = parser.parse_args()
    with Store.open_to_read(arguments.store) as store:
        trajectories = list(store.contents())
    for trajectory in chosen(trajectories, arguments.number):
        print(f"**{trajectory.draft.id}**\n\n{quoted(trajectory, arguments.characters)}\n")


if __name__ == "__main__":
    main()
