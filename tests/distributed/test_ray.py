"""`revloop batch --ray` on a real local Ray: the same results, even after kills."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from revloop.serving.guard import processes
from tests.helpers.command_line import Finished, revloop
from tests.helpers.deterministic_server import text_after
from tests.helpers.running_batch import Server, Work, answering_server, work_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from revloop import Draft
    from tests.conftest import Served

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="the extra 'ray' is not installed"
    ),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are told by /proc"),
]

DRAFTS = 200
LIMIT_S = 480.0


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with answering_server() as server:
        yield server


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return work_in(tmp_path, DRAFTS)


async def begin(work: Work, server: Server, *options: str) -> asyncio.subprocess.Process:
    """Start a batch with two actors, in its own process group."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "revloop", "batch", "drafts.jsonl", "out", "--ray"),
        *("--base-url", server.base_url, "--base-url", server.base_url, *options),
        cwd=work.folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def ended(process: asyncio.subprocess.Process) -> Finished:
    out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


def descendants(pid: int) -> set[int]:
    """All descendants of a process."""
    table = processes()
    found, news = set[int](), {pid}
    while news:
        news = {one.pid for one in table if one.parent in news} - found
        found |= news
    return found


def actors(pid: int) -> list[int]:
    """The processes of a driver's actors."""
    titles = {one: Path(f"/proc/{one}/cmdline") for one in descendants(pid)}
    return [
        one
        for one, path in titles.items()
        if path.exists() and b"MapWorker(MapBatches(Actor))" in path.read_bytes()
    ]


async def until(is_so: Callable[[], bool]) -> None:
    """Poll, because other processes raise no events."""
    end = asyncio.get_running_loop().time() + LIMIT_S
    while not is_so():
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.05)


async def until_gone(pids: set[int]) -> None:
    await until(lambda: not pids & {one.pid for one in processes() if not one.is_zombie})


def written(folder: Path) -> list[dict[str, Any]]:
    """All trajectories of a folder of shards."""
    shards = [path for path in folder.glob("*.jsonl") if ".rejected" not in path.name]
    return [json.loads(line) for path in shards for line in path.read_bytes().splitlines()]


def assert_each_once_and_right(folder: Path) -> None:
    rows = written(folder)
    names = [row["draft"]["id"] for row in rows]
    assert sorted(names) == sorted(f"d{number}" for number in range(DRAFTS))
    for row in rows:
        texts = [version["text"] for version in row["versions"]]
        name = f"Draft {row['draft']['id'][1:]}"
        assert texts == [text_after(name, rounds) for rounds in range(len(texts))]
        assert row["end"]["reason"] in {"converged", "rounds_done"}


@pytest.mark.slow
async def test_a_killed_actor_costs_its_rows_in_flight_and_nothing_else(
    server: Server, work: Work
) -> None:
    await server.tell("/session", after=10**9)  # no reply until a session is named
    process = await begin(work, server, "--rows-in-flight", "32", "--shard-rows", "20")
    await server.until_asked(40)  # more than one actor can hold
    os.kill(actors(process.pid)[0], signal.SIGKILL)
    await server.tell("/victim", pid=0)
    finished = await ended(process)
    assert finished.code == 0, finished.err
    assert f"out: {DRAFTS} new trajectories" in finished.out
    assert_each_once_and_right(work.folder / "out")
    asked = await server.asked()
    assert len(asked) > DRAFTS
    again = len(asked) - len(set(asked))
    assert 0 < again <= 2 * 32 * 5  # both requests of a round, of the rows of one actor


@pytest.mark.slow
async def test_a_killed_driver_leaves_nothing_running_and_the_same_command_goes_on(
    server: Server, work: Work
) -> None:
    options = ("--rows-in-flight", "16", "--shard-rows", "10", "--iterations", "5")
    await server.tell("/session")
    process = await begin(work, server, *options)
    checkpoint = work.folder / "out.checkpoint"
    await until(lambda: any(".pending" not in one.name for one in checkpoint.glob("*.parquet")))
    children = descendants(process.pid)
    os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    await until_gone(children)
    finished = await ended(await begin(work, server, *options))
    assert finished.code == 0, finished.err
    assert "rows were done before" in finished.err
    assert_each_once_and_right(work.folder / "out")
    again = await ended(await begin(work, server, *options))
    assert (again.code, "out: 0 new trajectories" in again.out) == (0, True)


@pytest.mark.vllm
async def test_two_actors_give_the_same_trajectories_as_one_process(
    fastchat: Callable[[str], list[Draft]], tmp_path: Path, vllm_server: Served
) -> None:
    lines = [draft.model_dump_json(exclude_none=True) for draft in fastchat("chatgpt")]
    (tmp_path / "drafts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    common = ("--iterations", "1", "--temperature", "0", "--base-url", vllm_server.base_url)
    one = await revloop("batch", "drafts.jsonl", "one.jsonl", *common, folder=tmp_path)
    assert one.code in {0, 4}, one.err
    spread = ("--ray", "--actors", "2", "--rows-in-flight", "32", "--shard-rows", "20")
    many = await revloop("batch", "drafts.jsonl", "many", *common, *spread, folder=tmp_path)
    assert many.code == one.code, many.err
    alone = [json.loads(line) for line in (tmp_path / "one.jsonl").read_bytes().splitlines()]
    together = {row["draft"]["id"]: row for row in written(tmp_path / "many")}
    assert len(together) == len(alone) == len(lines)
    for row in alone:
        assert substance(together[row["draft"]["id"]]) == substance(row)


def substance(row: dict[str, Any]) -> dict[str, Any]:
    """A trajectory without what depends on the time and on the server's cache."""
    versions = [(v["text"], v["critique"]) for v in row["versions"]]
    return {
        "id": row["id"],
        "draft": row["draft"],
        "versions": versions,
        "end": row["end"]["reason"],
    }
