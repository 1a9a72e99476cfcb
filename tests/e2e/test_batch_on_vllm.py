"""`revloop batch` over a real vLLM server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.helpers.command_line import revloop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from revloop import Draft
    from tests.conftest import Served

pytestmark = pytest.mark.vllm

ROUNDS = 2


async def assert_revised(drafts: list[Draft], folder: Path, server: Served) -> None:
    """A batch of drafts gives as many trajectories in their order, with versions in them."""
    lines = [draft.model_dump_json(exclude_none=True, exclude={"extra"}) for draft in drafts]
    (folder / "drafts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = ("batch", "drafts.jsonl", "out.jsonl", "--iterations", str(ROUNDS))
    finished = await revloop(
        *command, folder=folder, environment={"REVLOOP_BASE_URL": server.base_url}
    )
    assert finished.code in {0, 4}, finished.err
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_bytes().splitlines()]
    assert [row["draft"]["id"] for row in rows] == [draft.id for draft in drafts]
    for row in rows:
        assert row["end"]["reason"] != "engine_failed"  # long texts may find too little room
        if row["end"]["reason"] == "rounds_done":
            assert [version["round"] for version in row["versions"]] == list(range(ROUNDS + 1))
    assert sum(len(row["versions"]) > 1 for row in rows) > len(rows) / 2


async def test_a_few_answers_of_chatgpt_are_revised_in_their_order(
    fastchat: Callable[[str], list[Draft]], tmp_path: Path, vllm_server: Served
) -> None:
    await assert_revised(fastchat("chatgpt")[:8], tmp_path, vllm_server)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["chatgpt", "bard", "vicuna-13b"])
async def test_all_80_answers_of_a_model_are_revised_in_their_order(
    fastchat: Callable[[str], list[Draft]], tmp_path: Path, vllm_server: Served, model: str
) -> None:
    await assert_revised(fastchat(model), tmp_path, vllm_server)
