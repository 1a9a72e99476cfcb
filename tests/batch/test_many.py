"""`revise_many` and `arevise_many`."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from yarl import URL

from revloop import InputError, StopReason, Store, arevise_many, revise_many
from revloop.engines.retry import RetryPolicy
from revloop.errors import EngineGoneError, RejectedError, StoreError
from revloop.evaluation import open_judge
from tests.helpers.judges import RuleJudge, always_first
from tests.helpers.scripted_engine import ScriptedEngine, plain
from tests.helpers.stub_server import CHAT, StubServer, chat_completion
from tests.test_reviser import CRITIQUE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from revloop import Draft, Trajectory, Version
    from revloop.engines import Completion, Request


def improving(request: Request) -> str:
    """A critique, or the draft's text with one more mark."""
    if request.stop:
        return CRITIQUE
    text = plain(request.prompt).rpartition("Draft")[2].splitlines()[0]
    return f"Draft{text}!"


def drafts(number: int) -> Iterator[dict[str, Any]]:
    return ({"id": f"d{n}", "response": f"Draft {n}"} for n in range(number))


def test_every_draft_gives_a_trajectory() -> None:
    found = {t.draft.id: t for t in revise_many(drafts(40), iterations=2, engine=engine())}
    assert set(found) == {f"d{n}" for n in range(40)}
    assert all(t.final == f"{t.original}!!" for t in found.values())


@pytest.mark.parametrize("one", ["Draft 1", {"response": "Draft 1"}, b"Draft 1"])
def test_one_draft_in_place_of_many_is_refused(one: Any) -> None:
    with pytest.raises(InputError, match="Many drafts are revised here"):
        list(revise_many(one, engine=engine()))


def test_a_table_in_place_of_its_rows_is_refused() -> None:
    table = pytest.importorskip("pyarrow").table({"response": ["Draft 1"]})
    with pytest.raises(InputError, match=r"give its rows, .* to_pylist\(\)"):
        list(revise_many(table, engine=engine()))
    assert list(revise_many(table.to_pylist(), iterations=1, engine=engine()))


async def test_arevise_many_takes_an_asynchronous_source() -> None:
    async def source() -> AsyncIterator[str]:
        for n in range(10):
            await anyio.lowlevel.checkpoint()
            yield f"Draft {n}"

    found = [t async for t in arevise_many(source(), iterations=1, engine=engine())]
    assert sorted(t.final for t in found) == [f"Draft {n}!" for n in range(10)]


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "in memory"])
def test_each_new_version_is_handed_to_the_caller_with_its_draft(
    tmp_path: Path, stored: bool
) -> None:
    store = tmp_path / "s.sqlite" if stored else None
    seen: dict[object, list[int]] = {}

    def on_version(draft: Draft, version: Version) -> None:
        seen.setdefault(draft.id, []).append(version.round)

    found = revise_many(
        drafts(3), iterations=2, on_version=on_version, engine=engine(), store=store
    )
    assert len(list(found)) == 3
    assert seen == {f"d{n}": [0, 1, 2] for n in range(3)}


def test_an_endless_source_is_read_only_as_far_as_needed() -> None:
    taken = itertools.count()

    def endless() -> Iterator[str]:
        while True:
            yield f"Draft {next(taken)}"

    found = revise_many(endless(), iterations=1, max_concurrency=4, engine=engine())
    assert len(list(itertools.islice(found, 10))) == 10
    assert next(taken) < 100


async def test_a_slow_consumer_slows_down_the_source() -> None:
    taken = itertools.count()
    endless = (f"Draft {n}" for n in taken)
    found = arevise_many(endless, iterations=1, max_concurrency=4, engine=engine())
    for _ in range(3):
        await anyio.sleep(0.3)  # the engine could revise hundreds of drafts meanwhile
        await anext(found)
    await found.aclose()
    assert next(taken) < 50


def test_leaving_early_closes_everything(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    found = revise_many(drafts(50), iterations=1, store=path, engine=engine())
    next(found)
    found.close()  # type: ignore[attr-defined] # it is a generator
    with Store.open(path) as store:
        assert store.runs()


async def test_a_cancelled_caller_closes_nothing_that_is_still_in_use() -> None:
    judge, asked, was_closed = RuleJudge(always_first), anyio.Event(), []

    class Lingering(ScriptedEngine):
        async def generate(self, _request: Request) -> Completion:
            asked.set()
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.02)
                was_closed.append(judge.is_closed)
            raise AssertionError

    async def opened() -> RuleJudge:
        await anyio.lowlevel.checkpoint()
        return judge

    async def call() -> None:
        many = arevise_many(drafts(2), engine=Lingering([]), keep="best", judge=opened)
        async for _ in many:
            pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await asked.wait()
        tasks.cancel_scope.cancel()
    assert set(was_closed) == {False}
    assert judge.is_closed


