"""Texts far longer than the context are refused without tokenising or sending all of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from revloop import AsyncReviser
from revloop.engines import HttpEngine, Request, TransformersEngine
from revloop.engines import tokens as tokens_module
from revloop.engines.base import LONG_CHARS
from revloop.engines.retry import RetryPolicy
from revloop.engines.tokens import PromptTokenizer
from revloop.errors import ContextFullError, EngineError
from revloop.trajectory import Draft, Message, Sampling, StopReason
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.stub_server import CHAT, COMPLETIONS, StubServer, chat_completion, reset

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import EngineAtHand

CRITIC = PromptTokenizer.from_folder(TINY_CRITIC)
WORDS = "The sky is blue because light scatters in air, 🙂 and über alles. \n"
MEGABYTES = 40
HUGE = WORDS * (MEGABYTES * 10**6 // len(WORDS))


def ask(prompt: Any) -> Request:
    return Request(prompt=prompt, sampling=Sampling(), max_tokens=5)


@pytest.fixture
def tokenised(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Length in characters of each tokenised text."""
    lengths: list[int] = []
    real = PromptTokenizer._encode

    def encode(self: PromptTokenizer, text: str, *, add_special: bool = False) -> list[int]:
        lengths.append(len(text))
        return real(self, text, add_special=add_special)

    monkeypatch.setattr(PromptTokenizer, "_encode", encode)
    return lengths


# counting


@pytest.mark.parametrize("unit", ["a", " ", "\n", "🙂", "ab ", "你好", WORDS])
def test_what_is_counted_of_a_text_is_never_more_than_it_has(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    found = CRITIC.count(text, 1000)
    assert 1000 < found <= CRITIC.count(text)


def test_a_text_that_may_fit_is_counted_exactly(tokenised: list[int]) -> None:
    text = WORDS * 500
    assert CRITIC.count(text, 10_000) == CRITIC.count(text)
    assert tokenised == [len(text), len(text)]


def test_a_text_of_long_words_that_fits_all_the_same_is_counted_exactly() -> None:
    words = {"x" * 1000: 0, "?": 1}
    tokenizer = Tokenizer(WordLevel(words, unk_token="?"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    text = " ".join(["x" * 1000] * 200)
    assert PromptTokenizer(tokenizer).count(text, 5000) == 200


def test_only_the_start_of_a_huge_text_is_looked_at(tokenised: list[int]) -> None:
    assert CRITIC.count(HUGE, 2048) > 2048
    assert sum(tokenised) <= 2**17


# engines


async def test_transformers_refuses_a_huge_prompt_at_its_start(tokenised: list[int]) -> None:
    engine = TransformersEngine.from_model(str(TINY_CRITIC))
    tokenised.clear()
    with pytest.raises(ContextFullError, match=r"takes at least \d+ of the model's 4096 tokens"):
        await engine.generate(ask(HUGE))
    assert sum(tokenised) <= 2**17


async def test_a_huge_chat_is_refused_at_its_start(tokenised: list[int]) -> None:
    engine = TransformersEngine.from_model(str(TINY_CRITIC))
    tokenised.clear()
    with pytest.raises(ContextFullError, match="takes at least"):
        await engine.generate(ask((Message(role="user", content=HUGE),)))
    assert sum(tokenised) <= 2**17


@pytest.mark.vllm
def test_vllm_in_this_process_refuses_a_huge_prompt_at_its_start(
    engine_of: Callable[[str], EngineAtHand], tokenised: list[int]
) -> None:
    at_hand = engine_of("vllm")
    tokenised.clear()
    with pytest.raises(ContextFullError, match="takes at least"):
        at_hand.portal.call(at_hand.engine.generate, ask(HUGE))
    assert sum(tokenised) <= 2**17


async def test_a_server_whose_tokenizer_is_here_is_not_sent_a_huge_prompt(
    vllm: StubServer, tokenised: list[int]
) -> None:
    engine = await HttpEngine.connect(vllm.base_url)
    tokenised.clear()
    with pytest.raises(ContextFullError, match="takes at least"):
        await engine.generate(ask(HUGE))
    await engine.aclose()
    assert sum(tokenised) <= 2**17
    assert not vllm.asked(COMPLETIONS)


@pytest.mark.parametrize("prompt", [HUGE, (Message(role="user", content=HUGE),)])
async def test_a_server_without_a_tokenizer_here_is_not_sent_what_cannot_fit(prompt: Any) -> None:
    async with StubServer(max_model_len=131_072) as server:
        engine = await HttpEngine.connect(server.base_url)
        with pytest.raises(ContextFullError, match=r"takes at least 156249 of the model's 131072"):
            await engine.generate(ask(prompt))
        await engine.aclose()
        assert not server.asked(COMPLETIONS) + server.asked(CHAT)


async def test_a_long_prompt_that_may_fit_is_sent() -> None:
    text = WORDS * 5000
    async with StubServer(max_model_len=131_072) as server:
        server.on(CHAT, chat_completion("Fine."))
        engine = await HttpEngine.connect(server.base_url)
        assert (await engine.generate(ask((Message(role="user", content=text),)))).text == "Fine."
        await engine.aclose()
        assert server.asked(CHAT)[0].body["messages"][0]["content"] == text


async def test_many_megabytes_are_sent_once_to_a_server_that_breaks_off() -> None:
    async with StubServer() as server:
        server.on(COMPLETIONS, reset())
        retries = RetryPolicy(attempts=3, first_wait_s=0)
        engine = await HttpEngine.connect(server.base_url, retries=retries)
        with pytest.raises(EngineError):
            await engine.generate(ask("many " * 2**20))
        assert len(server.asked(COMPLETIONS)) == 1
        with pytest.raises(EngineError):
            await engine.generate(ask("few"))
        await engine.aclose()
        assert len(server.asked(COMPLETIONS)) == 4


# the event loop


async def test_a_long_prompt_is_tokenised_in_a_thread_and_a_short_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[int] = []
    real = PromptTokenizer.ids

    def ids(self: PromptTokenizer, request: Request) -> list[int]:
        threads.append(threading.get_ident())
        return real(self, request)

    monkeypatch.setattr(tokens_module.PromptTokenizer, "ids", ids)
    await CRITIC.prompt_ids(ask("short"), 512)
    long = await CRITIC.prompt_ids(ask("x" * (LONG_CHARS + 1)), 10**6)
    assert long == CRITIC.encode("x" * (LONG_CHARS + 1))
    assert threads[0] == threading.get_ident() != threads[1]


async def test_a_draft_of_many_megabytes_ends_at_once_with_the_reason(
    tokenised: list[int],
) -> None:
    engine = TransformersEngine.from_model(str(TINY_CRITIC))
    tokenised.clear()
    async with AsyncReviser(engine=engine) as reviser:
        found = await reviser.revise(Draft(prompt="Why?", response=HUGE), iterations=3)
    assert found.end is not None
    assert found.end.reason is StopReason.CONTEXT_FULL
    assert "takes at least" in found.end.detail
    assert sum(tokenised) <= 2**18
