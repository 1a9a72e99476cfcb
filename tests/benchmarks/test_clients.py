"""A small run of the comparison of HTTP clients."""

from __future__ import annotations

from benchmarks import clients
from benchmarks.controller import stub


def test_every_client_is_compared_on_both_event_loops() -> None:
    with stub() as server:
        found = clients.compare(server.base_url, 8, 1, is_stub=True)
    assert found.keys() == {
        name + loop for name in clients.CLIENTS for loop in ("", clients.UVLOOP)
    }
    for figures in found.values():
        assert figures["requests_per_s"]["median"] > 0
        assert figures["cpu_ms_per_request"]["median"] > 0


def test_revloop_itself_runs_on_both_event_loops() -> None:
    found = clients.compare_loops(drafts=2, repeats=1)
    assert {
        name: bool(figures["cpu_ms_per_version"]["median"]) for name, figures in found.items()
    } == {"asyncio": True, "uvloop": True}


def test_requests_on_a_real_server_have_exact_lengths() -> None:
    (body,) = clients.requests(1, is_stub=False)
    assert body["min_tokens"] == body["max_tokens"] == clients.GENERATED_TOKENS
    assert body["ignore_eos"] is True
