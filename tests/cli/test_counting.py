"""How far a count is, while it runs."""

from __future__ import annotations

import io
import json
import threading

import pytest
from rich.console import Console

from revloop import AsyncReviser
from revloop.cli import counting as module
from revloop.cli import output
from revloop.cli.counting import counting, waiting
from revloop.cli.revise import trouble
from tests.helpers.http_engines import AT_ONCE, ask
from tests.helpers.stub_server import COMPLETIONS, StubServer, completion, error

Told = tuple[list[str], threading.Semaphore]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """The lines that are told, as fast as they come, and what is released by each."""
    monkeypatch.setattr(module, "LINE_EVERY_S", 0.01)
    lines: list[str] = []
    has_come = threading.Semaphore(0)

    def say(line: str) -> None:
        lines.append(line)
        has_come.release()

    monkeypatch.setattr(output, "say", say)
    return lines, has_come


def test_without_a_terminal_a_line_comes_every_while_even_if_nothing_does(told: Told) -> None:
    lines, has_come = told
    with counting("verdicts of rule", 160) as tell:
        assert has_come.acquire(timeout=60)
        assert lines[0].endswith(": verdicts of rule: 0 of 160")
        tell(12, 100)
        while ": verdicts of rule: 112 of 160, " not in lines[-1]:
            assert has_come.acquire(timeout=60)
        assert "/s, " in lines[-1]
        assert lines[-1].endswith(" left")
    after = len(lines)
    assert not any(thread.name == "revloop-counting" for thread in threading.enumerate())
    assert len(lines) == after


def test_machines_get_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINE_EVERY_S", 0.01)
    monkeypatch.setattr(output.mode, "as_json", True)
    stream, has_come = io.StringIO(), threading.Semaphore(0)
    monkeypatch.setattr(output, "progress", Console(file=stream, soft_wrap=True))
    with counting("verdicts of rule", 160) as tell:
        tell(12, 100)
        while not has_come.acquire(timeout=0.05):
            if stream.getvalue().count("\n") > 1:
                has_come.release()
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {name: told[-1][name] for name in ("what", "done", "total")} == {
        "what": "verdicts of rule",
        "done": 112,
        "total": 160,
    }
    assert told[-1]["elapsed_s"] >= 0
    assert told[-1]["left_s"] == pytest.approx(4 * told[-1]["elapsed_s"])


def test_a_short_count_says_nothing_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("verdicts of rule", 2) as tell:
        tell(2, 0)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_count_that_fails_ends_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINE_EVERY_S", 0.01)
    monkeypatch.setattr(output, "say", lambda _line: None)
    with pytest.raises(KeyError), counting("verdicts of rule", 2):
        raise KeyError("gone")
    assert not any(thread.name == "revloop-counting" for thread in threading.enumerate())


def test_without_a_terminal_a_line_says_every_while_what_is_waited_for(told: Told) -> None:
    lines, has_come = told
    with waiting("opening the critic") as wait_for:
        assert has_come.acquire(timeout=60)
        wait_for("revising")
        while not lines[-1].startswith("revising: "):
            assert has_come.acquire(timeout=60)
    assert lines[0].startswith("opening the critic: ")
    assert lines[0].endswith(" s so far")


def test_what_is_waited_for_is_told_with_the_cause(told: Told) -> None:
    lines, has_come = told
    with waiting("revising", lambda: "held back by the rate limit"):
        assert has_come.acquire(timeout=60)
    assert lines[0].startswith("revising: ")
    assert lines[0].endswith(" so far, held back by the rate limit")


async def test_the_cause_is_what_the_server_said_last() -> None:
    async with StubServer() as server:
        server.on(COMPLETIONS, error(503, "Loading."), error(429, "Slow down."), completion())
        async with AsyncReviser(base_url=server.base_url, retries=AT_ONCE) as reviser:
            assert trouble(reviser.engines) == ""
            await reviser.engine.generate(ask())
            told = trouble(reviser.engines)
    assert told == "sent again 2x: the server answers 429: Slow down."
