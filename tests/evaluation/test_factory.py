"""Judges by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop.errors import AuthenticationError, InputError, PromptSetError, UnreachableError
from revloop.evaluation import ModelJudge, open_judge
from tests.helpers.stub_server import CHAT, MODELS, StubServer, chat_completion, error

if TYPE_CHECKING:
    from pathlib import Path


async def test_demo_is_the_exact_judge_of_the_demo() -> None:
    assert (await open_judge("demo")).info.kind == "function"


async def test_an_address_opens_a_model_behind_a_server(server: StubServer) -> None:
    server.on(CHAT, chat_completion("Verdict: A"))
    judge = await open_judge(server.base_url)
    assert isinstance(judge, ModelJudge)
    assert (await judge.judge("", "a", "b")).preference == "first"
    await judge.aclose()


async def test_a_model_follows_the_address() -> None:
    async with StubServer(models=("one", "two")) as server:
        with pytest.raises(InputError, match="one, two"):
            await open_judge(server.base_url)
        judge = await open_judge(f"{server.base_url}#two")
        assert judge.info.name == "two"
        await judge.aclose()


async def test_the_judge_has_its_own_key(
    server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVLOOP_API_KEY", "the critic's")
    monkeypatch.setenv("REVLOOP_JUDGE_API_KEY", "the judge's")
    await (await open_judge(server.base_url)).aclose()
    assert server.asked(MODELS)[0].headers["Authorization"] == "Bearer the judge's"


async def test_a_rejected_key_is_an_authentication_error(server: StubServer) -> None:
    server.on(MODELS, error(401))
    with pytest.raises(AuthenticationError):
        await open_judge(server.base_url)


async def test_an_unreachable_server_is_an_error() -> None:
    with pytest.raises(UnreachableError):
        await open_judge("http://127.0.0.1:9")


async def test_a_missing_prompt_set_is_an_error(server: StubServer, tmp_path: Path) -> None:
    with pytest.raises(PromptSetError, match="no judge's prompt set"):
        await open_judge(server.base_url, prompts=tmp_path)


async def test_a_function_is_named_with_its_module() -> None:
    judge = await open_judge("revloop.demo.judge:compare")
    assert judge.info.name == "revloop.demo.judge:compare"


@pytest.mark.parametrize("spec", ["", "anna", "model:", "reward:", "ftp://x", "a b:c", "m:f-g"])
async def test_other_names_are_refused_with_the_valid_ones(spec: str) -> None:
    with pytest.raises(InputError, match=r"names no judge. Name demo, module:function"):
        await open_judge(spec)
