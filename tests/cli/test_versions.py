"""Trajectories in a terminal: readable changes, edits with what became of them, honest totals."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from rich.console import Console

from revloop import Critique, Draft, End, StopReason, Trajectory, Version
from revloop.cli.versions import diff_text, print_trajectory, totals, version_teller
from revloop.edits import Edit, apply
from revloop.options import ModelPrice, Prices
from revloop.trajectory import Criterion, EngineInfo, GuardVerdict, Refusal, Sampling, Step, Usage
from tests.helpers.command_line import revloop
from tests.helpers.edited_samples import edited_store
from tests.helpers.report_samples import trajectory as with_requests

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def console(columns: int | None = None) -> Console:
    """What keeps what it is given to print, without colours: a pipe, or a terminal so wide."""
    return Console(
        file=io.StringIO(),
        soft_wrap=True,
        width=columns or 100,
        force_terminal=columns is not None,
        color_system=None,
        highlight=False,
        markup=False,
        emoji=False,
    )


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


def with_criteria(one: Trajectory) -> Trajectory:
    """The same with criteria in the first critique."""
    found = (
        Criterion(name="brevity", score=3, reason="It repeats itself.", met=False),
        Criterion(name="tone", score=9, met=True),
    )
    critique = Critique(raw="Criterion: brevity ...", score=6, criteria=found)
    changed = one.versions[1].model_copy(update={"critique": critique})
    return one.model_copy(update={"versions": (one.versions[0], changed)})


def test_the_criteria_of_a_critique_are_listed() -> None:
    on = console()
    print_trajectory(with_criteria(trajectory("a", "b")), console=on)
    assert "version 0, criteria met: 1 of 2\n- brevity: 3, not met\n- tone: 9\n\n" in printed(on)


def test_progress_tells_how_many_criteria_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    version_teller(1)(with_criteria(trajectory("a", "b")).versions[1])
    assert "round 1 of 1: version 0, criteria met: 1 of 2, 5 tokens" in capsys.readouterr().err


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


def test_totals_name_both_models_where_there_are_two() -> None:
    one = trajectory("a", "b")
    models = {
        name: EngineInfo(kind="http", model=model)
        for name, model in (("engine", "falcon"), ("editor", "llama"))
    }
    last = one.versions[1].model_copy(update=models)
    told = totals(one.model_copy(update={"versions": (one.versions[0], last)}))
    assert told.endswith(" s. Critic: falcon; editor: llama.")


def with_long_reasons() -> Trajectory:
    """A trajectory with a refused reply, a guard that is off, and an end, each told at length."""
    one = trajectory("a", "b")
    reason = "it repeats a sentence of the critique: 'The response leaves out what matters most'"
    refusal = Refusal(reason=reason, guard="copied_critique", reply="c", characters=1)
    refused = one.steps[0].model_copy(update={"refusal": refusal})
    update = {
        "steps": (refused, *one.steps),
        "failed_guards": (GuardVerdict(guard="critique_passages", reason=reason),),
    }
    end = End(reason=StopReason.ENGINE_FAILED, detail=f"The server said: {reason} as well.")
    changed = one.versions[1].model_copy(update=update)
    return one.model_copy(update={"versions": (one.versions[0], changed), "end": end})


@pytest.mark.parametrize("columns", [80, 41, 20])
def test_a_terminal_breaks_no_reason_within_a_word(columns: int) -> None:
    whole, narrow = console(), console(columns=columns)
    print_trajectory(with_long_reasons(), console=whole)
    print_trajectory(with_long_reasons(), console=narrow)
    lines = printed(narrow).splitlines()
    assert max(map(len, lines)) <= columns
    assert printed(narrow).split() == printed(whole).split()
    assert len(lines) > len(printed(whole).splitlines())


def test_a_pipe_gets_each_reason_on_one_line() -> None:
    on = console()
    print_trajectory(with_long_reasons(), console=on)
    (line,) = [one for one in printed(on).splitlines() if "which is off" in one]
    assert line.endswith("what matters most'")


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


def edited(text: str, *pairs: tuple[str, str]) -> Trajectory:
    """One round, written as edits."""
    applied = apply(text, [Edit(find=find, replacement=new) for find, new in pairs])
    one = trajectory(text, applied.text)
    version = one.versions[1].model_copy(update={"edits": applied.results})
    return one.model_copy(update={"versions": (one.versions[0], version)})


def shown(one: Trajectory) -> str:
    """What is printed of the only round."""
    on = console()
    print_trajectory(one, console=on)
    _, _, after = printed(on).partition("version 1:\n")
    return after.partition("\nRound 1: ")[0]


def test_what_each_round_took_is_printed_and_what_it_cost() -> None:
    on, free = console(), console()
    prices = Prices(currency="USD", models={"script": ModelPrice(input=10, output=100)})
    print_trajectory(with_requests("a", "b", "c"), console=on, prices=prices)
    assert "Round 1: 1 request, 100 input tokens (40 cached), 20 output tokens, 0.0030 USD." in (
        printed(on)
    )
    assert "Round 2: " in printed(on)
    print_trajectory(with_requests("a", "b"), console=free)
    assert "20 output tokens.\n" in printed(free)


class TestEdits:
    def test_are_marked_as_they_were_written(self) -> None:
        one = edited("A b c d.", ("A b", "A x"), (" d", ""), ("c", "c c"))
        assert shown(one) == "[-A b-]{+A x+} [-c-]{+c c+}[- d-].\n\nversion 1: 3 edits, 3 applied\n"

    def test_are_marked_in_a_text_that_they_replace_wholly(self) -> None:
        old, new = "One thing after another. " * 20, "Nothing is left of that. " * 20
        assert shown(edited(old, (old, new))).startswith(f"[-{old}-]{{+{new}+}}")

    def test_show_the_line_breaks_that_were_put_in(self) -> None:
        one = edited("x\r\na\r\nb", ("a\nb", "c\nd"))
        assert "x␍\n[-a␍\nb-]{+c␍\nd+}\n" in shown(one)

    def test_that_were_not_applied_are_listed_with_the_reason(self) -> None:
        one = edited("A b a b.", ("A b", "A c"), ("b", "x"), ("y\x1b[2J", "z"), ("", "end"))
        assert shown(one).splitlines()[2:] == [
            "version 1: 4 edits, 1 applied",
            "- 'b': the text has this passage more than once",
            "- 'y␛[2J': the text has no such passage",
            "- 'end': it names no passage",
        ]

    def test_that_replace_a_passage_with_itself_are_listed_and_not_marked(self) -> None:
        listed = "- 'b': the passage and its replacement are the same"
        assert shown(edited("A b c.", ("A", "a"), ("b", "b"))) == (
            f"[-A-]{{+a+}} b c.\n\nversion 1: 2 edits, 2 applied\n{listed}\n"
        )

    def test_of_white_space_at_the_ends_leave_the_text_unchanged(self) -> None:
        one = edited("A b.\n", ("b.\n", "b."))
        kept = one.versions[1].model_copy(update={"text": "A b.\n"})
        one = one.model_copy(update={"versions": (one.versions[0], kept)})
        assert shown(one) == "(unchanged)\n\nversion 1: 1 edit, 1 applied\n"

    @pytest.mark.parametrize("find", ["gone " * 60, "\u6c34" * 200])
    def test_have_lines_of_80_columns(self, find: str) -> None:
        *_, line = shown(edited("A b.", ("A", "a"), (find, "x"))).splitlines()
        assert line.endswith("…': the text has no such passage")
        assert 79 <= cell_len(line) <= 80

    def test_beyond_ten_that_were_not_applied_are_counted(self) -> None:
        one = edited("A b.", ("A", "a"), *((f"no {n}", "x") for n in range(12)))
        assert shown(one).splitlines()[-2:] == [
            "- 'no 9': the text has no such passage",
            "- and 2 more",
        ]

    async def test_of_a_store_are_shown_by_the_command(self, tmp_path: Path) -> None:
        edited_store(tmp_path / "s.sqlite")
        out = (await revloop("show", "s.sqlite", "partly", folder=tmp_path)).out
        assert (
            "[-is shut in\nMay-]{+is closed in\nMay+}. We mend [-the tiles in May-]{+the tiles+}"
            in out
        )
        assert "version 1: 7 edits, 4 applied\n- 'is shut in May': applied; its white space" in out
        assert "version 2:\n(no edits: nothing to change)\n" in out
        out = (await revloop("show", "s.sqlite", "unusable", folder=tmp_path)).out
        assert "[-is shut in\nMay-]{+stays closed until June+}" in out
        because = (
            "its edit cannot be applied (the text has no such passage: 'The pool opens at nine.')"
        )
        said = f"version 1 is a rewrite, because its edits could not be used: {because}\n"
        assert said in out
        assert "edits, " not in out

    def test_are_told_in_a_runs_progress(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        tell = version_teller(2)
        for one in edited_store(tmp_path / "s.sqlite"):
            for version in one.versions:
                tell(version)
        scored = ["version 0 scored 5, "] * 2 + ["version 1 scored 5, ", "version 0 scored 5, "]
        said = [
            "3 edits, 3 applied",
            "7 edits, 4 applied",
            "no edits",
            "rewritten because no edits",
        ]
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == len(said)
        for line, score, how in zip(lines, scored, said, strict=True):
            assert f" of 2: {score}{how}" in line
