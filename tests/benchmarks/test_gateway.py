"""The load of `benchmarks/gateway.py` is answered, by the gateway and by the loop alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.controller import stub
from benchmarks.gateway import answered, loop_alone
from revloop.store import Store

if TYPE_CHECKING:
    from pathlib import Path


async def test_both_sides_do_the_same_work(tmp_path: Path) -> None:
    with stub() as server:
        assert await answered(server.base_url, tmp_path / "gateway.sqlite", 5) > 0
        assert await loop_alone(server.base_url, tmp_path / "loop.sqlite", 5) > 0
    for name in ("gateway", "loop"):
        with Store.open_to_read(tmp_path / f"{name}.sqlite") as store:
            assert [one.rounds for one in store.trajectories()] == [1] * 5
