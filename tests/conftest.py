"""Shared fixtures: one real vLLM server per session, engines of all kinds, real drafts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from revloop import AsyncReviser, Draft, Trajectory
from revloop.engines import Engine, HttpEngine, TransformersEngine, VllmEngine
from revloop.serving.guard import processes
from tests.helpers.repository import DATA, TINY_CRITIC, free_port, need_vllm
from tests.helpers.stub_server import StubServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

STOP_S = 90.0


# background jobs of a shell ignore Ctrl-C, and processes started by tests would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

# the same examples on every run; no failures on slow machines
hypothesis.settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("steady")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests by module for xdist; those that need vLLM form one group and run first.

    vLLM uses every core, and two instances on the same cores wait for each other.
    """

    def group(item: pytest.Item) -> str:
        fixtures: Sequence[str] = getattr(item, "fixturenames", ())
        is_on_vllm = item.get_closest_marker("vllm") or {"vllm_server", "engine_of"} & set(fixtures)
        return "vllm" if is_on_vllm else str(item.path)

    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(key=lambda item: group(item) != "vllm")


@dataclass(frozen=True)
class Served:
    """The session's vLLM server.

    Attributes:
        base_url: Its address.
        model: The name that it serves.
        log_path: vLLM's log.
    """

    base_url: str
    model: str
    log_path: Path


@dataclass(frozen=True)
class EngineAtHand:
    """An engine in its own event loop, for the whole session.

    Attributes:
        engine: The engine.
        portal: Runs coroutines in its event loop.
    """

    engine: Engine
    portal: BlockingPortal

    def revise(
        self, drafts: Sequence[Draft], *, iterations: int, **options: Any
    ) -> list[Trajectory]:
        """Revise drafts concurrently; return the trajectories in the order of the drafts."""
        return self.portal.call(_revise_all, self.engine, drafts, iterations, options)


async def _revise_all(
    engine: Engine, drafts: Sequence[Draft], iterations: int, options: dict[str, Any]
) -> list[Trajectory]:
    import anyio

    found: dict[str, Trajectory] = {}
    async with AsyncReviser(engine=engine, **options) as reviser, anyio.create_task_group() as all_:

        async def one(draft: Draft) -> None:
            found[draft.key] = await reviser.revise(draft, iterations=iterations)

        for draft in drafts:
            all_.start_soon(one, draft)
    return [found[draft.key] for draft in drafts]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REVLOOP_BASE_URL", "REVLOOP_API_KEY", "REVLOOP_MODEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def tiny_critic() -> Path:
    """The folder of a tiny Falcon that replies in the format of cnr to any text."""
    return TINY_CRITIC


@pytest.fixture(scope="session")
def workers(request: pytest.FixtureRequest) -> int:
    """The tensor-parallel size of the session's engines: 2 if long tests run, otherwise 1.

    With 1, vLLM leaves a core to the other tests. The demo in `tests/house/test_docs.py` uses 2.
    """
    is_long = any(item.get_closest_marker("slow") for item in request.session.items)
    return min(2, os.cpu_count() or 1) if is_long else 1


@pytest.fixture(scope="session")
def vllm_server(
    tmp_path_factory: pytest.TempPathFactory, tiny_critic: Path, workers: int
) -> Iterator[Served]:
    """A real vLLM server, started with `revloop serve` and stopped with SIGTERM."""
    need_vllm()
    log = tmp_path_factory.mktemp("vllm") / "server.log"
    port = free_port()
    command = [
        *(sys.executable, "-m", "revloop", "serve", str(tiny_critic)),
        *("--tensor-parallel-size", str(workers), "--port", str(port)),
        *("--served-model-name", "tiny-critic", "--eager", "--log", str(log)),
    ]
    environment = {
        **os.environ,
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_SERVER_DEV_MODE": "1",  # lets benchmarks empty the prefix cache
    }
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        announced = process.stdout.readline()
        if not announced:
            pytest.fail(f"`revloop serve` did not come up; the log: {log}")
        yield Served(announced.split()[-1], "tiny-critic", log)
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(STOP_S)
        assert process.stdout is not None
        process.stdout.close()
    left = [other for other in processes() if other.parent == process.pid]
    assert (status, left) == (128 + signal.SIGTERM, [])


@pytest.fixture(scope="session")
def engine_of(
    request: pytest.FixtureRequest, tiny_critic: Path, workers: int
) -> Iterator[Callable[[str], EngineAtHand]]:
    """Returns the session's engine of a kind (http, vllm, transformers)."""
    with start_blocking_portal() as portal:
        opened: dict[str, EngineAtHand] = {}

        async def start(kind: str) -> Engine:
            if kind == "transformers":
                return TransformersEngine.from_model(str(tiny_critic))
            if kind == "vllm":
                options = {"enforce_eager": True}
                return VllmEngine.from_model(
                    str(tiny_critic), tensor_parallel_size=workers, options=options
                )
            server: Served = request.getfixturevalue("vllm_server")
            return await HttpEngine.connect(server.base_url)

        def engine(kind: str) -> EngineAtHand:
            if kind == "vllm":
                need_vllm()
                os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
            if kind == "http":
                request.getfixturevalue("vllm_server")  # outside of the portal's thread
            if kind not in opened:
                opened[kind] = EngineAtHand(portal.call(start, kind), portal)
            return opened[kind]

        yield engine
        for at_hand in opened.values():
            portal.call(at_hand.engine.aclose)


@pytest.fixture
async def server() -> AsyncIterator[StubServer]:
    """A server with one model that reports nothing else."""
    async with StubServer() as server:
        yield server


@pytest.fixture
async def vllm() -> AsyncIterator[StubServer]:
    """A stand-in for a local vLLM server with the tiny critic."""
    async with StubServer(vllm_root=str(TINY_CRITIC), max_model_len=200) as server:
        yield server


@pytest.fixture(scope="session")
def fastchat() -> Callable[[str], list[Draft]]:
    """Drafts for FastChat's 80 questions, by the answering model."""

    def load(model: str) -> list[Draft]:
        path = DATA / "fastchat80" / f"{model}.jsonl"
        if not path.is_file():
            pytest.skip(f"there are no FastChat answers at {path.parent} (REVLOOP_TEST_DATA)")
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [
            Draft(id=str(row["id"]), prompt=row["prompt"], response=row["response"]) for row in rows
        ]

    return load
