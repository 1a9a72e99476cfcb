"""Make trajectories of the demo critic on a server that drafts tokens; its counters."""

from __future__ import annotations

import re
import urllib.request
from typing import TYPE_CHECKING

import anyio

from revloop import arevise_many
from revloop.demo import CRITIC_FOLDER, demo_drafts
from revloop.engines import open_engine
from revloop.options import EngineOptions
from revloop.serving import ServerOptions, VllmServer

if TYPE_CHECKING:
    from pathlib import Path

METRICS = ("drafts", "draft_tokens", "accepted_tokens")


def make_store(store: Path, drafts: int, rounds: int) -> dict[str, float]:
    """Revise held-out drafts into a store, for all rounds, with tokens drafted from n-grams.

    Returns:
        The server's counters: drafts, drafted tokens, accepted tokens.
    """
    options = ServerOptions(
        model=str(CRITIC_FOLDER),
        served_model_name="critic",
        enforce_eager=True,
        speculate="ngram",
        log_path=store.with_suffix(".log"),
    )
    with VllmServer(options) as server:
        anyio.run(_revise_all, server.base_url, store, drafts, rounds)
        with urllib.request.urlopen(f"{server.base_url}/metrics") as reply:
            return read_counts(reply.read().decode())


def read_counts(metrics: str) -> dict[str, float]:
    """The counters of drafted tokens in a vLLM server's metrics."""
    counts = {}
    for name in METRICS:
        pattern = rf"^vllm:spec_decode_num_{name}_total\S* (\S+)"
        counts[name] = sum(map(float, re.findall(pattern, metrics, re.MULTILINE)))
    return counts


async def _revise_all(base_url: str, store: Path, drafts: int, rounds: int) -> None:
    options = EngineOptions(base_url=base_url, model="critic", tokenizer=str(CRITIC_FOLDER))
    engine = await open_engine(options, shipped_critic=CRITIC_FOLDER)
    try:
        revised = arevise_many(
            demo_drafts(drafts, seed=1),
            iterations=rounds,
            engine=engine,
            store=store,
            early_stop=False,
        )
        async for _ in revised:
            pass
    finally:
        await engine.aclose()
