"""Functions as judges: their return values and their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop.demo import demo_drafts
from revloop.demo.critique import correct
from revloop.errors import InputError, JudgeError
from revloop.evaluation import FunctionJudge, demo_judge, load_function
from revloop.trajectory import Judge, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DRAFT = next(d for d in demo_drafts(20) if d.response != correct(d.prompt or "", d.response))


def returning(said: Any) -> FunctionJudge:
    """A judge that always returns the same value."""
    return FunctionJudge(lambda _prompt, _first, _second: said, name="same")


@pytest.mark.parametrize(
    "said", ["first", ("first", None), Verdict(preference="first")], ids=["word", "pair", "verdict"]
)
async def test_a_function_returns_a_word_or_a_verdict(said: Any) -> None:
    assert await returning(said).judge("", "a", "b") == Verdict(preference="first")


async def test_a_function_may_give_its_reason() -> None:
    assert (await returning(("tie", "Alike.")).judge("", "a", "b")).reason == "Alike."


async def test_a_function_may_be_asynchronous() -> None:
    async def judge(_prompt: str, first: str, _second: str) -> str:
        return "first" if first == "a" else "second"

    assert (await FunctionJudge(judge, name="slow").judge("", "a", "b")).preference == "first"


@pytest.mark.parametrize("said", [None, 1, "FIRST", ("first",), ("first", 2), "a\ud800"])
async def test_other_return_values_are_errors_that_name_the_judge(said: Any) -> None:
    with pytest.raises(JudgeError, match=r"judge same returns .* no verdict"):
        await returning(said).judge("", "a", "b")


async def test_a_failing_function_is_reported_with_its_error() -> None:
    def failing(_prompt: str, _first: str, _second: str) -> str:
        raise KeyError("colour")

    with pytest.raises(JudgeError, match="judge bad fails: KeyError: 'colour'"):
        await FunctionJudge(failing, name="bad").judge("", "a", "b")


async def test_the_demos_judge_prefers_the_text_with_fewer_faults() -> None:
    prompt, good = DRAFT.prompt or "", correct(DRAFT.prompt or "", DRAFT.response)
    judge = demo_judge()
    verdict = await judge.judge(prompt, DRAFT.response, good)
    assert (verdict.preference, judge.info.name) == ("second", "demo")
    assert verdict.reason is not None
    assert verdict.reason.endswith("and 0.")
    assert (await judge.judge(prompt, good, DRAFT.response)).preference == "first"


async def test_the_demos_judge_refuses_prompts_of_another_domain() -> None:
    with pytest.raises(JudgeError, match="judge demo fails: ValueError"):
        await demo_judge().judge("What is a KV cache?", "a", "b")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Write a module into the working directory and return its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])

    def write(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return write


SHORTER = "def shorter(prompt, first, second):\n    return 'first'\n"


async def test_a_function_of_the_working_directory_is_found(
    module: Callable[[str, str], str],
) -> None:
    judge = load_function(f"{module('mine_one', SHORTER)}:shorter")
    assert isinstance(judge, Judge)
    assert (await judge.judge("", "a", "b")).preference == "first"
    assert judge.info.name == "mine_one:shorter"


def test_an_edited_function_is_another_judge(module: Callable[[str, str], str]) -> None:
    spec = f"{module('mine_two', SHORTER)}:shorter"
    before = load_function(spec).info.digest
    module("mine_two", SHORTER.replace("first'", "tie'"))
    assert load_function(spec).info.digest != before


def test_a_missing_module_or_function_is_an_error(module: Callable[[str, str], str]) -> None:
    name = module("mine_three", SHORTER)
    with pytest.raises(InputError, match="has no function 'longer'"):
        load_function(f"{name}:longer")
    with pytest.raises(InputError, match="nowhere_at_all:f cannot be loaded: ModuleNotFound"):
        load_function("nowhere_at_all:f")
    with pytest.raises(InputError, match="cannot be loaded: SyntaxError"):
        load_function(f"{module('mine_four', 'def (')}:f")
