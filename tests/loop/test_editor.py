"""An editor beside the critic: which request goes where, in which words, and what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop.errors import InputError
from revloop.loop.roles import Role
from revloop.options import LoopOptions, RunSettings
from revloop.trajectory import Draft, EngineInfo, StopReason
from tests.helpers.prompt_folders import prompt_set
from tests.helpers.scripted_engine import ScriptedEngine, cnr_critique, plain
from tests.helpers.scripted_loop import (
    CHAT,
    CHAT_EDITS,
    CNR,
    CNR_EDITS,
    DRAFT,
    SAID,
    edits_of,
    outcome,
    run,
    tagged,
    texts,
)

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.engines import Request

EDITOR = EngineInfo(kind="scripted", model="editor", version="1")


def editor(*replies: str, **options: Any) -> ScriptedEngine:
    return ScriptedEngine(replies, info=EDITOR, **options)


def both_by_stops(request: Request) -> str:
    """One model in both roles: a completion set's critiques have stop texts."""
    seen = len(plain(request.prompt))
    return cnr_critique(3, negative=f"{seen}.") if request.stop else f"A text after {seen}."


class TestRequests:
    async def test_critiques_go_to_the_critic_and_revisions_to_the_editor(self) -> None:
        critic, reviser = ScriptedEngine([SAID, SAID]), editor("b", "c")
        versions, _ = await run(critic, iterations=2, editor=Role(reviser, CNR))
        assert texts(versions) == [DRAFT.response, "b", "c"]
        assert [request.prompt for request in critic.requests] == [
            CNR.critique_prompt(DRAFT, DRAFT.response),
            CNR.critique_prompt(DRAFT, "b"),
        ]
        assert [request.prompt for request in reviser.requests] == [
            CNR.revision_prompt_of(DRAFT, DRAFT.response, SAID),
            CNR.revision_prompt_of(DRAFT, "b", SAID),
        ]

    async def test_the_editor_reads_the_critique_in_the_words_of_its_own_set(self) -> None:
        critic, reviser = ScriptedEngine([SAID]), editor(tagged("b"))
        versions, _ = await run(critic, iterations=1, editor=Role(reviser, CHAT))
        assert texts(versions) == [DRAFT.response, "b"]
        prompt = reviser.requests[0].prompt
        assert prompt == CHAT.revision_prompt_of(DRAFT, DRAFT.response, SAID)
        assert not isinstance(prompt, str)
        assert [message.content for message in prompt[1:]] == [SAID, CHAT.templates["bridge.txt"]]

    async def test_a_prefix_of_the_critics_tokens_is_neither_kept_nor_sent(self) -> None:
        critic, reviser = ScriptedEngine([SAID]), editor("b")
        await run(critic, iterations=1, editor=Role(reviser, CNR))
        assert not critic.requests[0].keep_prefix
        assert reviser.requests[0].prefix is None

    async def test_the_same_model_in_both_roles_writes_what_it_writes_in_one(self) -> None:
        alone = ScriptedEngine(both_by_stops)
        critic, reviser = ScriptedEngine(both_by_stops), ScriptedEngine(both_by_stops)
        before, _ = await run(alone, iterations=3, temperature=0.8)
        after, _ = await run(critic, iterations=3, temperature=0.8, editor=Role(reviser, CNR))
        assert texts(after) == texts(before)
        assert [one.critique for one in after] == [one.critique for one in before]
        seeds = [step.sampling.seed for version in before for step in version.steps]
        assert [step.sampling.seed for version in after for step in version.steps] == seeds

    async def test_edits_and_the_rewrite_after_them_are_the_editors(self) -> None:
        reviser = editor("I would not change it.", tagged("a whole text"))
        versions, _ = await run(
            ScriptedEngine([SAID]), iterations=1, tries=1, editor=Role(reviser, CHAT_EDITS)
        )
        assert versions[1].text == "a whole text"
        assert [step.kind for step in versions[1].steps] == ["critique", "revision", "rewrite"]
        reviser = editor(edits_of(CNR_EDITS, ("5", "4")))
        versions, _ = await run(
            ScriptedEngine([SAID]), iterations=1, editor=Role(reviser, CNR_EDITS)
        )
        assert versions[1].text == " It is\n4. "
        assert versions[1].edits is not None

    async def test_candidates_are_the_editors_and_their_scores_the_critics(self) -> None:
        critic = ScriptedEngine([SAID, cnr_critique(4), cnr_critique(9)])
        reviser = editor("b", "c")
        versions, _ = await run(critic, iterations=1, candidates=2, editor=Role(reviser, CNR))
        assert texts(versions) == [DRAFT.response, "c"]
        assert (len(critic.requests), len(reviser.requests)) == (3, 2)


