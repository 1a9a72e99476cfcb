"""Token ids are only sent to a server with verifiably the same tokenizer."""

from __future__ import annotations

import itertools
import json
import logging
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from revloop.engines import HttpEngine, Request
from revloop.engines.retry import RetryPolicy
from revloop.engines.tokens import PromptTokenizer
from revloop.errors import InputError
from revloop.trajectory import Sampling
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.stub_server import COMPLETIONS, TOKENIZE, StubServer, answer, error, tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import EngineAtHand
    from tests.helpers.stub_server import Behaviour

ASKED = Request(prompt="Why is it so?", sampling=Sampling(), max_tokens=5)
AT_ONCE = RetryPolicy(attempts=3, first_wait_s=0)


def other_tokenizer(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A folder with the tiny critic's tokenizer, changed."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.loads((TINY_CRITIC / "tokenizer.json").read_bytes())
    change(content)
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def swapped(content: dict[str, Any]) -> None:
    """Swap two entries of the vocabulary: the smallest possible difference."""
    vocabulary = content["model"]["vocab"]
    last, before = sorted(vocabulary, key=vocabulary.__getitem__)[-2:]
    vocabulary[last], vocabulary[before] = vocabulary[before], vocabulary[last]


def wrapped(content: dict[str, Any]) -> None:
    """Add a token before every prompt."""
    content["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {
            "<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}
        },
    }


async def sent(server: StubServer, **options: Any) -> object:
    """The prompt that a server receives."""
    engine = await HttpEngine.connect(server.base_url, retries=AT_ONCE, **options)
    try:
        await engine.generate(ASKED)
    finally:
        await engine.aclose()
    return server.asked(COMPLETIONS)[-1].body["prompt"]


IDS = PromptTokenizer.from_folder(TINY_CRITIC).encode(str(ASKED.prompt))


@pytest.mark.parametrize("change", [swapped, wrapped])
async def test_another_model_in_a_folder_of_the_same_name_is_not_taken_for_the_servers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    change: Callable[[dict[str, Any]], None],
) -> None:
    caplog.set_level(logging.WARNING, "revloop.engines")
    other_tokenizer(tmp_path / "critic", change)
    monkeypatch.chdir(tmp_path)
    async with StubServer(vllm_root="./critic") as server:
        server.on(TOKENIZE, tokens_of(TINY_CRITIC))
        assert await sent(server) == ASKED.prompt
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "serves ./critic, and the folder of that name here has another tokenizer" in told[0]


async def test_the_same_model_in_another_folder_gets_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(TINY_CRITIC, tmp_path / "org" / "critic")
    monkeypatch.chdir(tmp_path)
    async with StubServer(vllm_root="org/critic") as server:
        assert await sent(server) == IDS


async def test_a_hub_id_of_another_revision_gets_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_tokenizer(tmp_path / "org" / "critic", swapped)
    monkeypatch.chdir(tmp_path)
    async with StubServer(vllm_root="org/critic") as server:
        server.on(TOKENIZE, tokens_of(TINY_CRITIC))
        assert await sent(server) == ASKED.prompt


async def test_a_folder_here_whose_tokenizer_is_broken_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "critic").mkdir()
    (tmp_path / "critic" / "tokenizer.json").write_text("{}", encoding="ascii")
    monkeypatch.chdir(tmp_path)
    async with StubServer(vllm_root="/elsewhere") as server:
        server.on(
            "/v1/models", answer({"data": [{"id": "m", "owned_by": "vllm", "root": "critic"}]})
        )
        assert await sent(server) == ASKED.prompt


async def test_a_named_tokenizer_that_is_another_one_is_refused(tmp_path: Path) -> None:
    folder = other_tokenizer(tmp_path, swapped)
    async with StubServer(vllm_root="org/model") as server:
        with pytest.raises(InputError, match=r"is not the one of critic at http"):
            await HttpEngine.connect(server.base_url, tokenizer=folder)


async def test_a_named_tokenizer_that_is_the_servers_is_used(tmp_path: Path) -> None:
    folder = shutil.copytree(TINY_CRITIC, tmp_path / "copy")
    async with StubServer(vllm_root="org/model") as server:
        assert await sent(server, tokenizer=folder) == IDS


@pytest.mark.parametrize(
    "behaviour",
    [error(404), error(403), error(501), answer({"count": 3}), answer("<html>")],
    ids=["404", "403", "501", "other", "html"],
)
async def test_a_server_that_does_not_tell_its_tokens_gets_text(
    behaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "revloop.engines")
    async with StubServer(vllm_root=str(TINY_CRITIC)) as server:
        server.on(TOKENIZE, behaviour)
        assert await sent(server) == ASKED.prompt
        assert "may have another tokenizer" in caplog.text
        caplog.clear()
        assert await sent(server, tokenizer=TINY_CRITIC) == ASKED.prompt
        assert f"the tokenizer in {TINY_CRITIC} cannot be verified" in caplog.text


async def test_a_named_tokenizer_that_cannot_be_proved_still_counts() -> None:
    async with StubServer(vllm_root="org/model") as server:
        server.on(TOKENIZE, error(404))
        engine = await HttpEngine.connect(server.base_url, tokenizer=TINY_CRITIC)
        assert (engine.sends_token_ids, engine.count_tokens("four")) == (False, 4)
        await engine.aclose()


@pytest.mark.vllm
def test_a_real_server_proves_its_own_tokenizer(engine_of: Callable[[str], EngineAtHand]) -> None:
    engine = engine_of("http").engine
    assert isinstance(engine, HttpEngine)
    assert engine.sends_token_ids


def test_any_two_words_that_change_places_are_noticed(tmp_path: Path) -> None:
    here = PromptTokenizer.from_folder(TINY_CRITIC)
    vocabulary = json.loads((TINY_CRITIC / "tokenizer.json").read_bytes())["model"]["vocab"]
    words = [word for word in vocabulary if word.isascii() and word.isalpha()]
    for first, second in itertools.pairwise(words):

        def change(content: dict[str, Any], pair: tuple[str, str] = (first, second)) -> None:
            vocab = content["model"]["vocab"]
            vocab[pair[0]], vocab[pair[1]] = vocab[pair[1]], vocab[pair[0]]

        other = PromptTokenizer.from_folder(other_tokenizer(tmp_path, change))
        probe = other.probe()
        assert other.encode(probe) != here.encode(probe)
    assert len(words) > 50
