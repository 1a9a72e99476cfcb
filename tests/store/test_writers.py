"""Two writers of one store agree, whatever name each uses for the file."""

from __future__ import annotations

import asyncio
import itertools
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from revloop import AsyncReviser, Draft, InputError, Store, StoreError, Trajectory
from revloop.files.store_files import batch_lock, canonical_path
from tests.helpers.command_line import revloop, start
from tests.helpers.deterministic_server import text_after
from tests.helpers.running_batch import Server, answering_server, ended, work_in
from tests.helpers.scripted_engine import ScriptedEngine, cnr_critique, cnr_rounds, plain
from tests.helpers.stored import append
from tests.store.test_store import DONE, begin, filled_store, stored, version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from revloop.engines.base import Request

DRAFT = Draft(id="d", prompt="Count.", response="0")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "versions.sqlite"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with answering_server() as server:
        yield server


def chatty() -> ScriptedEngine:
    """An engine that never gives the same reply twice."""
    count = itertools.count(1)

    def reply(request: Request) -> str:
        asks_for_critique = plain(request.prompt).endswith("### Critique:\n")
        return cnr_critique() if asks_for_critique else f"text {next(count)}"

    return ScriptedEngine(reply)


async def revise_at_once(path: Path, *iterations: int, engine: Any = None) -> list[Trajectory]:
    """The same draft several times concurrently, with one reviser."""
    made: dict[int, Trajectory] = {}
    seen: dict[int, list[int]] = {place: [] for place in range(len(iterations))}

    async with AsyncReviser(engine=engine or chatty(), store=path, temperature=1.0) as reviser:

        async def one(place: int) -> None:
            made[place] = await reviser.revise(
                DRAFT,
                iterations=iterations[place],
                on_version=lambda version: seen[place].append(version.round),
            )

        async with anyio.create_task_group() as tasks:
            for place in range(len(iterations)):
                tasks.start_soon(one, place)
    for place, rounds in enumerate(iterations):  # what was there at its start is not new to it
        assert seen[place] == list(range(rounds + 1 - len(seen[place]), rounds + 1))
    return [made[place] for place in range(len(iterations))]


class TestTheSameDraftTwice:
    async def test_in_one_task_group_both_get_the_trajectory_that_is_stored(
        self, path: Path
    ) -> None:
        made = await revise_at_once(path, 3, 3, 3)
        assert [one.rounds for one in made] == [3, 3, 3]
        (kept,) = stored(path)
        assert {one.versions for one in made} == {kept.versions}

    async def test_whoever_wants_fewer_rounds_leaves_the_others_end_alone(self, path: Path) -> None:
        made = await revise_at_once(path, 1, 4)
        assert [one.rounds for one in made] == [1, 4]
        assert made[0].versions == made[1].versions[:2]
        (kept,) = stored(path)
        assert (kept.versions, kept.end) == (made[1].versions, made[1].end)

    async def test_revisers_with_connections_of_their_own_agree_too(self, path: Path) -> None:
        revisers = [
            AsyncReviser(engine=chatty(), store=name, temperature=1.0)
            for name in (path, link_to(path, path.with_name("link")))
        ]
        for reviser in revisers:
            await reviser.__aenter__()
        made = await asyncio.gather(*(one.revise(DRAFT, iterations=5) for one in revisers))
        for reviser in revisers:
            await reviser.__aexit__(None, None, None)
        (kept,) = stored(path)
        assert [one.versions for one in made] == [kept.versions] * 2

    async def test_what_one_has_not_waited_for_is_not_asked_again(self, path: Path) -> None:
        slow, fast = chatty(), chatty()
        async with (
            AsyncReviser(engine=slow, store=path, temperature=1.0) as behind,
            AsyncReviser(engine=fast, store=path, temperature=1.0) as ahead,
        ):
            trajectory = await behind.begin(DRAFT)
            whole = await ahead.revise(DRAFT, iterations=4)
            late = await behind.resume(trajectory, engine=slow, iterations=4)
        assert late.versions == whole.versions
        assert len(slow.requests) == 0  # version 0 was there already, and so were all later ones

    @pytest.mark.parametrize("names", ["one", "links", "folders"])
    async def test_in_three_processes_all_get_the_trajectory(
        self, server: Server, path: Path, names: str
    ) -> None:
        await server.tell("/session")
        stores = {"one": [path] * 3, "links": links(path), "folders": folders(path)}[names]
        options = ("--base-url", server.base_url, "-n", "5", "--json", "--id", "d")
        processes = [
            await start("revise", "Draft 1", "--store", str(store), *options) for store in stores
        ]
        finished = [await ended(process) for process in processes]
        assert [(one.code, one.err) for one in finished] == [(0, one.err) for one in finished]
        (kept,) = stored(path)
        assert [Trajectory.model_validate_json(one.out) for one in finished] == [kept] * 3
        assert kept.final == text_after("Draft 1", kept.rounds)

    def test_the_version_committed_first_is_kept(self, path: Path) -> None:
        with Store.open(path) as one, Store.open(path) as other:
            entry, same = begin(one), begin(other)
            append(entry, version(0, "first"))
            append(same, version(0, "second"))
            assert [each.text for each in begin(other).versions] == ["first"]

    async def test_an_end_before_rounds_that_another_has_added_is_not_stored(
        self, path: Path
    ) -> None:
        with Store.open(path) as store:
            behind = begin(store)
            for number in range(2):
                await behind.append(version(number))
            ahead = begin(store)
            await ahead.append(version(2))
            await behind.finish(DONE)
            assert stored(path)[0].end is None
            await ahead.finish(DONE)
            assert stored(path)[0].end == DONE

    async def test_writers_that_begin_a_store_with_different_settings_are_refused(
        self, server: Server, path: Path
    ) -> None:
        await server.tell("/session")
        options = ("--store", str(path), "--base-url", server.base_url, "-n", "1")
        processes = [
            await start("revise", "Draft 1", *options, "--seed", str(seed)) for seed in range(3)
        ]
        finished = sorted([(await ended(one)) for one in processes], key=lambda one: one.code)
        assert [one.code for one in finished] == [0, 5, 5]
        assert all("a run with other settings" in one.err for one in finished[1:])