class TestRoom:
    async def test_the_critic_keeps_no_room_for_the_revision(self) -> None:
        critic, reviser = ScriptedEngine([SAID], tokens="characters"), editor("b")
        await run(critic, iterations=1, editor=Role(reviser, CNR))
        assert critic.requests[0].reserve_tokens == 0

    async def test_the_room_of_a_revision_is_counted_by_the_editor(self) -> None:
        reviser = editor("b", tokens="characters")
        await run(ScriptedEngine([SAID]), iterations=1, editor=Role(reviser, CNR))
        assert reviser.requests[0].room_tokens == len(DRAFT.response)

    async def test_a_revision_must_fit_the_editors_context_alone(self) -> None:
        roomy, narrow = ScriptedEngine([SAID] * 2), editor("b", context_tokens=20)
        versions, end = await run(roomy, iterations=1, editor=Role(narrow, CNR))
        assert (len(versions), end.reason) == (1, StopReason.CONTEXT_FULL)
        assert "20 tokens" in end.detail
        assert [step.kind for step in end.steps] == ["critique"]

    async def test_the_limit_of_a_revision_is_that_of_the_editors_set(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path, kind="completion")
        reviser = editor("b")
        await run(ScriptedEngine([SAID]), iterations=1, editor=Role(reviser, prompts))
        assert reviser.requests[0].max_tokens == prompts.settings.revision.max_tokens
        assert prompts.settings.revision.max_tokens != CNR.settings.revision.max_tokens


class TestTemperatures:
    async def test_critiques_and_revisions_have_their_own(self) -> None:
        engine = ScriptedEngine([SAID, "b"])
        await run(engine, iterations=1, critique_temperature=0.3, edit_temperature=0.9)
        assert [request.sampling.temperature for request in engine.requests] == [0.3, 0.9]

    async def test_one_alone_leaves_the_other_as_it_is(self) -> None:
        engine = ScriptedEngine([SAID, "b"])
        await run(engine, iterations=1, temperature=0.5, edit_temperature=0)
        assert [request.sampling.temperature for request in engine.requests] == [0.5, 0]

    def test_a_run_is_greedy_if_both_are_0(self) -> None:
        def is_greedy(**options: float) -> bool:
            return RunSettings.resolve(LoopOptions(**options), CNR, EDITOR).is_greedy

        assert is_greedy()
        assert not is_greedy(temperature=1)
        assert not is_greedy(edit_temperature=1)
        assert not is_greedy(critique_temperature=1)
        assert is_greedy(temperature=1, critique_temperature=0, edit_temperature=0)

    @pytest.mark.parametrize("name", ["critique_temperature", "edit_temperature"])
    def test_a_reply_with_both_has_only_one(self, name: str) -> None:
        with pytest.raises(ValueError, match="leave --single-pass out"):
            LoopOptions.model_validate({"single_pass": True, name: 0.5})


class TestRecord:
    async def test_a_version_names_both_engines_and_both_sets(self) -> None:
        critic, reviser = ScriptedEngine([SAID]), editor(tagged("b"))
        versions, _ = await run(critic, iterations=1, editor=Role(reviser, CHAT))
        made = versions[1]
        assert (made.engine, made.prompt_set) == (critic.info, CNR.digest)
        assert (made.editor, made.editor_prompt_set) == (EDITOR, CHAT.digest)

    async def test_without_an_editor_none_is_named(self) -> None:
        versions, _ = await run(ScriptedEngine([SAID, "b"]), iterations=1)
        assert (versions[1].editor, versions[1].editor_prompt_set) == (None, None)

    def test_the_editor_and_its_set_are_part_of_the_settings(self) -> None:
        def digest(*who: Any) -> str:
            one = who or None
            return RunSettings.resolve(LoopOptions(), CNR, EDITOR, editor=one).digest

        other = EDITOR.model_copy(update={"model": "another"})
        unsent = EDITOR.model_copy(update={"unsent": ("seed",)})
        digests = {digest(), digest(EDITOR, CNR), digest(EDITOR, CHAT)}
        assert len(digests | {digest(other, CNR), digest(unsent, CNR)}) == 5

    async def test_a_failed_revision_is_resumed_as_it_would_have_gone_on(self) -> None:
        critic, reviser = ScriptedEngine([SAID]), editor("", "")
        versions, end = await run(critic, iterations=1, tries=2, editor=Role(reviser, CNR))
        assert end.reason is StopReason.UNPARSEABLE
        again, more = ScriptedEngine([SAID]), editor("b")
        resumed, _ = await run(
            again, iterations=1, tries=2, earlier=versions, failed=end, editor=Role(more, CNR)
        )
        whole = editor("", "", "b")
        at_once, _ = await run(
            ScriptedEngine([SAID]), iterations=1, tries=3, editor=Role(whole, CNR)
        )
        assert outcome(resumed[-1]).steps[-1] == outcome(at_once[-1]).steps[-1]


async def test_a_draft_must_have_the_fields_of_the_editors_set(tmp_path: Path) -> None:
    prompts = prompt_set(tmp_path, files={"bridge.txt": "Rewrite A by ${extra.rubric}."})
    critic, reviser = ScriptedEngine([]), editor()
    versions, end = await run(critic, Draft(response="Five."), editor=Role(reviser, prompts))
    assert (len(versions), end.reason) == (1, StopReason.MISSING_FIELD)


def test_one_model_writes_a_single_pass() -> None:
    with pytest.raises(InputError, match="leave --single-pass out, or the editor"):
        RunSettings.resolve(LoopOptions(single_pass=True), CNR, EDITOR, editor=(EDITOR, CNR))
