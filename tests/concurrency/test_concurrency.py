"""Exceptions cross task groups, threads and event loops unchanged."""

from __future__ import annotations

import ast
import asyncio
import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from revloop.concurrency import LoopThread, run_in_thread, task_group
from revloop.errors import EngineError, InputError
from tests.helpers.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

MAKERS = {
    "BlockingPortal",
    "Executor",
    "TaskGroup",
    "Thread",
    "ThreadPoolExecutor",
    "create_task",
    "create_task_group",
    "start_blocking_portal",
    "start_new_thread",
}
"""Names that create task groups, tasks, threads and event loops in threads."""

ALLOWED = {
    "src/revloop/concurrency/tasks.py",
    "src/revloop/concurrency/loop_thread.py",
    "src/revloop/store/commits.py: Thread",  # commits until the store is closed
    "src/revloop/cli/counting.py: Thread",  # prints a count; has no waiter
    "src/revloop/batch/many.py: create_task",  # no task group may be open where a generator yields
    "src/revloop/distributed/actor.py: create_task",  # works for as long as the actor lives
    "benchmarks/ray_memory.py: Thread",  # samplers
    "benchmarks/stepping.py: Thread",
    "benchmarks/tracing.py: Thread",  # a collector that takes everything
    "benchmarks/versus/sides.py: Thread",
}


async def fail(error: BaseException) -> None:
    await anyio.lowlevel.checkpoint()
    raise error


async def grouped(*functions: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async with task_group() as tasks:
        for function in functions:
            tasks.start_soon(function)


class TestTaskGroup:
    async def test_the_first_error_of_a_task_comes_out_unwrapped(self) -> None:
        error = EngineError("first")
        with pytest.raises(EngineError, match="first") as caught:
            await grouped(partial(fail, error), partial(anyio.sleep, 60))
        assert caught.value is error

    async def test_an_error_of_the_block_comes_out_unwrapped(self) -> None:
        async def work() -> None:
            async with task_group() as tasks:
                tasks.start_soon(anyio.sleep, 60)
                await fail(KeyError("block"))

        with pytest.raises(KeyError, match="block"):
            await work()

    async def test_groups_in_groups_are_unwrapped(self) -> None:
        async def inner() -> None:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(fail, EngineError("deep"))

        with pytest.raises(EngineError, match="deep"):
            await grouped(inner)

    async def test_the_cause_of_an_error_is_kept(self) -> None:
        async def translate() -> None:
            try:
                await fail(ValueError("foreign"))
            except ValueError as exc:
                raise EngineError("ours") from exc

        with pytest.raises(EngineError, match="ours") as caught:
            await grouped(translate)
        assert isinstance(caught.value.__cause__, ValueError)

    async def test_cancelling_from_outside_is_no_error(self) -> None:
        with anyio.move_on_after(0.01) as scope:
            async with task_group() as tasks:
                tasks.start_soon(anyio.sleep, 60)
        assert scope.cancelled_caught

    async def test_a_task_that_is_cancelled_by_asyncio_stays_cancelled(self) -> None:
        async def work() -> None:
            async with task_group() as tasks:
                tasks.start_soon(anyio.sleep, 60)

        task = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class TestRunInThread:
    @pytest.mark.parametrize(
        "error", [EngineError("ours"), SystemExit(3), KeyboardInterrupt(), MemoryError("all gone")]
    )
    async def test_whatever_is_raised_reaches_the_waiter(self, error: BaseException) -> None:
        def work() -> None:
            raise error

        with pytest.raises(type(error)) as caught:
            await run_in_thread(work)
        assert caught.value is error

    async def test_a_stop_iteration_reaches_the_waiter_as_an_error(self) -> None:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await run_in_thread(iter(()).__next__)

    async def test_a_cancelled_waiter_leaves_the_thread_behind(self) -> None:
        let_go, began = threading.Event(), threading.Event()

        def work() -> None:
            began.set()
            let_go.wait()

        with anyio.move_on_after(0.05) as scope:
            await run_in_thread(work)
        assert scope.cancelled_caught
        assert began.is_set()
        let_go.set()

    async def test_the_thread_does_not_keep_python_from_exiting(self) -> None:
        assert await run_in_thread(lambda: threading.current_thread().daemon)


class TestLoopThread:
    def test_a_result_and_an_error_come_back(self) -> None:
        async def double(number: int) -> int:
            await anyio.lowlevel.checkpoint()
            return 2 * number

        with LoopThread() as loop:
            assert loop.call(double, 21) == 42
            with pytest.raises(EngineError, match="gone"):
                loop.call(fail, EngineError("gone"))
            assert loop.call(double, 1) == 2  # it runs on

    @pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
    def test_what_ends_a_program_comes_back_too(self, error: BaseException) -> None:
        def call() -> None:
            with LoopThread() as loop:
                loop.call(fail, error)

        with pytest.raises(type(error)):
            call()

    @pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
    def test_what_ends_a_program_comes_back_from_a_task_of_a_group(
        self, error: BaseException
    ) -> None:
        async def work() -> None:
            async with task_group() as tasks:
                tasks.start_soon(fail, error)
                await anyio.sleep(60)

        def call() -> None:
            with LoopThread() as loop:
                loop.call(work)

        with pytest.raises(type(error)):
            call()

    def test_an_interrupted_call_is_cancelled_before_it_is_left(self) -> None:
        left = threading.Event()

        async def work() -> None:
            threading.Timer(0.05, os.kill, (os.getpid(), 2)).start()
            try:
                await anyio.sleep(60)
            finally:
                left.set()

        def call() -> None:
            with LoopThread() as loop:
                loop.call(work)

        with pytest.raises(KeyboardInterrupt):
            call()
        assert left.is_set()

    def test_a_loop_that_was_left_runs_no_more(self) -> None:
        with LoopThread() as loop:
            pass
        with pytest.raises(InputError, match="not running"):
            loop.call(anyio.sleep, 0)

    def test_leaving_waits_for_the_thread(self) -> None:
        before = threading.active_count()
        with LoopThread() as loop:
            loop.call(anyio.sleep, 0)
        give_up = time.monotonic() + 10
        while threading.active_count() > before and time.monotonic() < give_up:
            time.sleep(0.001)
        assert threading.active_count() <= before


def made_in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(node, ast.ClassDef):
            called = next(iter(node.bases), None)
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
        if name in MAKERS or (called is not None and ast.unparse(called) == "asyncio.gather"):
            yield str(name)


def test_only_one_module_makes_task_groups_threads_and_loops() -> None:
    """Otherwise an error arrives wrapped, or a caller waits forever."""
    files = [*REPOSITORY.glob("src/**/*.py"), *REPOSITORY.glob("benchmarks/**/*.py")]
    found = {
        f"{file.relative_to(REPOSITORY).as_posix()}: {name}"
        for file in files
        if "baselines" not in file.parts  # programs as a user would write them
        for name in made_in(file)
    }
    assert {one for one in found if one.split(":")[0] not in ALLOWED} <= ALLOWED


def test_the_search_finds_what_it_is_for(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("import anyio\nasync def f():\n    async with anyio.create_task_group(): ...\n")
    assert list(made_in(file)) == ["create_task_group"]
    file.write_text("import threading\nclass Sampler(threading.Thread): ...\n")
    assert list(made_in(file)) == ["Thread"]
