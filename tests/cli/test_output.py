"""What reaches a terminal: harmless letters, readable differences, honest totals."""

from __future__ import annotations

import io
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from revloop import Critique, Draft, End, StopReason, Trajectory, Version
from revloop.cli.output import (
    diff_text,
    print_trajectory,
    printable,
    stages,
    totals,
    version_teller,
)
from revloop.trajectory import Sampling, Step, Usage

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def console() -> Console:
    """A console without colours that keeps what it prints."""
    return Console(file=io.StringIO(), width=100, highlight=False, markup=False, emoji=False)


def printed(on: Console) -> str:
    """All that a console of ours was given."""
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue()


def trajectory(*texts: str, cached_tokens: int | None = None) -> Trajectory:
    """One version a text, each after a critique of one request."""
    versions = [Version(round=0, text=texts[0], created_at=NOW)]
    for number, text in enumerate(texts[1:], start=1):
        usage = Usage(prompt_tokens=10, cached_tokens=cached_tokens, generated_tokens=5)
        step = Step(
            kind="both",
            attempt=1,
            finish_reason="stop",
            usage=usage,
            latency_s=0.5,
            sampling=Sampling(),
        )
        critique = Critique(raw="It is vague.", score=4)
        version = Version(round=number, text=text, critique=critique, steps=(step,), created_at=NOW)
        versions.append(version)
    return Trajectory(
        id="t",
        draft=Draft(prompt="Why?", response=texts[0]),
        versions=tuple(versions),
        end=End(reason=StopReason.ROUNDS_DONE, detail="All rounds are done."),
    )


@given(ANY_TEXT)
def test_no_control_character_but_line_end_and_tab_is_printed(text: str) -> None:
    shown = printable(text)
    assert not [c for c in shown if unicodedata.category(c) == "Cc" and c not in "\n\t"]


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_letters_digits_and_marks_are_printed_as_they_are(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("\x07", "␇"),
        ("a\rb", "a␍b"),
        ("\x7f", "␡"),
        ("\x9b31m", "<U+009B>31m"),
        ("user\u202etxt.exe", "user<U+202E>txt.exe"),
        ("\u200f", "<U+200F>"),
        ("one\ntwo\tthree", "one\ntwo\tthree"),
    ],
)
def test_what_could_act_on_a_terminal_becomes_a_picture_of_itself(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_difference_without_colours_is_put_between_marks() -> None:
    shown = diff_text("It was so.", "It is so, indeed.", coloured=False)
    assert shown.plain == "It [-was-]{+is+} so{+, indeed+}."


def test_a_text_that_was_rewritten_is_shown_whole_and_without_marks() -> None:
    old = "One thing after another was said here, at some length, by the first of the two texts."
    new = "Nothing of that is left in this one: all of its words are others, and in other order."
    old, new = f"{old} Thanks for all.", f"Thanks for all. {new}"
    for coloured in (True, False):
        shown = diff_text(old, new, coloured=coloured)
        assert shown.plain == f"(mostly rewritten)\n{new}"
        assert not any("strike" in str(span.style) for span in shown.spans)


def test_a_difference_in_colours_has_no_marks() -> None:
    shown = diff_text("It was so.", "It is so.", coloured=True)
    assert shown.plain == "It wasis so."
    assert {str(span.style) for span in shown.spans} == {"red strike", "green"}


def test_a_trajectory_is_printed_from_its_prompt_to_its_end() -> None:
    on = console()
    print_trajectory(trajectory("It was so.", "It is so.", "It is so."), console=on)
    parts = ["user:", "Why?", "version 0", "It was so.", "critique of version 0", "It is vague."]
    parts += ["version 1:", "It [-was-]{+is+} so.", "version 2:", "(unchanged)", "All rounds"]
    places = [printed(on).index(part) for part in parts]
    assert places == sorted(places)


def test_a_critique_that_was_cut_and_a_score_that_was_not_read_are_told() -> None:
    one = trajectory("a", "b")
    steps = (one.steps[0].model_copy(update={"kind": "critique", "finish_reason": "length"}),)
    critique = Critique(raw="Overall score: eight", unread_score="eight")
    changed = one.versions[1].model_copy(update={"steps": steps, "critique": critique})
    on = console()
    print_trajectory(one.model_copy(update={"versions": (one.versions[0], changed)}), console=on)
    noted = "(unreadable score: 'eight') (cut at its token limit):"
    assert f"critique of version 0 {noted}" in printed(on)


def test_a_trajectory_that_goes_on_is_said_to_be_unfinished() -> None:
    on = console()
    unfinished = trajectory("It was so.").model_copy(update={"end": None})
    print_trajectory(unfinished, console=on)
    assert "Unfinished." in printed(on)


@pytest.mark.parametrize(
    ("cached", "said"), [(None, "20 read,"), (8, "20 read (16 from the cache)")]
)
def test_totals_tell_of_the_cache_only_where_somebody_counted(
    cached: int | None, said: str
) -> None:
    told = totals(trajectory("a", "b", "c", cached_tokens=cached))
    assert told.startswith(f"Rounds: 2; tokens: {said}")
    assert told.endswith("10 written; engine: 1.0 s.")


def with_thoughts() -> Trajectory:
    """A trajectory whose only step has thoughts."""
    one = trajectory("a", "b")
    usage = one.steps[0].usage.model_copy(update={"thinking_tokens": 3})
    step = one.steps[0].model_copy(update={"thoughts": "Hm. \x1b[2J", "usage": usage})
    changed = one.versions[1].model_copy(update={"steps": (step,)})
    return one.model_copy(update={"versions": (one.versions[0], changed)})


def test_thoughts_are_folded_unless_they_are_asked_for() -> None:
    folded, whole = console(), console()
    print_trajectory(with_thoughts(), console=folded)
    print_trajectory(with_thoughts(), console=whole, thoughts=True)
    assert "try 1, thoughts: 8 characters\n" in printed(folded)
    assert "Hm." not in printed(folded)
    assert "try 1, thoughts:\nHm. ␛[2J\n" in printed(whole)


def test_tokens_of_thoughts_are_told_by_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    assert "5 written (3 of them thoughts); engine" in totals(with_thoughts())
    version_teller(1)(with_thoughts().versions[1])
    assert "5 tokens (3 of them thoughts) in 0.5 s" in capsys.readouterr().err


def test_progress_tells_the_score_of_the_version_that_was_criticised(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell = version_teller(3)
    for version in trajectory("a", "b").versions:
        tell(version)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "round 1 of 3: version 0 scored 4, 5 tokens in 0.5 s\n"


def test_stages_are_told_once_each_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with stages("starting") as tell:
        for second, stage in enumerate(["loading", "loading", "warming up", "warming up"]):
            tell(second, stage)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert lines == ["  0 s: loading", "  2 s: warming up"]
