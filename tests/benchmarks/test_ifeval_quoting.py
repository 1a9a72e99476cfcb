"""How trajectories are quoted on the page of evidence."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.ifeval.quoting import chosen, quoted, shortened
from revloop import Draft, Trajectory
from revloop.trajectory import Check, Version


def version(number: int, text: str, *checks: Check) -> Version:
    return Version(round=number, text=text, checks=checks, created_at=datetime.now(UTC))


def trajectory(number: int, *versions: Version) -> Trajectory:
    found = versions or (version(0, "Yes."),)
    draft = Draft(id=str(number), prompt="?", response=found[0].text)
    return Trajectory(id=str(number), draft=draft, versions=found)


def test_a_long_text_is_cut_with_a_mark() -> None:
    assert shortened("One.\n\n  Two.", 20) == "One. / Two."
    assert shortened("word " * 1000, 9) == "word word [... 4,990 more characters]"


def test_the_same_trajectories_are_chosen_whatever_their_order() -> None:
    some = [trajectory(number) for number in range(30)]
    assert chosen(some, 10) == chosen(some[::-1], 10)
    assert len(chosen(some[:4], 10)) == 4


def test_a_quotation_names_what_each_version_fails_and_what_did_not_change() -> None:
    failed, passed = Check(name="short", passed=False), Check(name="short", passed=True)
    shown = quoted(
        trajectory(
            0,
            version(0, "Long.", failed),
            version(1, "Long.", failed),
            version(2, "No.", passed),
        ),
        100,
    )
    assert shown.splitlines() == [
        "- version 0, fails short: `Long.`",
        "- version 1, fails short: (unchanged)",
        "- version 2, passes: `No.`",
        "- end: `not finished`; 0 unusable replies",
    ]
