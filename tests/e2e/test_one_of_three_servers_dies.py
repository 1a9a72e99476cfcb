"""A batch with a critic, an editor and a selector, of which one dies half way."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from yarl import URL

from tests.helpers.running_batch import Server, answering_server, assert_right, ended, work_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DRAFTS = 12
AT_A_TIME = 2
DIES_AT = 6
"""The number of the request that a server dies of: by then, some rounds are stored."""

Servers = dict[str, Server]


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    """The three servers, by role."""
    async with AsyncExitStack() as opened:
        yield {
            role: await opened.enter_async_context(answering_server())
            for role in ("critic", "editor", "selector")
        }


def options(servers: Servers, *, wait_s: float) -> tuple[str, ...]:
    return (
        *("--editor", servers["editor"].base_url),
        *("--candidates", "2", "--selector", f"reward:{servers['selector'].base_url}"),
        *("--min-concurrency", "1", "--max-concurrency", str(AT_A_TIME)),
        *("--wait-for-server", str(wait_s)),
    )


@pytest.mark.parametrize("dying", ["critic", "editor", "selector"])
async def test_a_server_that_comes_back_is_waited_for_while_the_others_go_on(
    servers: Servers, tmp_path: Path, dying: str
) -> None:
    work = work_in(tmp_path, DRAFTS)
    await servers[dying].kill_at(DIES_AT)
    process = await work.begin(servers["critic"], *options(servers, wait_s=60))
    await servers[dying].process.wait()
    if dying != "critic":  # asked for all drafts that are under way
        await servers["critic"].until_asked(2 * AT_A_TIME)
    port = URL(servers[dying].base_url).port or 0
    async with answering_server(port):
        finished = await ended(process)
    assert finished.code == 0, finished.err
    assert_right(work, DRAFTS)


@pytest.mark.parametrize("dying", ["critic", "editor", "selector"])
async def test_without_one_that_stays_away_the_batch_ends_and_the_same_command_resumes(
    servers: Servers, tmp_path: Path, dying: str
) -> None:
    work = work_in(tmp_path, DRAFTS)
    await servers[dying].kill_at(DIES_AT)
    finished = await work.run(servers["critic"], *options(servers, wait_s=0.5))
    assert finished.code == 4, finished.err
    assert "Resume with the same command" in finished.err
    assert not work.output.exists()
    stored = work.stored_rounds()
    assert sum(stored.values()) > 0
    port = URL(servers[dying].base_url).port or 0
    async with answering_server(port) as again:
        back = {**servers, dying: again}
        if dying != "critic":
            await servers["critic"].tell("/session")
        finished = await work.run(back["critic"], *options(back, wait_s=60))
        asked = await back["critic"].asked()
    assert finished.code == 0, finished.err
    assert_right(work, DRAFTS)
    assert all(version >= stored.get(name, 0) for name, version, _ in asked)
