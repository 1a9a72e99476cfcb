"""A fine-tuned critic with merged adapters on a real vLLM server."""

from __future__ import annotations

import importlib.util
import socket
from typing import TYPE_CHECKING

import pytest

from revloop.engines import HttpEngine, Request
from revloop.finetune import finetune, with_changes
from revloop.serving import ServerOptions, VllmServer
from revloop.trajectory import Sampling
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.tiny_falcon import QUICK_LORA, write_records

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.vllm
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
async def test_a_merged_critic_is_served(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    records = write_records(tmp_path / "records.jsonl")
    settings = with_changes(QUICK_LORA, precision="bf16", epochs=1)
    done = finetune(records, str(TINY_CRITIC), tmp_path / "run", settings)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ServerOptions(
        model=str(done.model), tensor_parallel_size=workers, port=port, enforce_eager=True
    )
    with VllmServer(options) as server:
        engine = await HttpEngine.connect(server.base_url)
        answer = await engine.generate(Request("### Prompt:\n", Sampling(), max_tokens=8))
        await engine.aclose()
    assert answer.usage.generated_tokens > 0