def link_to(path: Path, link: Path) -> Path:
    link.symlink_to(path)
    return link


def links(path: Path) -> list[Path]:
    """A new store by its name, a symbolic link and a link to that."""
    first = link_to(path, path.with_name("link"))
    return [path, first, link_to(first, path.with_name("again"))]


def folders(path: Path) -> list[Path]:
    """A new store through its folder, a link to the folder, and a detour."""
    link_to(path.parent, path.parent / "here")
    return [path, path.parent / "here" / path.name, path.parent / "here" / "here" / path.name]


def hard_links(path: Path) -> list[Path]:
    """A store by two names that are both its own."""
    filled_store(path, rounds=1)
    other = path.with_name("a second name.sqlite")
    os.link(path, other)
    return [path, other]


@pytest.mark.parametrize("names", [links, folders, hard_links])
class TestTheFileItself:
    def test_is_the_same_by_every_name(
        self, path: Path, names: Callable[[Path], list[Path]]
    ) -> None:
        assert len({canonical_path(name) for name in names(path)}) == 1

    def test_two_connections_by_different_names_share_one_log(
        self, path: Path, names: Callable[[Path], list[Path]]
    ) -> None:
        one_name, *_, other_name = names(path)
        with Store.open(one_name) as one, Store.open(other_name) as other:
            for number in range(10, 20):
                for store in (one, other):
                    draft = Draft(id=f"{id(store)} {number}", response="a")
                    append(begin(store, draft), version(0))
            seen = [{t.id for t in store.trajectories()} for store in (one, other)]
        assert seen[0] == seen[1] == {t.id for t in stored(path)}
        assert len(seen[0]) >= 20
        assert len(list(path.parent.glob("*-wal"))) == 0

    def test_is_locked_by_every_name(self, path: Path, names: Callable[[Path], list[Path]]) -> None:
        one_name, *_, other_name = names(path)
        with (
            batch_lock(one_name),
            pytest.raises(StoreError, match="Another batch is running on"),
            batch_lock(other_name),
        ):
            pass


async def test_a_second_batch_by_another_name_is_refused(server: Server, tmp_path: Path) -> None:
    work = work_in(tmp_path / "work", 20)
    link = link_to(work.store, tmp_path / "link.sqlite")
    await server.tell("/session", after=10**9)
    first = await work.begin(server)
    await server.until_asked(1)
    options = ("--store", str(link), "--base-url", server.base_url)
    second = await revloop(
        "batch", "drafts.jsonl", str(tmp_path / "two.jsonl"), *options, folder=work.folder
    )
    assert second.code == 5
    assert "Another batch is running on" in second.err
    await server.tell("/victim", pid=0)
    assert (await ended(first)).code == 0


class TestAHardLinkInAnotherFolder:
    @pytest.fixture
    def linked(self, path: Path) -> Path:
        filled_store(path, rounds=1)
        (path.parent / "elsewhere").mkdir()
        os.link(path, path.parent / "elsewhere" / "backup.sqlite")
        return path

    def test_is_refused_to_a_writer_with_the_way_out(self, linked: Path) -> None:
        with pytest.raises(StoreError, match=r"hard link in another folder.*cp .* && mv "):
            Store.open(linked)

    def test_is_read(self, linked: Path) -> None:
        assert stored(linked) == stored(linked.parent / "elsewhere" / "backup.sqlite")
        assert len(stored(linked)) == 1


def test_the_name_that_has_a_log_is_used(path: Path) -> None:
    """A link that comes before it by name, made after a kill, does not hide what is in the log."""
    filled_store(path, rounds=1)
    with Store.open(path) as store:
        append(begin(store), version(2))
        os.link(path, path.with_name("a earlier by name"))
        with Store.open(path.with_name("a earlier by name")) as other:
            assert begin(other).versions[-1].round == 2


@pytest.mark.parametrize("open_", [Store.open, Store.open_to_read])
def test_a_ring_of_links_is_refused(path: Path, open_: Any) -> None:
    path.symlink_to(path.with_name("other"))
    path.with_name("other").symlink_to(path)
    with pytest.raises(StoreError, match=r"links lead nowhere|There is no store"):
        open_(path)


async def test_another_text_under_the_same_id_is_refused_while_the_first_is_under_way(
    path: Path,
) -> None:
    engine = ScriptedEngine(cnr_rounds("b"))
    async with AsyncReviser(engine=engine, store=path) as reviser:
        await reviser.begin(DRAFT)
        other = partial(reviser.begin, DRAFT.model_copy(update={"response": "other"}))
        with pytest.raises(InputError, match="another draft with the id"):
            await other()
