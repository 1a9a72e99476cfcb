"""Checks in the loop: evidence for the critic, a critique without one, the end, the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop import Draft, InputError, StopReason, Trajectory, revise
from revloop.errors import PromptSetError
from revloop.trajectory import Check
from tests.helpers.judges import RuleJudge, by_number
from tests.helpers.scripted_engine import Answer, ScriptedEngine, cnr_rounds

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.checks.opening import CheckSource

DRAFT = Draft(id="d", prompt="Count.", response="5 first")
CHAT_CRITIQUE = "It could be better."


def short(draft: Draft, text: str) -> Check:
    return Check(passed=len(text) < 10, message=f"It has {len(text)} characters, not under 10.")


def no_a(draft: Draft, text: str) -> tuple[bool, str]:
    return "a" not in text, "It contains the letter a."


def broken(draft: Draft, text: str) -> bool:
    raise ValueError("no disk")


class Counted:
    """A check that counts its calls."""

    def __init__(self, *bad: str) -> None:
        self.bad = bad
        self.texts: list[str] = []
        self.__name__ = "counted"

    def __call__(self, _draft: Draft, text: str) -> tuple[bool, str]:
        self.texts.append(text)
        return not any(word in text for word in self.bad), "A bad word."


def checked(
    response: str, *revisions: str, checks: list[CheckSource], **options: Any
) -> tuple[Trajectory, ScriptedEngine]:
    """A trajectory of an engine that writes these revisions, with checks as the critique."""
    engine = ScriptedEngine(revisions)
    options = {"critique": "checks", "iterations": max(1, len(revisions)), **options}
    draft = DRAFT.model_copy(update={"response": response})
    return revise(draft, engine=engine, checks=checks, **options), engine


def chatted(
    response: str, *revisions: str, checks: list[CheckSource], **options: Any
) -> tuple[Trajectory, ScriptedEngine]:
    """A trajectory of a chat model that criticises and revises."""
    replies = [
        reply
        for text in revisions
        for reply in (CHAT_CRITIQUE, f"<revised_response>{text}</revised_response>")
    ]
    engine = ScriptedEngine([Answer(reply, "stop") for reply in replies])
    options = {"prompts": "chat", "iterations": max(1, len(revisions)), **options}
    draft = DRAFT.model_copy(update={"response": response})
    return revise(draft, engine=engine, checks=checks, **options), engine


def reason(trajectory: Trajectory) -> StopReason:
    assert trajectory.end is not None
    return trajectory.end.reason


class TestVerified:
    def test_a_draft_that_passes_all_checks_costs_no_request(self) -> None:
        found, engine = checked("5 first", checks=[short, no_a], iterations=5)
        assert (reason(found), found.rounds, engine.requests) == (StopReason.VERIFIED, 0, [])
        assert not found.failed
        assert found.end is not None
        assert found.end.detail == "Version 0 passes all checks."
        assert found.end.calls_saved == 5

    def test_the_rounds_end_with_the_first_version_that_passes(self) -> None:
        found, engine = checked("5 far too long", "5 still too long", "5 ok", checks=[short])
        assert [version.text for version in found.versions][1:] == ["5 still too long", "5 ok"]
        assert (reason(found), len(engine.requests)) == (StopReason.VERIFIED, 2)

    def test_without_the_stop_the_rounds_go_on(self) -> None:
        found, _ = chatted("5 first", "6 ok", checks=[short], stop_verified=False)
        assert (reason(found), found.final) == (StopReason.ROUNDS_DONE, "6 ok")

    def test_a_version_that_a_judge_does_not_keep_ends_nothing(self) -> None:
        judge = RuleJudge(by_number)
        options: dict[str, Any] = {"keep": "gate", "judge": judge, "temperature": 1.0}
        found, _ = checked("5 far too long", "4 short", "6 short", checks=[short], **options)
        assert [version.text for version in found.versions] == [
            "5 far too long",
            "4 short",
            "6 short",
        ]
        assert (found.kept, reason(found)) == (2, StopReason.VERIFIED)


class TestEvidence:
    def test_the_critic_sees_the_messages_of_failed_checks_and_no_others(self) -> None:
        found, engine = chatted("5 a long first text", "5 ok", checks=[short, no_a, broken])
        critique, revision = engine.prompts[:2]
        told = "- It has 19 characters, not under 10.\n- It contains the letter a.\n"
        assert told in critique
        assert "no disk" not in critique
        assert revision.startswith(critique)
        assert found.versions[0].checks[:2] == (
            Check(name="short", passed=False, message="It has 19 characters, not under 10."),
            Check(name="no_a", passed=False, message="It contains the letter a."),
        )

    def test_where_all_pass_the_prompt_is_the_one_without_checks(self) -> None:
        _, with_checks = chatted("5 ok", "6 ok", checks=[short], stop_verified=False)
        _, without = chatted("5 ok", "6 ok", checks=[])
        assert with_checks.prompts == without.prompts

    def test_a_failed_check_without_a_message_is_told_by_name(self) -> None:
        def has_a_title(draft: Draft, text: str) -> bool:
            return text.startswith("#")

        _, engine = chatted("5 first", "# 5", checks=[has_a_title])
        assert "- The check 'has_a_title' fails." in engine.prompts[0]

    def test_further_lines_of_a_message_are_indented(self) -> None:
        def runs(draft: Draft, text: str) -> tuple[bool, str]:
            return False, "It ends with an error:\nline 3"

        _, engine = chatted("5 first", "6 second", checks=[runs, no_a])
        assert "\n- It ends with an error:\n  line 3\n" in engine.prompts[0]
        _, engine = checked("5 a", "6 a", checks=[runs, no_a])
        told = "1. It ends with an error:\n   line 3\n2. It contains the letter a."
        assert told in engine.prompts[0]

    @pytest.mark.parametrize("prompts", ["chat-edits", "chat-plain", "chat-prefill"])
    def test_every_set_for_chats_shows_them(self, prompts: str) -> None:
        engine = ScriptedEngine(lambda _request: Answer("none", "stop"))
        revise(DRAFT, engine=engine, checks=[lambda *_: (False, "MARK")], prompts=prompts)
        assert "- MARK" in engine.prompts[0]

    def test_a_single_pass_sees_them(self) -> None:
        engine = ScriptedEngine(
            [Answer("Fine.\n<revised_response>5 ok</revised_response>", "stop")]
        )
        options: dict[str, Any] = {"prompts": "chat", "single_pass": True}
        revise("5 far too long", engine=engine, checks=[short], **options)
        assert "- It has 14 characters, not under 10." in engine.prompts[0]

    def test_a_set_that_does_not_show_them_is_refused_before_any_request(self) -> None:
        engine = ScriptedEngine([])
        with pytest.raises(PromptSetError, match=r"'cnr' does not show checks.*--critique checks"):
            revise(DRAFT, engine=engine, checks=[short])
        assert engine.requests == []


class TestABlindCritic:
    def test_it_criticises_without_them_and_they_end_the_rounds(self) -> None:
        engine = ScriptedEngine(cnr_rounds("5 still too long", "5 ok", "6 not asked for"))
        options: dict[str, Any] = {"critique": "blind", "iterations": 3}
        found = revise("5 far too long", engine=engine, checks=[short], **options)
        assert (found.final, reason(found)) == ("5 ok", StopReason.VERIFIED)
        assert all("characters" not in prompt for prompt in engine.prompts)


class TestChecksAsCritique:
    def test_their_messages_are_the_critique_and_no_critique_is_requested(self) -> None:
        found, engine = checked("5 far too long", "5 ok", checks=[no_a, short])
        (prompt,) = engine.prompts
        said = (
            "Overall score: 1\nPositive aspects: none\nNegative aspects: "
            "1. It contains the letter a.\n2. It has 14 characters, not under 10."
        )
        assert f"### Critique:\n{said}\n\n### Revised response:\n" in prompt
        critique = found.versions[1].critique
        assert critique is not None
        assert (critique.raw, critique.score) == (said, 1.0)
        assert [step.kind for step in found.versions[1].steps] == ["revision"]

    def test_the_score_is_the_share_that_passes_on_the_sets_scale(self) -> None:
        found, _ = checked("5 first text", "5 ok", checks=[no_a, short])
        critique = found.versions[1].critique
        assert critique is not None
        assert (critique.score, critique.positive) == (5.5, "no_a")

    def test_in_a_chat_it_is_the_models_own_turn(self) -> None:
        engine = ScriptedEngine([Answer("<revised_response>5 ok</revised_response>", "stop")])
        options: dict[str, Any] = {"prompts": "chat", "critique": "checks"}
        found = revise("5 far too long", engine=engine, checks=[short], **options)
        assert found.final == "5 ok"
        prompt = engine.requests[0].prompt
        assert not isinstance(prompt, str)
        assert [turn.role for turn in prompt] == ["user", "assistant", "user"]
        assert "1. It has 14 characters, not under 10." in prompt[1].content

    def test_checks_that_could_not_be_run_are_no_critique(self) -> None:
        found, engine = checked("5 first", checks=[broken])
        assert (reason(found), engine.requests) == (StopReason.CHECK_FAILED, [])
        assert found.end is not None
        assert "broken" in found.end.detail
        assert "no disk" in found.end.detail
        assert found.failed

    def test_one_that_fails_is_enough(self) -> None:
        found, _ = checked("5 far too long", "5 ok", checks=[broken, short])
        assert found.final == "5 ok"
        assert reason(found) is StopReason.ROUNDS_DONE

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"critique": "checks"}, "Checks cannot be the critique: there are none"),
            (
                {"critique": "checks", "checks": [short], "single_pass": True},
                "Checks cannot be the critique: a single pass asks for a critique",
            ),
        ],
    )
    def test_contradictions_are_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError, match=message):
            revise(DRAFT, engine=ScriptedEngine([]), **options)


class TestTheGate:
    def test_a_version_that_breaks_a_check_is_not_kept_and_no_judge_is_asked(self) -> None:
        judge = RuleJudge(by_number)
        options: dict[str, Any] = {"keep": "gate", "judge": judge, "temperature": 1.0}
        found, _ = checked("5 far too long", "9 a", "6 ok", checks=[no_a_b, short], **options)
        first, second = found.versions[1:]
        assert first.veto is not None
        assert (first.veto.incumbent, first.veto.checks) == (0, ("no_a_b",))
        assert (first.comparison, second.base) == (None, 0)
        assert [texts[1:] for texts in judge.asked] == [
            ("5 far too long", "6 ok"),
            ("6 ok", "5 far too long"),
        ]
        assert (found.kept, found.kept_text) == (2, "6 ok")

    def test_checks_alone_are_a_gate(self) -> None:
        found, _ = checked("5 far too long", "9 a", checks=[no_a_b, short], keep="gate")
        assert (found.kept, found.kept_text) == (0, "5 far too long")
        found, _ = checked("5 far too long", "9 longer as well", checks=[short], keep="gate")
        assert found.kept == 1

    def test_without_a_gate_the_last_version_is_kept(self) -> None:
        found, _ = checked("5 far too long", "9 a", checks=[no_a_b, short])
        assert (found.kept, found.versions[1].veto) == (1, None)

    def test_a_check_that_could_not_be_run_breaks_nothing(self) -> None:
        calls: list[str] = []

        def passes_once(draft: Draft, text: str) -> bool:
            calls.append(text)
            if len(calls) > 1:
                raise OSError
            return True

        found, _ = checked("5 far too long", "9 ok", checks=[passes_once, short], keep="gate")
        assert found.kept == 1


def no_a_b(draft: Draft, text: str) -> tuple[bool, str]:
    return not text.endswith(" a"), "It ends in a."


class TestCandidates:
    def test_the_one_that_does_best_by_the_checks_is_chosen_without_a_score(self) -> None:
        options: dict[str, Any] = {"candidates": 3, "iterations": 1}
        texts = ("5 longer than ever", "5 a", "5 ok")
        found, engine = checked("5 far too long", *texts, checks=[no_a, short], **options)
        selection = found.versions[1].selection
        assert selection is not None
        assert (found.final, selection.chosen, selection.scores) == ("5 ok", 2, ())
        assert len(engine.requests) == 3
        assert [check.passed for check in selection.others[1].checks] == [False, True]

    def test_of_equals_the_first_is_chosen_and_no_critic_is_asked(self) -> None:
        options: dict[str, Any] = {"candidates": 2, "iterations": 1}
        found, engine = checked("5 far too long", "5 a", "6 b", checks=[short], **options)
        selection = found.versions[1].selection
        assert selection is not None
        assert (found.final, selection.chosen, selection.scores) == ("5 a", 0, ())
        assert len(engine.requests) == 2

    def test_a_judge_chooses_among_the_best(self) -> None:
        judge = RuleJudge(by_number)
        options: dict[str, Any] = {"candidates": 3, "iterations": 1, "judge": judge}
        texts = ("9 longer than ever", "6 ok", "7 ok")
        found, _ = checked("5 far too long", *texts, checks=[short], **options)
        assert found.final == "7 ok"
        assert all("9 longer than ever" not in asked for asked in judge.asked)

    def test_one_that_breaks_a_check_comes_after_one_that_breaks_none(self) -> None:
        def long(draft: Draft, text: str) -> tuple[bool, str]:
            return len(text) > 10, "It is short."

        def no_b(draft: Draft, text: str) -> bool:
            return "b" not in text

        def no_c(draft: Draft, text: str) -> bool:
            return "c" not in text

        options: dict[str, Any] = {"candidates": 2, "iterations": 1}
        texts = ("5 ok", "5 far too long with b and c")  # the first breaks one and mends two
        found, _ = checked("5 a long b and c", *texts, checks=[long, no_b, no_c], **options)
        assert found.final == "5 far too long with b and c"


class TestWhatIsStored:
    def test_no_check_runs_again_for_what_is_stored(self, tmp_path: Path) -> None:
        check, store = Counted("bad"), tmp_path / "store.sqlite"
        first, _ = checked("5 bad", "6 bad", checks=[check], store=store, iterations=1)
        assert check.texts == ["5 bad", "6 bad"]
        more, engine = checked("5 bad", "7 good", checks=[check], store=store, iterations=3)
        assert check.texts == ["5 bad", "6 bad", "7 good"]
        assert more.versions[:2] == first.versions
        assert (more.rounds, len(engine.requests)) == (2, 1)

    def test_an_unchanged_text_is_not_checked_again(self) -> None:
        check = Counted("bad")
        found, _ = checked("5 bad", "5 bad", checks=[check])
        assert check.texts == ["5 bad"]
        assert found.versions[1].checks == found.versions[0].checks
        assert reason(found) is StopReason.CONVERGED

    def test_other_checks_are_other_settings(self, tmp_path: Path) -> None:
        store = tmp_path / "store.sqlite"
        one, _ = checked("5 bad", "6 bad", checks=[Counted("bad")], store=store)
        other, engine = checked("5 bad", "6 bad", checks=[short], store=store, new_run=True)
        assert one.id != other.id
        assert engine.requests == []

    def test_it_reads_back_as_it_was(self, tmp_path: Path) -> None:
        options: dict[str, Any] = {"keep": "gate", "store": tmp_path / "store.sqlite"}
        found, _ = checked("5 far too long", "9 a", checks=[no_a_b, short], **options)
        again, _ = checked("5 far too long", checks=[no_a_b, short], **options)
        assert again == found
        assert Trajectory.model_validate_json(found.model_dump_json()) == found