async def test_a_judges_server_that_stays_away_ends_the_call_and_the_same_call_resumes(
    tmp_path: Path,
) -> None:
    options: dict[str, Any] = {"iterations": 2, "keep": "best", "store": tmp_path / "s.sqlite"}
    options |= {"min_concurrency": 1, "max_concurrency": 1}
    retries = RetryPolicy(attempts=20, first_wait_s=0.01, wait_for_server_s=0.2)

    def many(address: str) -> AsyncIterator[Trajectory]:
        served = partial(open_judge, address, retries=retries)
        judges = (served, RuleJudge(always_first))
        return arevise_many(drafts(6), engine=engine(), judge=judges, **options)

    async with StubServer() as server:
        server.on(CHAT, chat_completion("Verdict: A"))
        running = many(server.base_url)
        await anext(running)
    with pytest.raises(EngineGoneError, match="The judge critic cannot be asked: The server was"):
        async for _ in running:
            pass
    with Store.open_to_read(tmp_path / "s.sqlite") as store:
        before = list(store.contents())
    assert not any(trajectory.failed for trajectory in before)
    async with StubServer(port=URL(server.base_url).port or 0) as server:
        server.on(CHAT, chat_completion("Verdict: A"))
        found = [trajectory async for trajectory in many(server.base_url)]
        asked = server.asked(CHAT)
    assert [trajectory.rounds for trajectory in found] == [2] * 6
    stored = sum(trajectory.rounds for trajectory in before)
    assert 0 < stored < 12
    assert len(asked) == 2 * (12 - stored)


def test_with_a_store_the_same_call_resumes(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    first = list(revise_many(drafts(10), iterations=2, store=path, engine=engine()))
    silent = ScriptedEngine([])
    again = list(revise_many(drafts(10), iterations=2, store=path, engine=silent))
    assert sorted(t.id for t in again) == sorted(t.id for t in first)
    assert silent.requests == []
    more = list(revise_many(drafts(12), iterations=3, store=path, engine=engine()))
    assert {t.rounds for t in more} == {3}
    assert len(more) == 12


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "in memory"])
def test_equal_drafts_are_given_each(tmp_path: Path, stored: bool) -> None:
    twins = [{"id": "a", "response": "Draft 1"}] * 5
    store = tmp_path / "s.sqlite" if stored else None
    found = list(revise_many(twins, iterations=2, engine=engine(), store=store))
    assert [t.final for t in found] == ["Draft 1!!"] * 5


def test_a_draft_whose_engine_fails_does_not_stop_the_others() -> None:
    def failing(request: Request) -> str | Exception:
        return RejectedError("no") if "Draft 3" in plain(request.prompt) else improving(request)

    found = list(revise_many(drafts(6), iterations=1, engine=ScriptedEngine(failing)))
    ends = {t.draft.id: t.end.reason for t in found if t.end}
    assert ends.pop("d3") is StopReason.REJECTED
    assert set(ends.values()) == {StopReason.ROUNDS_DONE}


def test_a_bad_draft_is_an_error_and_what_was_made_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    given = [*drafts(3), {"response": " "}]
    with pytest.raises(InputError, match="the response is empty"):
        list(revise_many(given, iterations=1, store=path, engine=engine()))
    with Store.open_to_read(path) as store:
        assert len(list(store.trajectories())) == 3


def test_a_source_that_fails_is_the_callers_error() -> None:
    def broken() -> Iterator[str]:
        yield "Draft 1"
        raise InputError("the tape is torn")

    with pytest.raises(InputError, match="the tape is torn"):
        list(revise_many(broken(), iterations=1, engine=engine()))


def test_a_store_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no folder"):
        list(revise_many(drafts(1), store=tmp_path / "no" / "s", engine=engine()))


@pytest.mark.parametrize(
    ("options", "said"),
    [({"iterations": 0}, "at least 1"), ({"min_concurrency": 9, "max_concurrency": 2}, "9 and 2")],
)
def test_options_out_of_range_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        list(revise_many(drafts(1), engine=engine(), **options))


async def test_more_requests_than_allowed_are_never_under_way() -> None:
    inside = most = 0

    class Slow(ScriptedEngine):
        async def generate(self, request: Request) -> Any:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await anyio.lowlevel.checkpoint()
            inside -= 1
            return await super().generate(request)

    found = [
        t
        async for t in arevise_many(
            drafts(30), iterations=2, max_concurrency=6, engine=Slow(improving)
        )
    ]
    assert (len(found), most) == (30, 6)


def engine() -> ScriptedEngine:
    return ScriptedEngine(improving)
