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


async def test_an_address_is_a_model_behind_a_server(server: StubServer) -> None:
    server.on(CHAT, chat_completion("Verdict: A"))
    judge = await open_judge(server.base_url)
    assert isinstance(judge, ModelJudge)
    assert (await judge.judge("", "a", "b")).preference == "first"
    await judge.aclose()


async def test_a_model_is_named_after_the_address() -> None:
    async with StubServer(models=("one", "two")) as server:
        with pytest.raises(InputError, match="one, two"):
            await open_judge(server.base_url)
        judge = await open_judge(f"{server.base_url}#two")
        assert judge.info.name == "two"
        await judge.aclose()


async def test_the_judges_key_is_its_own(
    server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVLOOP_API_KEY", "the critic's")
    monkeypatch.setenv("REVLOOP_JUDGE_API_KEY", "the judge's")
    await (await open_judge(server.base_url)).aclose()
    assert server.asked(MODELS)[0].headers["Authorization"] == "Bearer the judge's"


async def test_a_server_that_refuses_the_key_is_told(server: StubServer) -> None:
    server.on(MODELS, error(401))
    with pytest.raises(AuthenticationError):
        await open_judge(server.base_url)


async def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(UnreachableError):
        await open_judge("http://127.0.0.1:9")


async def test_a_prompt_set_that_is_not_there_is_told(server: StubServer, tmp_path: Path) -> None:
    with pytest.raises(PromptSetError, match="no judge's prompt set"):
        await open_judge(server.base_url, prompts=tmp_path)


async def test_a_function_is_named_with_its_module() -> None:
    judge = await open_judge("revloop.demo.judge:compare")
    assert judge.info.name == "revloop.demo.judge:compare"


@pytest.mark.parametrize("spec", ["", "anna", "model:", "reward:", "ftp://x", "a b:c", "m:f-g"])
async def test_anything_else_is_told_with_what_there_is(spec: str) -> None:
    with pytest.raises(InputError, match=r"names no judge. Name demo, module:function"):
        await open_judge(spec)
