"""The load and the counters that an engine reports."""

from __future__ import annotations

import pytest

from revloop.engines import TransformersEngine
from revloop.engines.metrics import Counters, ReportsLoad, ServerLoad, read_counters, read_load
from revloop.errors import RejectedError
from tests.helpers.http_engines import BRIEF, PATIENT, ask, connected
from tests.helpers.scripted_engine import ScriptedEngine
from tests.helpers.stub_server import COMPLETIONS, StubServer, answer, completion, error, hang

METRICS = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="critic"} 12.0
vllm:num_requests_waiting{engine="0",model_name="critic"} 3.0
vllm:kv_cache_usage_perc{engine="0",model_name="critic"} 0.25
vllm:num_requests_running_total{engine="0"} 99.0
"""
COUNTED = """\
vllm:prompt_tokens_total{engine="0",model_name="critic"} 1200.0
vllm:prompt_tokens_created{engine="0",model_name="critic"} 1.7e+09
vllm:generation_tokens_total{engine="0",model_name="critic"} 300.0
vllm:prefix_cache_queries_total{engine="0",model_name="critic"} 1200.0
vllm:prefix_cache_hits_total{engine="0",model_name="critic"} 960.0
vllm:spec_decode_num_drafts_total{engine="0",model_name="critic"} 50.0
vllm:spec_decode_num_draft_tokens_total{engine="0",model_name="critic"} 400.0
vllm:spec_decode_num_accepted_tokens_total{engine="0",model_name="critic"} 140.0
vllm:num_preemptions_total{engine="0",model_name="critic"} 2.0
"""


def test_the_gauges_of_vllm_are_read() -> None:
    assert read_load(METRICS, 7) == ServerLoad(
        refused=7, running=12, waiting=3, kv_cache_share=0.25
    )


def test_several_engines_behind_one_server_are_added_up() -> None:
    more = METRICS.replace('"0"', '"1"').replace("0.25", "7.5e-01")
    assert read_load(METRICS + more, 0) == ServerLoad(0, running=24, waiting=6, kv_cache_share=0.75)


def test_the_size_of_the_kv_cache_is_read_from_its_blocks() -> None:
    info = 'vllm:cache_config_info{block_size="32",engine="0",num_gpu_blocks="16384"} 1.0\n'
    assert read_load(METRICS + info, 0).kv_cache_tokens == 524_288
    assert read_load(METRICS + info + info, 0).kv_cache_tokens == 2 * 524_288
    unknown = info.replace('"16384"', '"None"')
    assert read_load(METRICS + unknown, 0).kv_cache_tokens is None


def test_what_is_no_metrics_says_nothing() -> None:
    assert read_load("<html>", 2) == ServerLoad(refused=2)
    assert read_load("vllm:num_requests_running 1.2.3\n", 0) == ServerLoad(refused=0)


async def test_a_vllm_server_is_asked(vllm: StubServer) -> None:
    vllm.on("/metrics", answer(METRICS))
    async with connected(vllm) as engine:
        assert isinstance(engine, ReportsLoad)
        assert await engine.load() == ServerLoad(0, running=12, waiting=3, kv_cache_share=0.25)


async def test_a_vllm_server_that_keeps_its_metrics_to_itself_is_no_error(
    vllm: StubServer,
) -> None:
    async with connected(vllm) as engine:
        assert await engine.load() == ServerLoad(refused=0)


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


def test_transformers_does_not_tell() -> None:
    assert not issubclass(TransformersEngine, ReportsLoad)


def test_the_counters_of_vllm_are_read() -> None:
    assert read_counters(COUNTED) == Counters(
        prompt_tokens=1200,
        prefix_cache_queries=1200,
        prefix_cache_hits=960,
        generated_tokens=300,
        speculations=50,
        proposed_tokens=400,
        accepted_tokens=140,
        preemptions=2,
    )


def test_counters_of_several_engines_are_added_up() -> None:
    twice = read_counters(COUNTED + COUNTED.replace('"0"', '"1"'))
    assert twice is not None
    assert (twice.prompt_tokens, twice.accepted_tokens) == (2400, 280)


def test_what_has_no_counters_gives_none() -> None:
    assert read_counters(METRICS) is None


def test_counters_since_a_reading_are_what_came_after_it() -> None:
    before = Counters(prompt_tokens=10, generated_tokens=4)
    after = Counters(prompt_tokens=30, generated_tokens=5, preemptions=1)
    assert after.since(before) == Counters(prompt_tokens=20, generated_tokens=1, preemptions=1)


async def test_a_vllm_server_is_asked_for_its_counters(vllm: StubServer) -> None:
    vllm.on("/metrics", answer(COUNTED))
    async with connected(vllm) as engine:
        assert await engine.counters() == read_counters(COUNTED)


async def test_other_servers_have_no_counters(server: StubServer) -> None:
    async with connected(server) as engine:
        assert await engine.counters() is None


async def test_a_prefix_cache_is_emptied(vllm: StubServer) -> None:
    vllm.on("/reset_prefix_cache", answer({"success": True}))
    async with connected(vllm) as engine:
        await engine.reset_prefix_cache()
    assert len(vllm.asked("/reset_prefix_cache")) == 1


async def test_a_prefix_cache_in_use_is_told(vllm: StubServer) -> None:
    vllm.on("/reset_prefix_cache", answer({"success": False}))
    async with connected(vllm) as engine:
        with pytest.raises(RejectedError, match="running requests use it"):
            await engine.reset_prefix_cache()


async def test_a_server_that_cannot_empty_its_prefix_cache_is_told_how(
    vllm: StubServer,
) -> None:
    vllm.on("/reset_prefix_cache", error(404))
    async with connected(vllm) as engine:
        with pytest.raises(RejectedError, match="VLLM_SERVER_DEV_MODE=1"):
            await engine.reset_prefix_cache()
