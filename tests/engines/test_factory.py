"""The proofreader is the only default; without it, naming neither server nor model is an error."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from revloop import AsyncReviser, InputError, Reviser, arevise, arevise_many, revise, revise_many
from revloop.cli.app import app
from revloop.demo import demo_drafts
from revloop.engines.english import ENGLISH, load_prompts
from revloop.engines.english.installed import cache_folder
from revloop.engines.factory import PROOFREADS, with_default
from revloop.evaluation import reviser_keywords
from revloop.options import EngineOptions, Policy, RunOptions
from tests.helpers.command_line import Finished, revloop, start
from tests.helpers.repository import DATA, TINY_CRITIC

if TYPE_CHECKING:
    from collections.abc import Iterator

WAYS_ON = (
    *("four ways on", "a server: --base-url URL", "REVLOOP_BASE_URL", "revloop critic install"),
    *("a model in this process: --model FOLDER", "--model demo", "damages any other text"),
)
NO_ENGINE = "No server and no model is named"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache folder without the proofreader, whatever this machine has."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def assert_names_the_ways_on(message: str) -> None:
    for way in WAYS_ON:
        assert way in message


async def assert_refused(*command: str, folder: Path, stdin: bytes = b"") -> Finished:
    """The command ends with the message and writes no file."""
    before = sorted(os.listdir(folder))  # noqa: PTH208
    finished = await revloop(*command, folder=folder, stdin=stdin)
    assert (finished.code, finished.out) == (3, "")
    assert "Traceback" not in finished.err
    assert_names_the_ways_on(finished.err)
    assert sorted(os.listdir(folder)) == before  # noqa: PTH208
    return finished


def commands_that_revise() -> set[str]:
    """The commands that take the options of an engine."""
    groups = [
        ("", app),
        *((f"{group.name} ", group.typer_instance) for group in app.registered_groups),
    ]
    return {
        f"{prefix}{command.name or getattr(command.callback, '__name__', '')}"
        for prefix, group in groups
        for command in (group.registered_commands if group else ())
        if EngineOptions in getattr(command.callback, "models", {}).values()
    }


def test_every_command_that_revises_is_tried_here() -> None:
    tried = Path(__file__).read_text(encoding="utf-8")
    for words in commands_that_revise():
        assert ", ".join(f'"{word}"' for word in words.split()) in tried, words


async def _first(drafts: Any) -> None:
    async for _ in arevise_many(drafts):
        pass


@pytest.mark.parametrize(
    "call",
    [
        lambda: revise("Good."),
        lambda: asyncio.run(arevise("Good.")),
        Reviser,
        AsyncReviser,
    ],
    ids=["revise", "arevise", "Reviser", "AsyncReviser"],
)
def test_from_python_nothing_is_revised_without_a_server_or_a_model(call: Any) -> None:
    with pytest.raises(InputError, match=NO_ENGINE) as caught:
        call()
    assert_names_the_ways_on(str(caught.value))


def test_many_drafts_without_a_server_or_a_model_are_not_even_read(tmp_path: Path) -> None:
    def drafts() -> Iterator[str]:
        raise AssertionError("the drafts were read")
        yield ""

    with pytest.raises(InputError, match=NO_ENGINE):
        next(iter(revise_many(drafts(), store=tmp_path / "s.sqlite")))
    with pytest.raises(InputError, match=NO_ENGINE):
        asyncio.run(_first(drafts()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("cache")
def test_the_proofreader_is_the_default_where_it_is_installed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache_folder().mkdir(parents=True)
    named = (EngineOptions(model="demo"), EngineOptions(base_url="http://127.0.0.1:1"))
    assert [with_default(one) for one in named] == list(named)
    assert caplog.messages == []
    assert with_default(EngineOptions()).model == ENGLISH
    assert caplog.messages == [PROOFREADS]


@pytest.mark.parametrize(
    "options", [EngineOptions(kind="openai-batch"), EngineOptions(extra_body='{"a": 1}')]
)
def test_options_of_a_server_do_not_mean_the_proofreader(options: EngineOptions) -> None:
    cache_folder().mkdir(parents=True)
    with pytest.raises(InputError, match="name it with --base-url"):
        with_default(options)


@pytest.mark.parametrize("prompts", ["chat", "cnr"])  # cnr is other models' default
def test_the_proofreader_refuses_another_prompt_set(
    prompts: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache_folder().mkdir(parents=True)
    with pytest.raises(InputError, match=f"leave --prompts {prompts} out"):
        revise("Good.", prompts=prompts)
    assert caplog.messages == [PROOFREADS]


def test_the_proofreader_needs_no_choice_of_a_prompt_set() -> None:
    of_the_critic, own = EngineOptions(model="demo"), EngineOptions(model=ENGLISH)
    assert load_prompts(None, of_the_critic).name == "cnr"
    assert load_prompts(None, own).name == load_prompts(ENGLISH, own).name == ENGLISH


def test_a_prompt_set_counts_as_chosen_if_an_option_or_a_policy_names_it() -> None:
    policy = Policy(rounds=1, prompts="cnr")
    for chosen in (RunOptions(prompts="cnr"), RunOptions.model_validate({"policy": policy})):
        assert reviser_keywords(chosen)["prompts"] == "cnr"
    assert reviser_keywords(RunOptions())["prompts"] is None


def test_an_empty_name_in_the_environment_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVLOOP_BASE_URL", "")
    monkeypatch.setenv("REVLOOP_MODEL", "")
    with pytest.raises(InputError, match=NO_ENGINE):
        Reviser()


async def test_revise_without_a_server_or_a_model_names_the_ways_on(tmp_path: Path) -> None:
    await assert_refused("revise", "Good.", "--store", "s.sqlite", folder=tmp_path)
    await assert_refused("revise", folder=tmp_path, stdin=b"Good.")


async def test_revise_does_not_wait_for_a_response_that_it_cannot_revise(tmp_path: Path) -> None:
    process = await start("revise", folder=tmp_path)  # its standard input stays open
    assert process.stderr is not None
    assert_names_the_ways_on((await process.stderr.read()).decode())
    assert await process.wait() == 3


@pytest.mark.parametrize("spread", [(), ("--ray",)], ids=["here", "on Ray"])
async def test_batch_without_a_server_or_a_model_writes_nothing(
    spread: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "in.jsonl").write_text('{"response": "Good."}\n')
    await assert_refused("batch", "in.jsonl", "out", *spread, folder=tmp_path)


async def test_real_answers_are_refused_in_less_time_than_a_model_takes_to_load(
    tmp_path: Path,
) -> None:
    answers = DATA / "fastchat80" / "chatgpt.jsonl"
    if not answers.is_file():
        pytest.skip(f"there are no FastChat answers at {answers.parent}")
    shutil.copy(answers, tmp_path / "in.jsonl")
    started = time.perf_counter()
    await assert_refused("batch", "in.jsonl", "out.jsonl", folder=tmp_path)
    # measured: 0.8 s; loading torch alone would take several seconds
    assert time.perf_counter() - started < 10


async def test_throughput_is_not_measured_on_a_critic_that_nobody_named(tmp_path: Path) -> None:
    await assert_refused("bench", "throughput", "-o", "r.json", folder=tmp_path)


async def test_a_pilot_without_a_server_or_a_model_measures_nothing(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"response": "Good."}\n')
    await assert_refused("pilot", "in.jsonl", "policy.toml", "--judge", "demo", folder=tmp_path)


def test_the_demo_critic_is_used_where_it_is_named() -> None:
    trajectory = revise(demo_drafts(1)[0], iterations=1, model="demo")
    engine = trajectory.versions[1].engine
    assert engine is not None
    assert (engine.kind, engine.model) == ("transformers", "revloop-demo-critic")


async def test_a_folder_named_demo_is_used_only_as_a_path(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    shutil.copytree(TINY_CRITIC, tmp_path / "demo", dirs_exist_ok=True)
    options = ("-n", "1", "--json")
    (draft,) = demo_drafts(1)
    told = ("revise", draft.response, "--prompt", str(draft.prompt), *options)
    by_name = await revloop(*told, "--model", "demo", folder=tmp_path)
    assert _model_of(by_name) == "revloop-demo-critic"
    planned = await revloop("plan", "./demo", folder=tmp_path)
    shipped = await revloop("plan", "demo", folder=tmp_path)
    assert planned.code == shipped.code == 0
    assert planned.out != shipped.out


def _model_of(finished: Finished) -> str:
    assert finished.code == 0, finished.err
    model = json.loads(finished.out)["versions"][1]["engine"]["model"]
    assert isinstance(model, str)
    return model
