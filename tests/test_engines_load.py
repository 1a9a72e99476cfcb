"""How busy an engine says it is."""

from __future__ import annotations

from http_at_hand import BRIEF, PATIENT, ask, connected
from revloop.engines.load import Load, ReportsLoad, read_load
from scripted_engine import ScriptedEngine
from stub_server import COMPLETIONS, StubServer, answer, completion, error, hang

METRICS = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="critic"} 12.0
vllm:num_requests_waiting{engine="0",model_name="critic"} 3.0
vllm:kv_cache_usage_perc{engine="0",model_name="critic"} 0.25
vllm:num_requests_running_total{engine="0"} 99.0
"""


def test_the_gauges_of_vllm_are_read() -> None:
    assert read_load(METRICS, 7) == Load(refused=7, running=12, waiting=3, kv_cache_share=0.25)


def test_several_engines_behind_one_server_are_added_up() -> None:
    more = METRICS.replace('"0"', '"1"').replace("0.25", "7.5e-01")
    assert read_load(METRICS + more, 0) == Load(0, running=24, waiting=6, kv_cache_share=0.75)


def test_what_is_no_metrics_says_nothing() -> None:
    assert read_load("<html>", 2) == Load(refused=2)
    assert read_load("vllm:num_requests_running 1.2.3\n", 0) == Load(refused=0)


async def test_a_vllm_server_is_asked(vllm: StubServer) -> None:
    vllm.on("/metrics", answer(METRICS))
    async with connected(vllm) as engine:
        assert isinstance(engine, ReportsLoad)
        assert await engine.load() == Load(0, running=12, waiting=3, kv_cache_share=0.25)


async def test_a_vllm_server_that_keeps_its_metrics_to_itself_is_no_error(
    vllm: StubServer,
) -> None:
    async with connected(vllm) as engine:
        assert await engine.load() == Load(refused=0)


async def test_other_servers_are_not_asked(server: StubServer) -> None:
    async with connected(server) as engine:
        await engine.load()
    assert server.asked("/metrics") == []


async def test_what_a_server_turned_away_is_counted(server: StubServer) -> None:
    server.on(COMPLETIONS, error(429), error(503), error(500), completion())
    async with connected(server, retries=PATIENT) as engine:
        await engine.generate(ask())
        assert (await engine.load()).refused == 2


async def test_what_was_not_answered_in_time_is_counted(server: StubServer) -> None:
    server.on(COMPLETIONS, hang(), completion())
    async with connected(server, deadlines=BRIEF) as engine:
        await engine.generate(ask())
        assert (await engine.load()).refused >= 1


def test_an_engine_of_ones_own_need_not_tell() -> None:
    assert not isinstance(ScriptedEngine([]), ReportsLoad)
