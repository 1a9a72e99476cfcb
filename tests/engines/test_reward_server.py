"""Reward models behind servers, each in its own dialect: `revloop.engines.rewards.server`."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from revloop.engines import RetryPolicy
from revloop.engines.rewards.batching import Answered
from revloop.engines.rewards.endpoints import ENDPOINTS
from revloop.engines.rewards.server import RewardServer
from revloop.errors import (
    AuthenticationError,
    ContextFullError,
    EngineGoneError,
    InputError,
    ModelConfigError,
    RejectedError,
    RepeatedFaultError,
    UnreachableError,
    WrongAddressError,
)
from tests.helpers.reward_servers import (
    CONTEXT_WORDS,
    HOSTED,
    LLAMA_CPP,
    MODEL,
    MOST_TEI_INPUTS,
    REWARD_DIALECTS,
    SGLANG,
    TEI,
    VLLM,
    VLLM_PLAIN,
    RewardDialect,
    responding,
    reward_server,
    speak,
)
from tests.helpers.stub_server import MODELS, StubServer, answer, error, half, model_list, reset

if TYPE_CHECKING:
    from collections.abc import Sequence

QUICK = RetryPolicy(attempts=3, first_wait_s=0, longest_wait_s=0)
TEXTS = [Answered("Why?", text) for text in ("good", "bad", "good good", "so")]
REWARDS = [1.0, -1.0, 2.0, 0.0]


async def connect(server: StubServer, **options: Any) -> RewardServer:
    return await RewardServer.connect(server.base_url, retries=QUICK, **options)


async def scored(model: RewardServer, texts: Sequence[Answered]) -> list[Any]:
    """The rewards of texts, sent in requests as large as the server takes."""
    size = model.most_texts
    parts = [texts[start : start + size] for start in range(0, len(texts), size)]
    return [outcome for part in parts for outcome in await model.score(part)]


@pytest.mark.parametrize("dialect", REWARD_DIALECTS, ids=lambda dialect: dialect.name)
async def test_each_server_gives_the_rewards_in_the_order_of_the_texts(
    dialect: RewardDialect,
) -> None:
    async with reward_server(dialect) as server:
        model = await connect(server)
        assert await scored(model, TEXTS) == REWARDS
        assert (model.name, model.endpoint.form) == (MODEL, dialect.form)
        assert model.endpoint.path.format(root="/v1") == dialect.path
        await model.aclose()


@pytest.mark.parametrize("dialect", REWARD_DIALECTS, ids=lambda dialect: dialect.name)
async def test_the_prompt_is_sent_with_the_text(dialect: RewardDialect) -> None:
    async with reward_server(dialect) as server:
        model = await connect(server)
        await model.score([Answered("Why is that?", "It is good.")])
        sent = str(server.asked(dialect.path)[-1].body)
        assert "Why is that?" in sent
        assert "It is good." in sent
        await model.aclose()


async def test_vllm_renders_prompt_and_text_as_a_conversation() -> None:
    async with reward_server(VLLM) as server:
        model = await connect(server)
        await model.score([Answered("Why?", "So.")])
        assert server.asked("/classify")[-1].body == {
            "model": MODEL,
            "messages": [
                {"role": "user", "content": "Why?"},
                {"role": "assistant", "content": "So."},
            ],
            "use_activation": False,  # a sigmoid would make all large rewards 1
        }
        await model.aclose()


async def test_without_a_chat_template_an_empty_line_separates_prompt_and_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with reward_server(VLLM_PLAIN) as server:
        with caplog.at_level(logging.WARNING, "revloop.engines"):
            model = await connect(server)
        await model.score([Answered("Why?", "So."), Answered("", "So.")])
        assert server.asked("/classify")[-1].body["input"] == ["Why?\n\nSo.", "So."]
        assert "renders no chat template for reward" in caplog.text
        await model.aclose()


async def test_the_endpoint_is_found_once() -> None:
    async with reward_server(HOSTED) as server:
        model = await connect(server)
        before = len(server.requests)
        await scored(model, TEXTS)
        assert [request.path for request in server.requests[before:]] == ["/v1/rerank"]
        await model.aclose()


async def test_a_server_that_scores_nothing_is_refused_with_the_paths_that_were_tried() -> None:
    async with StubServer() as server:
        with pytest.raises(WrongAddressError, match=r"/classify, /pooling, /predict, /score"):
            await connect(server)
        tried = [request.path for request in server.requests if request.method == "POST"]
    expected = dict.fromkeys(one.path.format(root="/v1") for one in ENDPOINTS)
    assert tried == list(expected)


async def test_the_words_of_a_server_that_refuses_are_told() -> None:
    said = "This server does not support reranking. Start it with `--reranking`"
    async with reward_server(LLAMA_CPP) as server:
        server.on("/rerank", error(400, said))
        with pytest.raises(WrongAddressError, match=r"Start it with `--reranking`"):
            await connect(server)


@pytest.mark.parametrize("probs", [[0.2, 0.3, 0.5], [0.1] * 64])
async def test_a_model_with_several_labels_is_refused(probs: list[float]) -> None:
    async with reward_server(VLLM) as server:
        server.on("/classify", answer({"data": [{"index": 0, "probs": probs}]}))
        with pytest.raises(ModelConfigError, match=rf"gives {len(probs)} numbers .* one output"):
            await connect(server)


async def test_an_embedding_model_is_refused() -> None:
    async with reward_server(SGLANG) as server:
        vectors = [{"embedding": [0.1] * 8, "meta_info": {}}]
        server.on("/classify", error(400), error(400), answer(vectors))
        with pytest.raises(ModelConfigError, match="gives 8 numbers for a text"):
            await connect(server)


async def test_a_process_reward_model_is_refused() -> None:
    async with reward_server(VLLM) as server:
        server.on("/classify", error(404))
        data = [{"index": 0, "data": [[0.1, 0.9], [0.2, 0.8]]}]
        server.on("/pooling", answer({"data": data}))
        with pytest.raises(ModelConfigError, match="gives 2 numbers for a text"):
            await connect(server)


async def test_several_models_need_a_name() -> None:
    async with reward_server(VLLM) as server:
        server.on(MODELS, model_list({"id": "a"}, {"id": "b"}))
        with pytest.raises(InputError, match="a, b"):
            await connect(server)
        model = await connect(server, model="b")
        assert model.name == "b"
        assert server.asked("/classify")[-1].body["model"] == "b"
        await model.aclose()


async def test_the_key_is_sent_with_each_request() -> None:
    async with reward_server(VLLM) as server:
        model = await connect(server, api_key=SecretStr("sk-7"))
        await model.score(TEXTS[:1])
        keys = {request.headers.get("Authorization") for request in server.requests}
        assert keys == {"Bearer sk-7"}
        await model.aclose()


async def test_a_refused_key_is_told_at_once() -> None:
    async with reward_server(VLLM) as server:
        server.on("/classify", error(401, "Unauthorized"))
        with pytest.raises(AuthenticationError):
            await connect(server)
        assert len(server.asked("/classify")) == 1


async def test_an_unreachable_server_is_told() -> None:
    with pytest.raises(UnreachableError):
        await RewardServer.connect("http://127.0.0.1:9", retries=QUICK)


@pytest.mark.parametrize("fault", [error(503), error(500), reset(), half({"data": []})])
async def test_a_fault_that_passes_is_waited_for(fault: Any) -> None:
    async with reward_server(VLLM_PLAIN) as server:
        model = await connect(server)
        server.on("/classify", fault, responding(VLLM_PLAIN.respond))
        assert await model.score(TEXTS) == REWARDS
        await model.aclose()


async def test_a_text_that_a_server_fails_on_every_time_is_told_from_a_server_that_fails() -> None:
    def respond(body: Any) -> tuple[int, Any]:
        return (500, {}) if "break" in str(body) else VLLM.respond(body)

    many = RetryPolicy(attempts=20, first_wait_s=0, longest_wait_s=0)
    async with reward_server(VLLM) as server:
        model = await RewardServer.connect(server.base_url, retries=many)
        server.on("/classify", responding(respond))
        (outcome,) = await model.score([Answered("Why?", "break")])
        assert isinstance(outcome, RepeatedFaultError)
        assert await model.score(TEXTS[:1]) == REWARDS[:1]
        await model.aclose()


async def test_the_rate_limit_that_a_server_reports_is_obeyed() -> None:
    names = ("limit", "remaining", "reset")
    spent = zip((f"x-ratelimit-{name}-requests" for name in names), ("1", "0", "60s"), strict=True)
    async with reward_server(VLLM) as server:
        model = await connect(server)
        _, reply = VLLM.respond({"messages": [{"content": "good"}]})
        server.on("/classify", answer(reply, headers=dict(spent)))
        await model.score(TEXTS[:1])
        before = len(server.requests)
        held = asyncio.create_task(model.score(TEXTS[:1]))
        for _ in range(10):
            await asyncio.sleep(0)
        assert model.held_back() == 1
        assert len(server.requests) == before
        held.cancel()
        await asyncio.wait([held])
        await model.aclose()


async def test_a_server_that_stays_away_ends_the_wait_at_its_limit() -> None:
    patient = RetryPolicy(first_wait_s=0, longest_wait_s=0, wait_for_server_s=0.05)
    async with reward_server(VLLM) as server:
        model = await RewardServer.connect(server.base_url, retries=patient)
    with pytest.raises(EngineGoneError, match="past the wait limit"):
        await model.score(TEXTS[:1])
    await model.aclose()


async def test_a_text_that_is_too_long_does_not_cost_the_others_their_reward() -> None:
    long = Answered("Why?", "good " * (CONTEXT_WORDS + 1))
    async with reward_server(VLLM_PLAIN) as server:
        model = await connect(server)
        first, refused, *others = await model.score([TEXTS[0], long, *TEXTS[1:]])
        assert [first, *others] == REWARDS
        assert isinstance(refused, ContextFullError)
        assert "the limit is 50" in str(refused)
        await model.aclose()


async def test_a_text_that_exceeds_llama_cpps_batch_does_not_fit() -> None:
    # ggml-org/llama.cpp: tools/server/server-context.cpp, with its default of 512 tokens
    said = (
        "input (518 tokens) is too large to process. increase the physical batch size "
        "(current batch size: 512)"
    )
    async with reward_server(LLAMA_CPP) as server:
        model = await connect(server)
        server.on("/rerank", error(500, said))
        (refused,) = await model.score(TEXTS[:1])
        assert isinstance(refused, ContextFullError)
        assert str(refused).startswith("The prompt takes 518 tokens, the limit is 512.")
        await model.aclose()


async def test_a_refused_text_does_not_cost_the_others_their_reward() -> None:
    def respond(body: Any) -> tuple[int, Any]:
        if any(text.endswith("empty") for text in body["input"]):
            return 400, {"error": {"message": "The decoder prompt cannot be empty", "code": 400}}
        return VLLM_PLAIN.respond(body)

    async with reward_server(VLLM_PLAIN) as server:
        model = await connect(server)
        server.on("/classify", responding(respond))
        outcomes = await model.score([*TEXTS, Answered("", "empty")])
        assert outcomes[:-1] == REWARDS
        assert isinstance(outcomes[-1], RejectedError)
        await model.aclose()


async def test_a_batch_that_is_too_large_is_halved_and_the_size_is_remembered() -> None:
    async with reward_server(TEI) as server:
        model = await connect(server)
        assert model.most_texts > 2 * MOST_TEI_INPUTS
        assert await model.score(TEXTS * 3) == REWARDS * 3
        assert model.most_texts <= MOST_TEI_INPUTS
        await model.aclose()


async def test_a_pair_without_a_prompt_is_one_text() -> None:
    async with reward_server(TEI) as server:
        model = await connect(server)
        await model.score([Answered("", "So."), Answered("Why?", "So.")])
        body = server.asked("/predict")[-1].body
        assert body["inputs"] == [["So."], ["Why?", "So."]]
        assert body["raw_scores"] is True
        await model.aclose()


@pytest.mark.parametrize("change", ["version", "model", "endpoint"])
async def test_another_version_model_or_endpoint_is_another_judge(change: str) -> None:
    async with reward_server(VLLM) as server:
        model = await connect(server)
        same = await connect(server)
        assert same.digest == model.digest
        if change == "version":
            server.on("/version", answer({"version": "0.33.0"}))
        elif change == "model":
            server.on(MODELS, model_list({"id": MODEL, "owned_by": "vllm", "root": "/other"}))
        else:
            speak(server, VLLM_PLAIN)
        other = await connect(server)
        assert other.digest != model.digest
        for opened in (model, same, other):
            await opened.aclose()


async def test_the_version_of_text_embeddings_inference_counts() -> None:
    async with reward_server(TEI) as server:
        model = await connect(server)
        server.on("/info", answer({"model_id": MODEL, "model_sha": "ab12", "version": "1.9"}))
        other = await connect(server)
        assert other.digest != model.digest
        for opened in (model, other):
            await opened.aclose()
