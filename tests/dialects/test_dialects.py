"""Every reply of every dialect, through a real connection: what the caller of an engine gets."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from revloop import AsyncReviser, Draft
from revloop.engines import HttpEngine, Request, RetryPolicy
from revloop.errors import ContextFullError, EngineError, TransientError
from revloop.trajectory import Message, Sampling, StopReason
from tests.dialects.all import ALL, DIALECTS
from tests.dialects.dialect import Adapts, Answered, Fails, Serves
from tests.dialects.speaking import address, refusing, speaking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from _pytest.mark import ParameterSet

    from tests.dialects.dialect import Case, Dialect
    from tests.helpers.stub_server import StubServer

KEY = "sk-nobody-may-see-this"
THREE_TRIES = RetryPolicy(attempts=3, first_wait_s=0, longest_wait_s=0)
PROMPT = "Score this answer: the sky is blue because it mirrors the sea."


def cases(kind: type[Any]) -> list[ParameterSet]:
    """The cases that must become something of a kind."""
    return [
        pytest.param(dialect, case, id=f"{dialect.name}-{case.name}".replace(" ", "-"))
        for dialect in ALL
        for case in dialect.cases
        if isinstance(case.expected, kind)
    ]


@asynccontextmanager
async def connected(
    dialect: Dialect, server: StubServer, model: str | None
) -> AsyncIterator[HttpEngine]:
    engine = await HttpEngine.connect(
        address(dialect, server), model=model, api_key=SecretStr(KEY), retries=THREE_TRIES
    )
    try:
        yield engine
    finally:
        await engine.aclose()


def request(case: Case) -> Request:
    chat = (Message(role="user", content=PROMPT),)
    prompt = PROMPT if case.path == "completions" else chat
    return Request(prompt=prompt, sampling=Sampling(), max_tokens=16, stop=("END",))


@pytest.mark.parametrize(("dialect", "case"), cases(Answered))
async def test_an_answer_is_read(dialect: Dialect, case: Case) -> None:
    expected = case.expected
    assert isinstance(expected, Answered)
    async with speaking(dialect, case) as server:
        async with connected(dialect, server, dialect.model) as engine:
            done = await engine.generate(request(case))
        assert len(server.asked(server.requests[-1].path)) == 1
    usage = done.usage
    read = Answered(
        *(done.text, done.finish_reason, (usage.prompt_tokens, usage.generated_tokens)),
        cached=usage.cached_tokens,
        thoughts=done.thoughts,
        thinking=usage.thinking_tokens,
    )
    assert read == expected


@pytest.mark.parametrize(("dialect", "case"), cases(Fails))
async def test_an_error_is_told_and_retried_if_it_may_pass(dialect: Dialect, case: Case) -> None:
    expected = case.expected
    assert isinstance(expected, Fails)
    async with speaking(dialect, case) as server:
        with pytest.raises(EngineError) as caught:
            async with connected(dialect, server, dialect.model) as engine:
                await engine.generate(request(case))
        tries = len(server.asked(server.requests[-1].path))
    message = str(caught.value)
    assert type(caught.value) is expected.kind
    assert expected.says in message
    assert message.isprintable()
    assert KEY not in message
    assert getattr(caught.value, "retry_after_s", None) == expected.wait_s
    assert tries == (3 if issubclass(expected.kind, TransientError) else 1)


@pytest.mark.parametrize(("dialect", "case"), cases(Adapts))
async def test_a_refused_parameter_is_renamed_or_left_out(dialect: Dialect, case: Case) -> None:
    expected = case.expected
    assert isinstance(expected, Adapts)
    async with refusing(dialect, case, expected.refused) as server:
        async with connected(dialect, server, dialect.model) as engine:
            await engine.generate(request(case))
        first, second = (r.body for r in server.requests if r.method == "POST")
    assert expected.refused in first
    assert second == {
        expected.sent_as if name == expected.refused else name: value
        for name, value in first.items()
        if name != expected.refused or expected.sent_as is not None
    }


@pytest.mark.parametrize(("dialect", "case"), cases(Serves))
async def test_a_list_of_models_is_read(dialect: Dialect, case: Case) -> None:
    expected = case.expected
    assert isinstance(expected, Serves)
    async with (
        speaking(dialect, case) as server,
        connected(dialect, server, expected.named) as engine,
    ):
        found = (engine.info.model, engine.context_tokens)
    assert found == (expected.model, expected.context_tokens)


def too_long() -> list[ParameterSet]:
    """The cases in which the prompt of a chat is too long."""
    found = []
    for parameters in cases(Fails):
        case: Any = parameters.values[1]
        if case.expected.kind is ContextFullError and case.path == "chat/completions":
            found.append(parameters)
    return found


@pytest.mark.parametrize(("dialect", "case"), too_long())
async def test_a_prompt_that_is_too_long_ends_its_own_trajectory(
    dialect: Dialect, case: Case
) -> None:
    expected = case.expected
    assert isinstance(expected, Fails)
    async with (
        speaking(dialect, case) as server,
        connected(dialect, server, dialect.model) as engine,
        AsyncReviser(engine=engine, prompts="chat") as reviser,
    ):
        done = await reviser.revise(Draft(prompt="Why is the sky blue?", response="The sea."))
    assert done.end is not None
    assert done.end.reason is StopReason.CONTEXT_FULL
    assert done.end.detail is not None
    assert expected.says in done.end.detail


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_dialect_has_an_answer_and_a_prompt_that_is_too_long(dialect: Dialect) -> None:
    assert dialect.good("chat/completions") is not None
    assert any(
        isinstance(case.expected, Fails) and case.expected.kind is ContextFullError
        for case in dialect.cases
    )
    assert all(case.source for case in dialect.cases)


def test_there_are_as_many_dialects_as_the_documentation_promises() -> None:
    names = [dialect.name for dialect in DIALECTS]
    assert len(set(names)) == len(names) >= 13
