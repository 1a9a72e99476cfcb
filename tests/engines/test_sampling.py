"""A generation_config.json changes no text, and the sampling in force is recorded."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from revloop import PromptSet
from revloop.engines import HttpEngine, Request, TransformersEngine
from revloop.engines.generation import BatchedPrompt, BatchGenerator
from revloop.models.config import ignored_sampling, suggested_sampling
from revloop.options import LoopOptions, RunSettings
from revloop.serving import ServerOptions, VllmServer
from revloop.serving.command import command_line, option_value
from revloop.serving.diagnosis import sampling_warning
from revloop.trajectory import Draft, EngineInfo, Sampling
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.stub_server import COMPLETIONS, StubServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import EngineAtHand

CNR = PromptSet.load("cnr")
DRAFT = Draft(prompt="Why is the sky blue?", response="Because it mirrors the sea, as we know.")
ASKED = Request(
    prompt=CNR.critique_prompt(DRAFT, DRAFT.response), sampling=Sampling(), max_tokens=120
)
SUGGESTED = {
    "repetition_penalty": 1.6,
    "top_k": 20,
    "temperature": 0.9,
    "suppress_tokens": [305, 311],
    "no_repeat_ngram_size": 2,
}


@pytest.fixture
def suggesting(tmp_path: Path) -> Path:
    """The tiny critic, with a generation config that would change its texts."""
    folder = tmp_path / "suggesting"
    shutil.copytree(TINY_CRITIC, folder)
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | SUGGESTED), encoding="utf-8")
    return folder


# in force


async def test_transformers_writes_the_same_text_whatever_the_model_suggests(
    suggesting: Path,
) -> None:
    plain = await TransformersEngine.from_model(str(TINY_CRITIC)).generate(ASKED)
    other = await TransformersEngine.from_model(str(suggesting)).generate(ASKED)
    assert other.text == plain.text
    assert plain.usage.generated_tokens > 30


@pytest.mark.vllm
def test_a_vllm_server_that_follows_the_suggestions_writes_the_same_text(
    suggesting: Path, engine_of: Callable[[str], EngineAtHand]
) -> None:
    plain = engine_of("http")
    follows = ("--generation-config", "auto")
    options = ServerOptions(model=str(suggesting), enforce_eager=True, vllm_options=follows)
    with VllmServer(options) as server:

        async def asked() -> str:
            engine = await HttpEngine.connect(server.base_url)
            try:
                return (await engine.generate(ASKED)).text
            finally:
                await engine.aclose()

        said = plain.portal.call(asked)
        warning = sampling_warning(server.log_path.read_text(encoding="utf-8"))
    assert said == plain.portal.call(plain.engine.generate, ASKED).text
    assert warning is not None
    assert "repetition_penalty" in warning


async def test_a_vllm_server_is_told_what_is_not_chosen_too(vllm: StubServer) -> None:
    engine = await HttpEngine.connect(vllm.base_url)
    await engine.generate(ASKED)
    await engine.aclose()
    sent = vllm.asked(COMPLETIONS)[0].body
    neutral = {"top_k": -1, "min_p": 0, "repetition_penalty": 1}
    neutral |= {"presence_penalty": 0, "frequency_penalty": 0}
    assert {name: sent[name] for name in neutral} == neutral
    assert engine.info.complete_sampling


async def test_another_server_gets_no_field_that_it_might_refuse(server: StubServer) -> None:
    engine = await HttpEngine.connect(server.base_url)
    await engine.generate(ASKED)
    await engine.aclose()
    assert set(server.asked(COMPLETIONS)[0].body) == {
        *("model", "prompt", "max_tokens", "temperature", "top_p", "seed")
    }
    assert not engine.info.complete_sampling


async def test_another_server_gets_what_was_chosen(server: StubServer) -> None:
    engine = await HttpEngine.connect(server.base_url)
    chosen = {"top_k": 20, "min_p": 0.1, "repetition_penalty": 1.1}
    chosen |= {"presence_penalty": 0.5, "frequency_penalty": -0.5}
    for name, value in chosen.items():
        sampling = Sampling.model_validate({name: value})
        await engine.generate(replace(ASKED, sampling=sampling))
        sent = server.asked(COMPLETIONS)[-1].body
        assert {key: sent[key] for key in chosen if key in sent} == {name: value}
    await engine.aclose()


def test_serve_follows_no_suggestion_unless_told_so() -> None:
    line = command_line(ServerOptions(model="a/b", port=1))
    assert option_value(tuple(line), "--generation-config") == "vllm"
    own = ServerOptions(model="a/b", port=1, vllm_options=("--generation-config", "auto"))
    assert option_value(tuple(command_line(own)), "--generation-config") == "auto"


# recorded


def test_what_is_in_force_is_part_of_the_runs_settings() -> None:
    complete = EngineInfo(kind="vllm", model="m", complete_sampling=True)
    unknown = EngineInfo(kind="http", model="m")
    settings = RunSettings.resolve(LoopOptions(), CNR, complete)
    other = RunSettings.resolve(LoopOptions(), CNR, unknown)
    assert settings.complete_sampling
    assert settings.digest != other.digest
    assert RunSettings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(("pinned", "complete"), [({"top_k": -1}, True), (None, False)])
def test_an_older_stores_settings_say_the_same(
    pinned: dict[str, Any] | None, complete: bool
) -> None:
    info = EngineInfo(kind="vllm", model="m", complete_sampling=complete)
    settings = RunSettings.resolve(LoopOptions(), CNR, info)
    older = settings.model_dump(mode="json", exclude={"complete_sampling"}) | {"pinned": pinned}
    assert RunSettings.model_validate(older) == settings
    assert EngineInfo.model_validate({"kind": "vllm", "model": "m", "pinned": pinned}) == info


def test_what_has_no_effect_is_not_written_down() -> None:
    sampling = Sampling(temperature=0.5, min_p=0.1)
    written = {"temperature": 0.5, "top_p": 1.0, "seed": 0, "min_p": 0.1}
    assert json.loads(sampling.model_dump_json()) == written
    assert Sampling.model_validate(written) == sampling


# in this process


async def test_transformers_draws_from_the_likeliest_tokens_only() -> None:
    engine = TransformersEngine.from_model(str(TINY_CRITIC))
    greedy = (await engine.generate(ASKED)).text
    warm = Sampling(temperature=2, seed=5)
    for choice in ({"top_k": 1}, {"min_p": 1.0}):
        sampling = warm.model_copy(update=choice)
        assert (await engine.generate(replace(ASKED, sampling=sampling))).text == greedy
    assert (await engine.generate(replace(ASKED, sampling=warm))).text != greedy


async def test_transformers_repetition_penalty_is_that_of_its_own_library() -> None:
    import transformers

    engine = TransformersEngine.from_model(str(TINY_CRITIC))
    sampling = Sampling(repetition_penalty=3.0)
    said = await engine.generate(replace(ASKED, sampling=sampling, max_tokens=120))
    tokenizer = transformers.AutoTokenizer.from_pretrained(TINY_CRITIC)
    model = transformers.AutoModelForCausalLM.from_pretrained(TINY_CRITIC, dtype="auto")
    ids = tokenizer(ASKED.prompt, return_tensors="pt")
    wanted = model.generate(**ids, repetition_penalty=3.0, max_new_tokens=120, do_sample=False)
    new = wanted[0, ids["input_ids"].shape[1] :]
    assert said.text == tokenizer.decode(new, skip_special_tokens=True)
    assert said.text != (await engine.generate(replace(ASKED, max_tokens=120))).text


@pytest.mark.parametrize("name", ["presence_penalty", "frequency_penalty"])
def test_transformers_repeats_no_token_under_a_large_penalty_alone_or_in_a_batch(name: str) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, eos_token_id=63,
    )  # fmt: skip
    generator = BatchGenerator(LlamaForCausalLM(config).eval(), str, version="test")

    def row(**sampling: float) -> BatchedPrompt:
        return BatchedPrompt([5, 6, 5], 20, (), Sampling.model_validate(sampling))

    short = BatchedPrompt([7] * 8, 3, (), Sampling())
    plain, together, _ = generator.generate([row(), row(**{name: 2.0}), short])
    (alone,) = generator.generate([row(**{name: 2.0})])
    assert len(set(plain)) < len(plain)
    assert len(set(alone)) == len(alone)
    assert together == alone


# said


def test_suggestions_are_told_with_their_values(suggesting: Path) -> None:
    assert suggested_sampling(str(suggesting)) == SUGGESTED
    told = ignored_sampling(str(suggesting))
    assert told is not None
    assert "repetition_penalty 1.6, top_k 20" in told


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"temperature": 1.0, "top_p": 1.0, "eos_token_id": [1, 2]}']
)
def test_a_file_without_suggestions_is_nothing_to_tell_of(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "generation_config.json").write_bytes(content)
    assert ignored_sampling(str(tmp_path)) is None


def test_a_model_without_the_file_suggests_nothing(tmp_path: Path) -> None:
    assert ignored_sampling(str(tmp_path)) is None


def test_an_engine_in_this_process_tells_it_once(
    suggesting: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "revloop.engines")
    for _ in range(2):
        TransformersEngine.from_model(str(suggesting))
    told = [record.getMessage() for record in caplog.records]
    assert [("repetition_penalty 1.6" in message) for message in told] == [True]
