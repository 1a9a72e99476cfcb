"""`revloop show` tells how the judges of a panel voted."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from revloop.cli.versions import print_trajectory
from tests.helpers.command_line import revloop
from tests.helpers.judges import RuleJudge, by_number
from tests.helpers.panel_samples import lower, revised_before, silent

if TYPE_CHECKING:
    from pathlib import Path

    from revloop import Trajectory


def shown(trajectory: Trajectory) -> str:
    file = io.StringIO()
    print_trajectory(trajectory, console=Console(file=file, width=80))
    return file.getvalue()


def test_each_judge_of_a_version_has_a_line() -> None:
    told = shown(revised_before(by_number, by_number, lower, texts=("7 up", "6 down")))
    assert (
        "version 1 against version 0: preferred by 2 of 3 judges, kept\n"
        "- judge 1: won, in the other order won\n"
        "- judge 2: won, in the other order won\n"
        "- judge 3: lost, in the other order lost\n"
    ) in told
    assert "version 2 against version 1: preferred by 1 of 3 judges, not kept\n" in told


def test_a_judge_that_abstains_says_why() -> None:
    told = shown(revised_before(by_number, silent))
    assert "preferred by 1 of 2 judges, not kept\n" in told
    assert "- judge 2: abstains. By rule.\n" in told


def test_a_single_judge_has_none() -> None:
    assert "preferred by" not in shown(revised_before(judge=RuleJudge(by_number)))


async def test_the_json_has_each_judges_verdicts(tmp_path: Path) -> None:
    revised_before(by_number, lower, store=tmp_path / "s.sqlite")
    told = (await revloop("show", "s.sqlite", "--json", folder=tmp_path)).out
    assert '"votes":[{"judge":"judge 1","digest":"digest of judge 1","verdicts":[{' in told
