"""Whether two engines ask the same model."""

from __future__ import annotations

import pytest
from yarl import URL

from revloop.engines import HttpEngine
from revloop.engines.sameness import is_same_model
from revloop.engines.wrapper import EngineWrapper
from revloop.trajectory import EngineInfo
from tests.helpers.scripted_engine import ScriptedEngine
from tests.helpers.stub_server import StubServer


async def test_a_model_of_a_server_is_the_same_under_each_of_its_addresses() -> None:
    async with StubServer(models=("one", "two")) as server:
        local = f"http://localhost:{URL(server.base_url).port}/v1"
        one, again, two = [
            await HttpEngine.connect(address, model=model)
            for address, model in ((server.base_url, "one"), (local, "one"), (local, "two"))
        ]
        assert is_same_model(one, again)
        assert not is_same_model(one, two)
        for engine in (one, again, two):
            await engine.aclose()


async def test_a_model_of_the_same_name_at_another_server_is_another_one() -> None:
    async with StubServer() as server, StubServer() as other:
        engines = [await HttpEngine.connect(each.base_url) for each in (server, other)]
        assert not is_same_model(*engines)
        for engine in engines:
            await engine.aclose()


def test_an_engine_is_the_same_within_a_wrapper() -> None:
    engine = ScriptedEngine([])
    assert is_same_model(EngineWrapper(engine), engine)  # type: ignore[arg-type] # it generates nothing


@pytest.mark.parametrize(("kind", "same"), [("transformers", True), ("scripted", False)])
def test_a_folder_in_this_process_is_one_model_and_of_unknown_engines_nothing_is_known(
    kind: str, same: bool
) -> None:
    engines = [ScriptedEngine([], info=EngineInfo(kind=kind, model="folder")) for _ in range(2)]
    assert is_same_model(*engines) is same
