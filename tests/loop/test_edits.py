"""Revisions that are written as edits, in the whole loop."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from revloop import Store, Trajectory, revise
from revloop.edits import Edit, replacements, write_edits
from revloop.errors import UnreachableError
from revloop.loop import SHORTEST_CRITIQUE_TOKENS
from revloop.loop.writing import SHORTEST_EDITS_TOKENS
from revloop.prompts.parsing import write_revision
from revloop.trajectory import Draft, End, StopReason, Version
from tests.helpers.command_line import revloop
from tests.helpers.judges import RuleJudge
from tests.helpers.prompt_folders import prompt_set
from tests.helpers.scripted_engine import Answer, Reply, ScriptedEngine, cnr_critique, plain
from tests.helpers.scripted_loop import (
    CHAT_EDITS,
    CNR,
    CNR_EDITS,
    SAID,
    edits_of,
    outcome,
    revision_of,
    run,
    texts,
)
from tests.helpers.stub_server import COMPLETIONS, StubServer, completion

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.engines.base import Request
    from revloop.prompts import PromptSet

BEFORE = "We meet at nine. The way is long, and it is a long one.\nBring a coat."
AFTER = BEFORE.replace("nine", "ten")
REWRITTEN = "We meet at ten. The way is long.\nBring a coat."
DRAFT = Draft(id="d", prompt="When do we meet?", response=BEFORE)
LOST = ("at eight", "at ten")
NOT_FOUND = "its edit cannot be applied (the text has no such passage: 'at eight')"

both_sets = pytest.mark.parametrize("prompts", [CNR_EDITS, CHAT_EDITS], ids=lambda one: one.name)


async def revised(
    prompts: PromptSet, *replies: Reply, iterations: int = 1, **options: Any
) -> tuple[list[Version], End, ScriptedEngine]:
    """The new versions of the draft, the end, and the engine; the first reply is a critique."""
    engine = ScriptedEngine([SAID, *replies])
    versions, end = await run(engine, DRAFT, prompts=prompts, iterations=iterations, **options)
    return versions[1:], end, engine


def kinds(version: Version | End) -> list[str]:
    return [step.kind for step in version.steps]


def became(version: Version) -> list[tuple[str, int | None, int | None]]:
    assert version.edits is not None
    return [(one.outcome.value, one.start, one.end) for one in version.edits]


def in_one(prompts: PromptSet, revision: str, score: float = 5) -> str:
    """A single-pass reply."""
    between = "\n\n" if prompts.is_chat else prompts.bridge
    return cnr_critique(score) + between + revision


@both_sets
class TestARoundOfEdits:
    async def test_edits_are_applied_and_stored_with_their_places(self, prompts: PromptSet) -> None:
        reply = edits_of(prompts, ("at nine", "at ten"), ("coat", "hat"))
        (version,), end, _ = await revised(prompts, reply)
        assert version.text == AFTER.replace("coat", "hat")
        assert became(version) == [("applied", 8, 15), ("applied", 64, 68)]
        assert kinds(version) == ["critique", "revision"]
        assert end.reason is StopReason.ROUNDS_DONE

    async def test_none_changes_nothing_and_ends_the_rounds(self, prompts: PromptSet) -> None:
        (version,), end, _ = await revised(prompts, edits_of(prompts), iterations=5)
        assert (version.text, version.edits) == (BEFORE, ())
        assert end.reason is StopReason.CONVERGED
        assert end.calls_saved == 4 * 2

    async def test_an_edit_that_cannot_be_applied_is_skipped_and_stored(
        self, prompts: PromptSet
    ) -> None:
        reply = edits_of(prompts, LOST, ("at nine", "at ten"), ("long", "far"))
        (version,), _, _ = await revised(prompts, reply)
        assert version.text == AFTER
        assert became(version) == [
            ("not_found", None, None),
            ("applied", 8, 15),
            ("ambiguous", None, None),
        ]
        assert version.edits is not None
        assert (version.edits[0].find, version.edits[0].replacement) == LOST

    async def test_a_reply_in_which_none_can_be_applied_is_asked_again(
        self, prompts: PromptSet
    ) -> None:
        bad = edits_of(prompts, LOST)
        good = edits_of(prompts, ("at nine", "at ten"))
        (version,), _, engine = await revised(prompts, bad, bad, good)
        assert version.text == AFTER
        assert became(version) == [("applied", 8, 15)]
        tries = engine.requests[1:]
        assert len({request.prompt for request in tries}) == 1
        assert len({request.sampling.seed for request in tries}) == 3
        assert [request.sampling.temperature for request in tries] == [0.0, 0.7, 0.7]
        refusals = [step.refusal and step.refusal.reason for step in version.steps]
        assert refusals == [None, NOT_FOUND, NOT_FOUND, None]

    async def test_after_the_last_try_the_whole_text_is_asked_for(self, prompts: PromptSet) -> None:
        whole = revision_of(prompts.rewriting, BEFORE, REWRITTEN)
        (version,), end, engine = await revised(prompts, *[edits_of(prompts, LOST)] * 3, whole)
        assert (version.text, version.edits) == (REWRITTEN, None)
        assert kinds(version) == ["critique", *["revision"] * 3, "rewrite"]
        assert end.reason is StopReason.ROUNDS_DONE
        rewrite = engine.requests[-1]
        asked = prompts.critique_prompt(DRAFT, BEFORE)
        assert rewrite.prompt == prompts.rewriting.revision_prompt(asked, SAID)
        assert rewrite.room_tokens == engine.count_tokens(BEFORE)
        assert (rewrite.sampling.temperature, rewrite.stop) == (0.0, ())

    async def test_the_next_round_is_asked_for_edits_again(self, prompts: PromptSet) -> None:
        bad, good = edits_of(prompts, LOST), edits_of(prompts, ("a coat", "a hat"))
        whole = revision_of(prompts.rewriting, BEFORE, REWRITTEN)
        versions, _, _ = await revised(prompts, bad, whole, SAID, good, iterations=2, tries=1)
        assert [kinds(version)[-1] for version in versions] == ["rewrite", "revision"]
        assert versions[1].text == REWRITTEN.replace("coat", "hat")

    async def test_a_rewrite_is_tried_as_often_and_its_failure_ends_the_trajectory(
        self, prompts: PromptSet
    ) -> None:
        replies = [edits_of(prompts, LOST)] * 2 + [" "] * 2
        versions, end, _ = await revised(prompts, *replies, tries=2)
        assert versions == []
        assert kinds(end) == ["critique", *["revision"] * 2, *["rewrite"] * 2]
        assert end.reason is StopReason.UNPARSEABLE
        assert end.detail.startswith("Round 1: the rewrite could not be used in 2 tries: ")

    async def test_fail_ends_the_trajectory_and_says_why(self, prompts: PromptSet) -> None:
        bad = edits_of(prompts, LOST, ("long", "far"))
        versions, end, _ = await revised(prompts, *[bad] * 3, on_bad_edits="fail")
        assert (versions, end.reason) == ([], StopReason.UNPARSEABLE)
        assert end.detail == (
            "Round 1: the revision could not be used in 3 tries: none of its 2 edits can be "
            "applied (the text has no such passage: 'at eight') (--on-bad-edits rewrite would ask "
            "for the whole text)."
        )

    async def test_the_revision_prompt_extends_the_critique_prompt(
        self, prompts: PromptSet
    ) -> None:
        whole = revision_of(prompts.rewriting, BEFORE, REWRITTEN)
        _, _, engine = await revised(prompts, edits_of(prompts, LOST), whole, tries=1)
        critique, *others = (plain(request.prompt) for request in engine.requests)
        bridges = (prompts.bridge, prompts.rewriting.bridge)
        assert others == [critique + SAID + bridge for bridge in bridges]
        prefixes = {request.prefix.text for request in engine.requests[1:] if request.prefix}
        assert prefixes == (set() if prompts.is_chat else {critique + SAID})

    @pytest.mark.parametrize("single_pass", [False, True])
    async def test_where_a_critique_finds_nothing_there_are_no_edits(
        self, prompts: PromptSet, *, single_pass: bool
    ) -> None:
        said = cnr_critique(10)
        if single_pass:
            said = in_one(prompts, edits_of(prompts, ("at nine", "at ten")), 10)
        engine = ScriptedEngine([said])
        options: dict[str, Any] = {"prompts": prompts, "single_pass": single_pass}
        versions, end = await run(engine, DRAFT, stop_score=9, **options)
        assert (versions[1].text, versions[1].edits) == (BEFORE, ())
        assert end.reason is StopReason.NOTHING_TO_IMPROVE

    async def test_a_thought_before_edits_is_no_part_of_them(self, prompts: PromptSet) -> None:
        thought = "<think>\n- We\n+ They\n</think>\n\n"
        reply = thought + edits_of(prompts, ("at nine", "at ten"))
        (version,), _, _ = await revised(prompts, reply)
        assert version.text == AFTER
        assert version.steps[1].thoughts == "- We\n+ They"

    async def test_a_reply_that_was_cut_is_not_used(self, prompts: PromptSet) -> None:
        cut = edits_of(prompts, ("at nine", "at ten"), ("Bring a coat.", "Bring a"))
        good = edits_of(prompts, ("at nine", "at ten"))
        (version,), _, _ = await revised(prompts, Answer(cut, "length"), good)
        assert version.text == AFTER
        refusal = version.steps[1].refusal
        assert refusal is not None
        assert refusal.reason.startswith("it reached its limit of ")

    async def test_replies_that_are_always_cut_end_in_a_rewrite(self, prompts: PromptSet) -> None:
        edits = edits_of(prompts, ("at nine", "at ten"), ("Bring a coat.", "Bring a hat."))
        whole = revision_of(prompts.rewriting, BEFORE, REWRITTEN)
        cut = Answer(edits, "length")
        options: dict[str, Any] = {"revision_max_tokens": 5, "tries": 2}
        (version,), _, engine = await revised(prompts, cut, cut, whole, **options)
        assert (version.text, version.edits) == (REWRITTEN, None)
        limits = [request.max_tokens for request in engine.requests[1:]]
        assert limits == [5, 5, prompts.rewriting.settings.revision.max_tokens]
        _, end, _ = await revised(prompts, cut, cut, on_bad_edits="fail", **options)
        assert end.reason is StopReason.TOKEN_LIMIT
        assert "it reached its limit of 5 tokens (--on-bad-edits rewrite would" in end.detail

    async def test_a_check_refuses_a_critique_inside_an_edit(self, prompts: PromptSet) -> None:
        fault = "The response gives a wrong time and does not say where."
        copied = edits_of(prompts, ("a coat.", f"a coat. {fault}"))
        good = edits_of(prompts, ("at nine", "at ten"))
        engine = ScriptedEngine([cnr_critique(negative=fault), copied, good])
        options: dict[str, Any] = {"prompts": prompts, "iterations": 1, "no_guards": ("meta",)}
        versions, _ = await run(engine, DRAFT, **options)
        refusal = versions[1].steps[1].refusal
        assert refusal is not None
        assert refusal.guard == "copied_critique"
        assert versions[1].text == AFTER


@both_sets
class TestASinglePassWithEdits:
    async def test_critique_and_edits_come_in_one_reply(self, prompts: PromptSet) -> None:
        engine = ScriptedEngine([in_one(prompts, edits_of(prompts, ("at nine", "at ten")))])
        versions, _ = await run(engine, DRAFT, prompts=prompts, iterations=1, single_pass=True)
        assert versions[1].text == AFTER
        assert became(versions[1]) == [("applied", 8, 15)]
        assert kinds(versions[1]) == ["both"]
        assert versions[1].critique is not None
        assert versions[1].critique.raw.strip() == SAID

    async def test_none_ends_the_rounds(self, prompts: PromptSet) -> None:
        engine = ScriptedEngine([in_one(prompts, edits_of(prompts))])
        versions, end = await run(engine, DRAFT, prompts=prompts, single_pass=True)
        assert versions[1].edits == ()
        assert end.reason is StopReason.CONVERGED

    async def test_a_rewrite_follows_a_critique_of_its_own(self, prompts: PromptSet) -> None:
        bad = in_one(prompts, edits_of(prompts, LOST))
        whole = revision_of(prompts.rewriting, BEFORE, REWRITTEN)
        engine = ScriptedEngine([bad, bad, SAID, whole])
        options: dict[str, Any] = {"prompts": prompts, "iterations": 1, "tries": 2}
        versions, _ = await run(engine, DRAFT, single_pass=True, **options)
        assert (versions[1].text, versions[1].edits) == (REWRITTEN, None)
        assert kinds(versions[1]) == ["both", "both", "critique", "rewrite"]
        engine = ScriptedEngine([bad, bad])
        _, end = await run(engine, DRAFT, single_pass=True, on_bad_edits="fail", **options)
        assert end.detail == (
            f"Round 1: the critique with the revision could not be used in 2 tries: {NOT_FOUND} "
            "(--on-bad-edits rewrite would ask for the whole text)."
        )


@both_sets
class TestEditsAmongCandidates:
    async def test_each_candidate_falls_back_by_itself(self, prompts: PromptSet) -> None:
        good = edits_of(prompts, ("at nine", "at ten"))
        whole = revision_of(prompts.rewriting, BEFORE, REWRITTEN)
        first: list[int] = []

        def reply(request: Request) -> str:
            asked = plain(request.prompt)
            if asked.endswith(prompts.rewriting.bridge):
                return whole
            if not asked.endswith(prompts.bridge):
                return cnr_critique(9 if REWRITTEN in asked else 5)
            first.append(request.sampling.seed or 0)
            return good if request.sampling.seed == first[0] else edits_of(prompts, LOST)

        options: dict[str, Any] = {"prompts": prompts, "iterations": 1, "tries": 2}
        versions, _ = await run(ScriptedEngine(reply), DRAFT, candidates=2, **options)
        version = versions[1]
        assert kinds(version).count("revision") == 1 + 2
        assert kinds(version).count("rewrite") == 1
        assert version.selection is not None
        assert version.selection.scores == (5, 9)
        assert [other.text for other in version.selection.others] == [AFTER]
        assert (version.text, version.edits) == (REWRITTEN, None)

    def test_behind_a_gate_edits_are_applied_to_the_version_that_was_kept(
        self, prompts: PromptSet
    ) -> None:
        worse, better = (edits_of(prompts, ("at nine", f"at {at}")) for at in ("eight", "ten"))
        judge = RuleJudge(lambda _, first, _second: "first" if "eight" not in first else "second")
        found = revise(
            DRAFT,
            engine=ScriptedEngine([SAID, worse, SAID, better]),
            prompts=prompts.name,
            keep="gate",
            judge=judge,
            temperature=0.5,
            iterations=2,
        )
        assert texts(found.versions) == [BEFORE, BEFORE.replace("nine", "eight"), AFTER]
        assert [version.base for version in found.versions[1:]] == [None, 0]
        assert became(found.versions[2]) == [("applied", 8, 15)]


class TestBadEdits:
    """The outcomes that docs/prompts.md names, one by one."""

    @both_sets
    @pytest.mark.parametrize(
        ("response", "pairs", "outcomes", "after"),
        [
            (
                BEFORE,
                [("at nine.", "at ten."), ("nine. The", "ten. A")],
                ["applied", "overlapping"],
                AFTER,
            ),
            (
                BEFORE,
                [("long", "far"), ("at nine", "at ten")],
                ["ambiguous", "applied"],
                AFTER,
            ),
            (BEFORE, [("", "Hello."), ("at nine", "at ten")], ["empty", "applied"], AFTER),
            (BEFORE, [LOST, ("at nine", "at ten")], ["not_found", "applied"], AFTER),
            # signs and tags inside texts
            (
                "Use <edits>:\n- old\n+ new\n</edits>",
                [("- old\n+ new", "- one\n+ two"), ("Use <edits>", "Write <edits>")],
                ["applied", "applied"],
                "Write <edits>:\n- one\n+ two\n</edits>",
            ),
            (
                "a\n\n### Edits:\nnone\n\n### Critique:\nb",
                [("### Edits:\nnone", "### Edits:\nnone.")],
                ["applied"],
                "a\n\n### Edits:\nnone.\n\n### Critique:\nb",
            ),
            # line breaks
            ("One.\r\nTwo.\r\n", [("Two.", "2.")], ["applied"], "One.\r\n2.\r\n"),
            ("One.\r\nTwo.\r\n", [("One.\nTwo.", "1.\n2.")], ["folded"], "1.\r\n2.\r\n"),
            ("One.\nTwo.\n", [("One.\r\nTwo.", "1.\r\n2.")], ["folded"], "1.\n2.\n"),
            # white space and quotes
            (
                "if x:\n    a = 1\n    b = 2\n",
                [("a = 1\nb = 2", "a = 1\nb = 3")],
                ["folded"],
                "if x:\n    a = 1\n    b = 3\n",
            ),
            (
                "He said: \u201cI\u2019ll go.\u201d",
                [('"I\'ll go."', '"I\'ll stay."')],
                ["folded"],
                "He said: \u201cI\u2019ll stay.\u201d",
            ),
            # a letter keeps its accents, and forms of Unicode are not folded
            (
                "cafe\u0301 and cafe",
                [("cafe", "bar")],
                ["applied"],
                "cafe\u0301 and bar",
            ),
            (
                "cafe\u0301 at nine",
                [("caf\u00e9", "bar"), ("nine", "ten")],
                ["not_found", "applied"],
                "cafe\u0301 at ten",
            ),
        ],
    )
    async def test_each_has_its_outcome(
        self,
        prompts: PromptSet,
        response: str,
        pairs: list[tuple[str, str]],
        outcomes: list[str],
        after: str,
    ) -> None:
        engine = ScriptedEngine([SAID, edits_of(prompts, *pairs)])
        draft = Draft(prompt="Say.", response=response)
        versions, end = await run(engine, draft, prompts=prompts, iterations=1)
        assert end.reason is StopReason.ROUNDS_DONE
        assert versions[1].text == after
        assert [one for one, _, _ in became(versions[1])] == outcomes

    @both_sets
    @pytest.mark.parametrize(
        ("written", "reason"),
        [
            ("- at eight\n+ at ten", NOT_FOUND),
            (
                "- long\n+ far",
                "its edit cannot be applied (the text has this passage more than once",
            ),
            ("+ Hello.", "its edit cannot be applied (it names no passage: 'Hello.')"),
            ("- at nine", "its edit cannot be applied (it has a line without a sign, or no line"),
            (
                "- at eight\n+ at ten\n- coat\n+ coat",
                "1 of its 2 edits cannot be applied (the text",
            ),
            (f"- {BEFORE}\n+".replace("\n", "\n- ", 1), "its edits would delete the whole text"),
            ("I would write ten.", "it has no edits"),
        ],
    )
    async def test_a_reply_that_changes_nothing_is_refused(
        self, prompts: PromptSet, written: str, reason: str
    ) -> None:
        reply = write_revision(written, prompts.settings.revision.tags)
        _, end, _ = await revised(prompts, reply, tries=1, on_bad_edits="fail")
        assert end.reason is StopReason.UNPARSEABLE
        assert f"could not be used in 1 try: {reason}" in end.detail


def capricious(prompts: PromptSet, seed: int) -> ScriptedEngine:
    """A critic whose reply depends only on the request; many of its edits cannot be applied."""

    def reply(request: Request) -> Reply:
        asked = plain(request.prompt)
        dice = zlib.crc32(f"{seed} {request.sampling.seed} {asked}".encode())
        if asked.endswith(prompts.rewriting.bridge):
            whole = f"We meet at {dice % 9}. The way is long, and it is a long one.\nBring a coat."
            return revision_of(prompts.rewriting, BEFORE, whole) if dice % 4 else " "
        find = (("We meet", "at nine", "coat", "long", "a"), ("no such text",))[dice % 2]
        edits = edits_of(prompts, (find[dice % len(find)], f"text {dice % 7}"), ("", "x"))
        if asked.endswith(prompts.bridge):
            return Answer(edits, "length") if dice % 11 == 0 else edits
        is_single = request.room_tokens > SHORTEST_CRITIQUE_TOKENS
        return in_one(prompts, edits) if is_single else cnr_critique(1 + dice % 10)

    return ScriptedEngine(reply)


class TestResumedEdits:
    @both_sets
    @given(seed=st.integers(0, 10_000), single_pass=st.booleans(), tries=st.integers(1, 3))
    @hypothesis_settings(deadline=None, max_examples=25)
    async def test_a_trajectory_resumed_from_any_version_gives_the_same_result(
        self, prompts: PromptSet, seed: int, tries: int, *, single_pass: bool
    ) -> None:
        options: dict[str, Any] = {
            "prompts": prompts,
            "iterations": 4,
            "tries": tries,
            "single_pass": single_pass,
        }
        versions, end = await run(capricious(prompts, seed), DRAFT, **options)
        for known in range(1, len(versions) + 1):
            engine = capricious(prompts, seed)
            resumed, new_end = await run(engine, DRAFT, earlier=versions[:known], **options)
            assert [outcome(v) for v in resumed] == [outcome(v) for v in versions[known:]]
            assert new_end == end

    @both_sets
    async def test_after_a_failed_server_the_same_requests_give_the_same_text(
        self, prompts: PromptSet
    ) -> None:
        bad, whole = edits_of(prompts, LOST), revision_of(prompts.rewriting, BEFORE, REWRITTEN)
        options: dict[str, Any] = {"prompts": prompts, "iterations": 1, "tries": 2}
        script = [SAID, bad, bad, whole]
        (first, *through), _ = await run(ScriptedEngine(script), DRAFT, **options)
        gone = ScriptedEngine([*script[:3], UnreachableError("gone")])
        _, failed = await run(gone, DRAFT, **options)
        assert failed.reason is StopReason.ENGINE_FAILED
        options |= {"earlier": [first], "failed": failed}
        resumed, _ = await run(ScriptedEngine(script), DRAFT, **options)
        assert [outcome(v) for v in resumed] == [outcome(v) for v in through]

    @both_sets
    async def test_after_unusable_replies_all_tries_have_new_seeds(
        self, prompts: PromptSet
    ) -> None:
        bad, whole = edits_of(prompts, LOST), revision_of(prompts.rewriting, BEFORE, REWRITTEN)
        options: dict[str, Any] = {"prompts": prompts, "iterations": 1, "tries": 2}
        engine = ScriptedEngine([SAID, bad, bad, " ", " "])
        (first,), failed = await run(engine, DRAFT, **options)
        options |= {"earlier": [first], "failed": failed}
        engine = ScriptedEngine([SAID, bad, bad, " ", whole])
        (version,), _ = await run(engine, DRAFT, **options)
        again = [(step.kind, step.attempt) for step in version.steps]
        assert again == [
            ("critique", 1),
            ("revision", 3),
            ("revision", 4),
            ("rewrite", 3),
            ("rewrite", 4),
        ]
        seeds = [step.sampling.seed for step in (*failed.steps, *version.steps[1:])]
        assert len(set(seeds)) == len(seeds)

    def test_edits_are_stored_and_read_with_their_outcomes(self, tmp_path: Path) -> None:
        reply = edits_of(CNR_EDITS, LOST, ("at nine", "at ten"))
        path = tmp_path / "s.sqlite"
        options: dict[str, Any] = {"prompts": "cnr-edits", "store": path}
        first = revise(DRAFT, engine=ScriptedEngine([SAID, reply]), iterations=1, **options)
        with Store.open_to_read(path) as store:
            (found,) = store.trajectories()
        assert found == first
        more = ScriptedEngine([SAID, edits_of(CNR_EDITS, ("a coat", "a hat"))])
        second = revise(DRAFT, engine=more, iterations=2, **options)
        assert texts(second.versions) == [BEFORE, AFTER, AFTER.replace("coat", "hat")]
        assert [one.edits and len(one.edits) for one in second.versions] == [None, 2, 1]


class TestRoomForEdits:
    LONG = Draft(prompt="Why?", response=" ".join(f"w{number}" for number in range(1_500)))

    async def test_a_response_of_1500_tokens_fits_a_critic_of_2048(self) -> None:
        reply = edits_of(CNR_EDITS, ("w700", "w000"))
        engine = ScriptedEngine([SAID, reply], context_tokens=2_048)
        assert engine.count_tokens(self.LONG.response) == 1_500
        versions, end = await run(engine, self.LONG, prompts=CNR_EDITS, iterations=1)
        assert end.reason is StopReason.ROUNDS_DONE
        assert versions[1].text == self.LONG.response.replace("w700", "w000")

    async def test_a_rewrite_of_it_does_not(self) -> None:
        engine = ScriptedEngine([SAID, self.LONG.response], context_tokens=2_048)
        _, end = await run(engine, self.LONG, prompts=CNR, iterations=1)
        assert end.reason is StopReason.CONTEXT_FULL

    @pytest.mark.parametrize("single_pass", [False, True])
    async def test_without_room_for_a_rewrite_the_edits_say_why_they_failed(
        self, *, single_pass: bool
    ) -> None:
        bad = edits_of(CNR_EDITS, LOST)
        replies = [in_one(CNR_EDITS, bad), SAID] if single_pass else [SAID, bad]
        engine = ScriptedEngine(replies, context_tokens=2_048)
        options: dict[str, Any] = {"iterations": 1, "tries": 1, "single_pass": single_pass}
        _, end = await run(engine, self.LONG, prompts=CNR_EDITS, **options)
        assert end.reason is StopReason.UNPARSEABLE
        assert f"{NOT_FOUND}. A rewrite does not fit. The prompt takes 1" in end.detail
        assert len(end.steps) == 2

    async def test_edits_that_fill_the_context_are_followed_by_a_rewrite_that_fits(self) -> None:
        draft = Draft(prompt="Why?", response=" ".join(f"w{number}" for number in range(100)))
        endless = "- w1\n+ w0\n" * 500
        engine = ScriptedEngine([SAID, endless, "A short text."], context_tokens=400)
        versions, _ = await run(engine, draft, prompts=CNR_EDITS, iterations=1, tries=1)
        assert kinds(versions[1]) == ["critique", "revision", "rewrite"]
        assert versions[1].text == "A short text."

    async def test_the_limit_of_edits_is_their_own(self) -> None:
        good = edits_of(CNR_EDITS, ("at nine", "at ten"))
        _, _, engine = await revised(CNR_EDITS, good, revision_max_tokens=40)
        assert [request.max_tokens for request in engine.requests] == [384, 40]
        assert engine.requests[1].room_tokens == min(engine.count_tokens(BEFORE) or 0, 40)

    @pytest.mark.parametrize(("asked", "limit"), [(40, 1_024), (3_000, 3_000)])
    async def test_a_rewrite_has_no_less_than_its_table_and_no_less_than_asked_for(
        self, asked: int, limit: int
    ) -> None:
        replies = (edits_of(CNR_EDITS, LOST), REWRITTEN)
        _, _, engine = await revised(CNR_EDITS, *replies, tries=1, revision_max_tokens=asked)
        assert [request.max_tokens for request in engine.requests] == [384, asked, limit]

    async def test_the_critique_reserves_no_room_for_the_whole_text(self) -> None:
        engine = ScriptedEngine([SAID, edits_of(CNR_EDITS)])
        await run(engine, self.LONG, prompts=CNR_EDITS, iterations=1)
        bridge = engine.count_tokens(CNR_EDITS.bridge) or 0
        assert engine.requests[0].reserve_tokens == SHORTEST_EDITS_TOKENS + bridge
        assert engine.requests[1].room_tokens == SHORTEST_EDITS_TOKENS


class TestSetsOfTheirOwn:
    FILES: ClassVar = {
        "rewrite.txt": "Write all of A again.",
        "single.txt": "${prompt} ${response}",
    }
    TABLES = (
        'form = "edits"\ntags = {{ opening = "<edits>", closing = "</edits>" }}\n{0}\n'
        "[rewrite]\nmax_tokens = 300\nopening_words = 2\n"
    )

    async def test_edits_may_be_begun_with_their_tag(self, tmp_path: Path) -> None:
        tables = self.TABLES.format(r'prefill = "<edits>\n-"')
        prompts = prompt_set(tmp_path, revision=tables, files=self.FILES)
        (version,), _, engine = await revised(prompts, " at nine\n+ at ten\n</edits>")
        assert version.text == AFTER
        assert engine.requests[1].prefill == "<edits>\n-"

    async def test_the_rewrite_is_begun_and_limited_by_its_own_table(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path, revision=self.TABLES.format(""), files=self.FILES)
        rest = REWRITTEN.removeprefix("We meet")
        replies = (edits_of(prompts, LOST), rest)
        (version,), _, engine = await revised(prompts, *replies, tries=1, revision_max_tokens=7)
        assert version.text == REWRITTEN
        rewrite = engine.requests[2]
        assert (rewrite.prefill, rewrite.max_tokens) == ("We meet", 300)

    async def test_in_a_fresh_context_too_a_rewrite_follows(self, tmp_path: Path) -> None:
        tables = self.TABLES.format('context = "fresh"')
        prompts = prompt_set(tmp_path, revision=tables, files=self.FILES)
        bad, good = edits_of(prompts, LOST), edits_of(prompts, ("at nine", "at ten"))
        (version,), _, engine = await revised(prompts, good)
        assert version.text == AFTER
        assert "Notes: " + SAID in plain(engine.requests[1].prompt)
        _, _, engine = await revised(prompts, bad, REWRITTEN, tries=1)
        asked = prompts.critique_prompt(DRAFT, BEFORE)
        assert engine.requests[2].prompt == prompts.rewriting.revision_prompt(asked, SAID)


PIECES = st.lists(
    st.sampled_from(
        ["a", "b", "the", " ", "  ", "\n", "\r\n", ".", "-", "- ", "+ ", "none", "\u0301"]
    ),
    min_size=1,
    max_size=25,
).map("".join)
REPLIES = st.one_of(
    PIECES,
    st.text(),
    st.lists(st.tuples(PIECES, PIECES), max_size=4).map(
        lambda pairs: write_edits([Edit(find=find, replacement=new) for find, new in pairs])
    ),
)


@both_sets
@given(PIECES.filter(str.strip), REPLIES, st.booleans())
@hypothesis_settings(deadline=None)
async def test_whatever_a_critic_writes_only_named_passages_change(
    prompts: PromptSet,
    response: str,
    said: str,
    has_tags: bool,
) -> None:
    reply = write_revision(said, prompts.settings.revision.tags) if has_tags else said
    engine = ScriptedEngine([SAID, reply])
    options: dict[str, Any] = {"iterations": 1, "tries": 1, "on_bad_edits": "fail"}
    draft = Draft(prompt="Say.", response=response)
    versions, end = await run(engine, draft, prompts=prompts, **options)
    if len(versions) == 1:
        assert end.reason in {StopReason.UNPARSEABLE, StopReason.TOKEN_LIMIT}
        return
    made, done = "", 0
    assert versions[1].edits is not None
    for one in replacements(response, versions[1].edits):
        made, done = made + response[done : one.start] + one.text, one.end
    assert versions[1].text == made + response[done:]


async def test_tags_with_nothing_in_them_are_no_edits() -> None:
    options: dict[str, Any] = {"iterations": 1, "tries": 1, "on_bad_edits": "fail"}
    engine = ScriptedEngine([SAID, "<edits>\n</edits>"])
    draft = Draft(prompt="Say.", response=BEFORE)
    versions, end = await run(engine, draft, prompts=CHAT_EDITS, **options)
    assert len(versions) == 1
    assert "it has no edits" in end.detail


async def test_the_command_line_says_why_edits_failed(tmp_path: Path) -> None:
    bad = completion("- at eight\n+ at ten")
    options = ("--prompts", "cnr-edits", "-n", "1", "--tries", "1", "--json")
    async with StubServer() as server:
        server.on(COMPLETIONS, completion(SAID), bad)
        where = ("--base-url", server.base_url)
        failed = await revloop(
            "revise", BEFORE, *options, *where, "--on-bad-edits", "fail", folder=tmp_path
        )
        server.on(COMPLETIONS, completion(SAID), bad, completion(REWRITTEN))
        rewritten = await revloop("revise", BEFORE, *options, *where, folder=tmp_path)
    assert f"{NOT_FOUND} (--on-bad-edits rewrite would ask" in " ".join(failed.err.split())
    found = Trajectory.model_validate_json(rewritten.out)
    assert (found.final, found.versions[1].edits) == (REWRITTEN, None)
