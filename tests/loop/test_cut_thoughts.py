"""Whatever a model thinks, and wherever its replies are cut, no thought is in any version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop import AsyncReviser
from revloop.evaluation import JudgePrompts, ModelJudge
from revloop.loop import Rounds
from revloop.options import LoopOptions, RunSettings
from revloop.prompts import PromptSet, shipped_prompt_sets
from revloop.trajectory import OpenTrajectory
from tests.helpers.command_line import revloop
from tests.helpers.reasoning import FORMS, MARK, THOUGHT, ReasoningEngine, reply_of
from tests.helpers.scripted_engine import plain
from tests.helpers.scripted_loop import DRAFT, SAID, revision_of, tagged
from tests.helpers.stub_server import CHAT as CHAT_PATH
from tests.helpers.stub_server import answer as replying

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.engines.base import Request
    from revloop.trajectory import Trajectory
    from tests.helpers.reasoning import Form
    from tests.helpers.stub_server import StubServer

GOOD = "It is 4, as 2 + 2 is 4."
ALL = {name: PromptSet.load(name) for name in shipped_prompt_sets()}
SETS = {name: one for name, one in ALL.items() if not one.fields}  # the draft here has none
LONGEST = 420
"""More characters than any reply has."""


async def show(folder: Path, *arguments: str) -> Any:
    return await revloop("show", "s.sqlite", *arguments, folder=folder)


def answering(prompts: PromptSet, *, single_pass: bool) -> Any:
    """The right answer to every request, after its prefill."""
    revision = revision_of(prompts, DRAFT.response, GOOD)
    both = f"{SAID}\n{revision}" if prompts.is_chat else SAID + prompts.bridge + revision

    def answer(request: Request) -> str:
        if request.prompt == prompts.critique_prompt(DRAFT, DRAFT.response):
            said = both if single_pass and not prompts.is_chat else SAID
        elif prompts.has_edits and plain(request.prompt).endswith(prompts.rewriting.bridge):
            said = revision_of(prompts.rewriting, DRAFT.response, GOOD)
        else:
            said = both if single_pass else revision
        return said.removeprefix(request.prefill)

    return answer


async def revised(
    engine: ReasoningEngine, prompts: PromptSet, *, single_pass: bool, tries: int = 2
) -> Trajectory:
    options = LoopOptions(single_pass=single_pass, tries=tries)
    settings = RunSettings.resolve(options, prompts, engine.info)
    trajectory = OpenTrajectory("t", DRAFT)
    await Rounds(trajectory, engine, prompts, settings).run(1)
    return trajectory.snapshot()


def check(done: Trajectory, asked: list[str]) -> None:
    for version in done.versions[1:]:
        assert version.text == GOOD
        assert version.critique is not None
        assert version.critique.raw.strip()
        assert SAID.startswith(version.critique.raw.strip())
    assert not any(MARK in prompt for prompt in asked)


@pytest.mark.parametrize("single_pass", [False, True], ids=["two-passes", "single-pass"])
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("form", FORMS)
async def test_no_thought_is_in_any_version_wherever_replies_are_cut(
    form: Form, name: str, *, single_pass: bool
) -> None:
    prompts = SETS[name]
    if form in {"field", "parts"} and not prompts.is_chat:
        pytest.skip("completions have no such field")
    if single_pass and not prompts.single_pass:
        pytest.skip("the set has no single pass")
    answer = answering(prompts, single_pass=single_pass)
    for cut in range(LONGEST):
        for only_first in (False, True):
            engine = ReasoningEngine(form, answer, cut, only_first)
            done = await revised(engine, prompts, single_pass=single_pass)
            check(done, engine.prompts)
            assert done.rounds == 1 or not only_first
            if not done.rounds:
                assert done.end is not None
                assert done.end.reason == "token_limit"


@pytest.mark.parametrize("form", FORMS)
async def test_no_verdict_is_read_from_a_thought_wherever_it_is_cut(form: Form) -> None:
    prompts = JudgePrompts.load()
    found = set()
    for cut in range(LONGEST):
        engine = ReasoningEngine(form, lambda _: "B is true.\nVerdict: B", cut)
        verdict = await ModelJudge(engine, prompts, tries=1).judge("Why?", "a", "b")
        found.add(verdict.preference)
        assert MARK not in (verdict.reason or "")
    assert found == {"second", "unparseable"}


async def test_thoughts_are_stored_and_shown_on_request(server: StubServer, tmp_path: Path) -> None:
    replies = [reply_of("field", said, None, is_chat=True) for said in (SAID, tagged(GOOD))]
    server.on(CHAT_PATH, *map(replying, replies))
    options = ("--base-url", server.base_url, "--prompts", "chat", "-n", "1")
    more = ("--store", "s.sqlite", "--thinking-tokens", "100", "--no-thinking")
    finished = await revloop("revise", "It is 5.", *options, *more, folder=tmp_path)
    assert finished.out == f"{GOOD}\n"
    sent = [request.body for request in server.asked(CHAT_PATH)]
    assert [body["max_tokens"] for body in sent] == [512 + 100, 2048 + 100]
    assert sent[0]["chat_template_kwargs"] == {"enable_thinking": False, "thinking": False}
    (name,) = [line.split()[0] for line in (await show(tmp_path)).out.splitlines()[1:]]
    assert (
        f"critique, try 1, thoughts: {len(THOUGHT)} characters" in (await show(tmp_path, name)).out
    )
    assert MARK not in (await show(tmp_path, name)).out
    assert MARK in (await show(tmp_path, name, "--thoughts")).out
    again = await revloop("revise", "It is 5.", *options, *more[:4], folder=tmp_path)
    assert "thinking: True, not False" in again.err


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cut", [1, 20, 120, 190, 230, 300, None])
async def test_nor_is_one_that_a_server_sent(
    server: StubServer, form: Form, cut: int | None
) -> None:
    """The same over HTTP: both first replies are cut, the second ones are whole."""
    whole = reply_of(form, "Hello!", None, is_chat=True)

    async def behave(request: Any) -> Any:
        body = await request.json()
        is_greeting = body["messages"][0]["content"] == "Hello."
        is_whole = body["temperature"] > 0
        is_critique = len(body["messages"]) == 1
        said = SAID if is_critique else tagged(GOOD)
        place = None if is_whole else cut
        reply = whole if is_greeting else reply_of(form, said, place, is_chat=True)
        return await replying(reply)(request)

    server.on(CHAT_PATH, behave)
    async with AsyncReviser(base_url=server.base_url, prompts="chat") as reviser:
        done = await reviser.revise(DRAFT, iterations=1)
    assert done.final == GOOD
    sent = [str(request.body["messages"]) for request in server.asked(CHAT_PATH)]
    check(done, sent)
    assert all(step.thoughts for step in done.steps if step.refusal is None)
