"""A key goes only to its server: not to logs, errors, tracebacks, stores or the process list."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from pydantic import SecretStr

from revloop import AsyncReviser, StopReason
from revloop.cli import revise, serve
from revloop.engines import Deadlines, HttpEngine
from revloop.errors import EngineError
from revloop.options import EngineOptions
from tests.e2e.faults.kinds import Fault, Plan
from tests.e2e.faults.server import FaultyServer
from tests.e2e.faults.trial import RETRIES
from tests.helpers.command_line import start
from tests.helpers.http_engines import ask, connected
from tests.helpers.stub_server import COMPLETIONS, StubServer, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-nobody-may-see-this-0123456789"
BRIEF = Deadlines(connect_s=10.0, answer_s=0.2, token_s=0.0)
TWICE = RETRIES.model_copy(update={"attempts": 2, "longest_wait_s": 0.02})


def printed(error: BaseException) -> str:
    """Everything that Python would print of an error, its causes and its attributes."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def command_lines() -> Iterator[bytes]:
    """The process list, as any user of the machine can read it."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue  # the process has ended


@pytest.mark.parametrize("fault", list(Fault))
async def test_no_fault_reveals_the_key(
    fault: Fault,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    options = {"api_key": SecretStr(KEY), "retries": TWICE, "deadlines": BRIEF}
    async with FaultyServer(Plan()) as server:
        engine = await HttpEngine.connect(server.base_url, **options)  # type: ignore[arg-type]
        server.plan = Plan({fault: 1.0})
        async with AsyncReviser(engine=engine, store=tmp_path / "versions.sqlite") as reviser:
            trajectory = await reviser.revise("Good.", prompt="Why?", iterations=1)
        await server.is_open.wait()  # requests to a closed port are not counted
        with pytest.raises(EngineError) as failed:
            await engine.generate(ask())
        await engine.aclose()
        await server.is_open.wait()
        with pytest.raises(EngineError) as refused:
            await HttpEngine.connect(server.base_url, **options)  # type: ignore[arg-type]
        assert server.met[fault] >= 3
    assert trajectory.end is not None
    assert trajectory.end.reason is StopReason.ENGINE_FAILED
    out, err = capfd.readouterr()
    seen = (caplog.text, out, err, printed(failed.value), printed(refused.value), repr(engine))
    assert KEY not in "".join(seen) + trajectory.model_dump_json()
    assert KEY.encode() not in files(tmp_path)


async def test_the_key_does_go_to_the_server(server: StubServer) -> None:
    async with connected(server, api_key=SecretStr(KEY)):
        assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "reply",
    [
        f"<html>{KEY}</html>",
        [KEY],
        {"choices": [{"text": "x", "finish_reason": KEY}]},
        {"choices": [{"text": "x", "finish_reason": "stop", "token_ids": [KEY]}]},
        {"choices": [{KEY: "x"}]},
        {"choices": KEY},
        f"{'x' * 290} {KEY}",
    ],
)
async def test_a_server_that_repeats_the_key_is_quoted_without_it(
    server: StubServer, reply: object
) -> None:
    server.on(COMPLETIONS, answer(reply))
    async with connected(server, api_key=SecretStr(KEY)) as engine:
        with pytest.raises(EngineError) as failed:
            await engine.generate(ask())
    assert KEY[:8] not in printed(failed.value)


@pytest.mark.parametrize("where", ["environment", "file"])
async def test_a_running_command_shows_no_key(where: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    store = tmp_path / "out" / "versions.sqlite"
    store.parent.mkdir()
    by_file = ("--api-key-file", str(tmp_path / "key")) if where == "file" else ()
    environment = {"REVLOOP_API_KEY": KEY} if where == "environment" else {}
    async with FaultyServer(Plan({Fault.WEDGED: 1.0})) as server:
        process = await start(
            *("revise", "Good.", "--base-url", server.base_url, "--store", str(store), *by_file),
            environment=environment,
        )
        await server.was_asked.wait()
        seen = list(command_lines())
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert any(str(store).encode() in line for line in seen)
    assert KEY.encode() not in b"".join(seen) + out + err + files(store.parent)
    assert process.returncode == 130


async def test_a_command_that_fails_shows_no_key(tmp_path: Path) -> None:
    async with FaultyServer(Plan({Fault.REDIRECT: 1.0})) as server:
        process = await start(
            *("revise", "Good.", "--base-url", server.base_url),
            environment={"REVLOOP_API_KEY": KEY, "PYTHONASYNCIODEBUG": "1"},
        )
        out, err = await process.communicate()
    assert process.returncode == 4
    assert b"redirects to" in err
    assert KEY.encode() not in out + err


def test_no_option_takes_a_key_as_its_value() -> None:
    for command in (revise.revise, serve.serve):
        for name, kind in command.__annotations__.items():
            if "key" in name:
                assert name == "api_key_file", name
                assert Path in get_args(get_args(kind)[0])


def test_settings_do_not_show_the_key() -> None:
    options = EngineOptions(api_key=SecretStr(KEY))
    assert KEY not in f"{options!r} {options} {options.model_dump()} {options.model_dump_json()}"


async def test_a_reviser_does_not_show_the_key() -> None:
    reviser = AsyncReviser(api_key=KEY, base_url="http://127.0.0.1:9")
    assert KEY not in repr(reviser) + repr(vars(reviser))


async def test_no_warning_shows_the_key() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        async with FaultyServer(Plan({Fault.RESET: 1.0})) as server:
            with pytest.raises(EngineError):
                await HttpEngine.connect(
                    server.base_url, api_key=SecretStr(KEY), retries=TWICE, deadlines=BRIEF
                )
        await asyncio.sleep(0)
    assert KEY not in " ".join(str(warning.message) for warning in seen)
    assert KEY not in os.environ.values()
