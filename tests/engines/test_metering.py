"""What an engine's requests took, whatever became of their replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop.engines.metering import ReportsSpending, spending_of
from revloop.errors import EngineError
from revloop.evaluation import JudgePrompts, ModelJudge
from revloop.evaluation.rewards import RewardJudge
from tests.helpers.http_engines import ask, connected
from tests.helpers.stub_server import CHAT, COMPLETIONS, StubServer, answer, completion, error

if TYPE_CHECKING:
    from revloop.engines import HttpEngine

USAGE = {"prompt_tokens": 30, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 8}}


def counted(engine: HttpEngine) -> tuple[int, int, int | None, int]:
    (taken,) = spending_of(engine).by_model.values()
    usage = taken.usage
    return taken.requests, usage.prompt_tokens, usage.cached_tokens, usage.generated_tokens


async def test_its_model_is_known_before_the_first_request() -> None:
    async with StubServer() as server, connected(server) as engine:
        assert isinstance(engine, ReportsSpending)
        assert list(engine.spending().by_model) == [engine.info.model]
        assert counted(engine) == (0, 0, None, 0)


async def test_each_request_is_counted_with_its_tokens() -> None:
    async with StubServer() as server, connected(server) as engine:
        server.on(COMPLETIONS, completion(usage=USAGE))
        for _ in range(2):
            await engine.generate(ask())
        assert counted(engine) == (2, 60, 16, 10)


@pytest.mark.parametrize(
    ("bad", "tokens"),
    [
        (answer({"choices": [{"text": 3}], "usage": USAGE}), (60, 16, 10)),  # it was paid for
        (error(503), (30, 8, 5)),
    ],
)
async def test_a_try_that_failed_counts(bad: Any, tokens: tuple[int, int, int]) -> None:
    async with StubServer() as server, connected(server) as engine:
        server.on(COMPLETIONS, bad, completion(usage=USAGE))
        await engine.generate(ask())
        assert counted(engine) == (2, *tokens)


async def test_a_request_that_never_left_does_not_count() -> None:
    async with StubServer() as server, connected(server) as engine:
        await server.__aexit__()
        with pytest.raises(EngineError):
            await engine.generate(ask())
        # of three tries, one may have left on the connection that was still open
        assert counted(engine)[0] <= 1


async def test_a_judge_reports_what_its_model_took() -> None:
    async with StubServer() as server, connected(server) as engine:
        judge = ModelJudge(engine, JudgePrompts.load())
        await judge.judge("Why?", "a", "b")
        assert spending_of(judge).requests == len(server.asked(CHAT))
        assert spending_of(judge).requests > 0


def test_what_reports_nothing_took_nothing() -> None:
    assert spending_of(object()).requests == 0
    assert not isinstance(object(), ReportsSpending)
    assert issubclass(RewardJudge, ReportsSpending)
