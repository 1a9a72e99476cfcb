"""The Python API: what it takes, what it returns, and what it stores."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest

from revloop import (
    AsyncReviser,
    Draft,
    InputError,
    PromptSetError,
    Reviser,
    RevloopWarning,
    StopReason,
    Store,
    StoreError,
    Trajectory,
    Version,
    arevise,
    revise,
)
from revloop.errors import ModelConfigError, RejectedError, RunMismatchError, UnreachableError
from tests.helpers.judges import RuleJudge, always_first
from tests.helpers.repository import REPOSITORY
from tests.helpers.scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from revloop.engines import Request

CRITIQUE = "Overall score: 4\nPositive aspects: It is short.\nNegative aspects: It is vague."
DRAFT = {"id": "d1", "prompt": "Why?", "response": "Because.", "category": "short"}


def counting() -> Callable[[Request], str]:
    """A script that criticises, and revises into "Better 1.", "Better 2." and so on."""
    numbers = itertools.count(1)

    def answer(request: Request) -> str:
        return CRITIQUE if request.stop else f"Better {next(numbers)}."

    return answer


def failing_from(round_: int) -> Callable[[Request], str | Exception]:
    """As ``counting``, but the engine fails from some round on."""
    answer, asked = counting(), itertools.count()

    def reply(request: Request) -> str | Exception:
        return RejectedError("gone") if next(asked) >= 2 * (round_ - 1) else answer(request)

    return reply


def test_a_response_alone_is_revised_five_times() -> None:
    trajectory = revise("Because.", engine=ScriptedEngine(counting()))
    texts = [version.text for version in trajectory.versions]
    assert texts == ["Because.", *(f"Better {n}." for n in range(1, 6))]
    assert trajectory.final == "Better 5."
    assert trajectory.original == "Because."
    assert trajectory.end is not None
    assert trajectory.end.reason is StopReason.ROUNDS_DONE


def test_a_prompt_may_be_a_text_or_messages() -> None:
    engine = ScriptedEngine(counting())
    messages = [
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Why?"},
    ]
    revise("Because.", prompt="Why so?", iterations=1, engine=engine)
    revise("Because.", prompt=messages, iterations=1, engine=engine)
    assert "### Prompt:\nWhy so?\n" in engine.prompts[0]
    assert "### Prompt:\nUser: Hello?\n\nAssistant: Yes?\n\nUser: Why?\n" in engine.prompts[2]


def test_a_draft_brings_its_id_and_carries_its_other_fields() -> None:
    trajectory = revise(DRAFT, iterations=1, engine=ScriptedEngine(counting()))
    assert (trajectory.draft.id, trajectory.draft.extra) == ("d1", {"category": "short"})


def test_a_trajectory_survives_json() -> None:
    trajectory = revise(DRAFT, iterations=2, engine=ScriptedEngine(counting()))
    assert Trajectory.model_validate_json(trajectory.model_dump_json()) == trajectory


def test_on_version_is_called_with_each_version() -> None:
    told: list[Version] = []
    trajectory = revise(
        DRAFT, iterations=2, on_version=told.append, engine=ScriptedEngine(counting())
    )
    assert tuple(told) == trajectory.versions


async def test_it_works_while_an_event_loop_is_running() -> None:
    assert revise("Because.", iterations=1, engine=ScriptedEngine(counting())).final == "Better 1."


async def test_arevise_gives_the_same() -> None:
    trajectory = await arevise(DRAFT, iterations=2, engine=ScriptedEngine(counting()))
    twin = revise(DRAFT, iterations=2, engine=ScriptedEngine(counting()))
    assert trajectory.id == twin.id
    assert [v.text for v in trajectory.versions] == [v.text for v in twin.versions]


def test_a_reviser_can_be_used_again_and_again() -> None:
    with Reviser(engine=ScriptedEngine(counting())) as reviser:
        first = reviser.revise("One.", iterations=1)
        second = reviser.revise("Two.", iterations=1)
    assert (first.final, second.final) == ("Better 1.", "Better 2.")


def test_a_reviser_that_is_not_open_says_how_to_open_it() -> None:
    with pytest.raises(InputError, match="'with' statement"):
        Reviser(engine=ScriptedEngine(counting())).revise("Because.")


def test_same_input_settings_seed_and_engine_give_the_same_id() -> None:
    ids = {revise(DRAFT, iterations=1, engine=ScriptedEngine(counting())).id for _ in range(2)}
    other_seed = revise(DRAFT, iterations=1, seed=1, engine=ScriptedEngine(counting())).id
    other_text = revise({**DRAFT, "response": "So."}, engine=ScriptedEngine(counting())).id
    assert len(ids) == 1
    assert len({*ids, other_seed, other_text}) == 3


@pytest.mark.parametrize("response", ["", "  \n", {"prompt": "Why?"}, {"response": 7}, 7, None])
def test_a_response_that_is_none_is_refused(response: str) -> None:
    with pytest.raises(InputError, match=r"response"):
        revise(response, engine=ScriptedEngine(counting()))


@pytest.mark.parametrize("iterations", [0, -1])
def test_fewer_than_one_round_are_refused(iterations: int) -> None:
    with pytest.raises(InputError, match="at least 1"):
        revise("Because.", iterations=iterations, engine=ScriptedEngine(counting()))


@pytest.mark.parametrize(
    ("given", "meant"), [("temprature", "temperature"), ("itrations", "iterations")]
)
def test_an_unknown_option_is_refused_with_the_one_that_is_meant(given: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"no option '{given}'. Did you mean '{meant}'"):
        revise("Because.", **{given: 1})  # type: ignore[arg-type] # the very mistake


@pytest.mark.parametrize("name", ["engine", "editor"])
def test_an_address_in_place_of_an_engine_is_told(name: str) -> None:
    options = {"engine": ScriptedEngine(counting()), name: "http://127.0.0.1:9"}
    with pytest.raises(InputError, match=f"{name} is a str, not an engine: .* base_url="):
        revise("Because.", **options)  # type: ignore[arg-type] # the very mistake


def test_a_function_in_place_of_a_judge_is_told() -> None:
    def longer(_draft: Draft, first: str, second: str) -> str:
        return max(first, second, key=len)

    for judge in (longer, lambda: 5):
        with pytest.raises(InputError, match=r"is no judge, .* partial\(open_judge, "):
            revise(
                "Because.",
                engine=ScriptedEngine(counting()),
                keep="gate",
                judge=judge,  # type: ignore[arg-type] # the very mistake
            )


def test_no_checks_may_be_none() -> None:
    engine = ScriptedEngine(counting())
    assert revise("Because.", iterations=1, engine=engine, checks=None).rounds  # type: ignore[arg-type]


def test_an_option_of_a_call_is_no_option_of_a_reviser() -> None:
    with pytest.raises(InputError, match=r"'iterations' .* give it to its revise\(\)"):
        Reviser(iterations=2)  # type: ignore[call-arg] # the very mistake


def test_an_option_out_of_range_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="top_p"):
        revise("Because.", top_p=2.0)


def test_a_prompt_set_that_is_not_there_is_named_before_an_engine_is_opened() -> None:
    with pytest.raises(PromptSetError, match="'cmr' does not exist"):
        revise("Because.", prompts="cmr", base_url="http://127.0.0.1:9")


def test_a_model_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match=str(tmp_path)):
        revise("Because.", model=str(tmp_path))


def test_versions_are_stored_as_they_are_returned(tmp_path: Path) -> None:
    path = tmp_path / "versions.sqlite"
    trajectory = revise(DRAFT, iterations=3, store=path, engine=ScriptedEngine(counting()))
    with Store.open_to_read(path) as store:
        assert list(store.trajectories()) == [trajectory]


def test_a_version_is_on_disk_before_the_next_round_asks_for_anything(tmp_path: Path) -> None:
    path = tmp_path / "versions.sqlite"
    stored: list[int] = []
    answer = counting()

    def look_first(request: Request) -> str:
        with Store.open_to_read(path) as store:
            stored.extend(t.rounds for t in store.trajectories())
        return answer(request)

    revise(DRAFT, iterations=3, store=path, engine=ScriptedEngine(look_first))
    assert stored == [0, 0, 1, 1, 2, 2]


def test_what_is_stored_is_not_asked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "versions.sqlite"
    first = revise(DRAFT, iterations=3, store=path, engine=ScriptedEngine(counting()))
    silent = ScriptedEngine([])
    assert revise(DRAFT, iterations=3, store=path, engine=silent) == first
    assert silent.requests == []


def test_more_rounds_go_on_from_the_last_stored_version(tmp_path: Path) -> None:
    path = tmp_path / "versions.sqlite"
    script = counting()
    first = revise(DRAFT, iterations=2, store=path, engine=ScriptedEngine(script))
    engine = ScriptedEngine(script)
    longer = revise(DRAFT, iterations=4, store=path, engine=engine)
    assert longer.versions[:3] == first.versions
    assert [v.text for v in longer.versions[3:]] == ["Better 3.", "Better 4."]
    assert len(engine.requests) == 4


def test_fewer_rounds_than_are_stored_give_those_and_leave_the_store_alone(tmp_path: Path) -> None:
    path = tmp_path / "versions.sqlite"
    full = revise(DRAFT, iterations=4, store=path, engine=ScriptedEngine(counting()))
    fewer = revise(DRAFT, iterations=2, store=path, engine=ScriptedEngine([]))
    assert fewer.versions == full.versions[:3]
    with Store.open_to_read(path) as store:
        assert list(store.trajectories()) == [full]


def test_other_settings_are_refused_with_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "versions.sqlite"
    revise(DRAFT, iterations=1, store=path, engine=ScriptedEngine(counting()))
    with pytest.raises(RunMismatchError, match=r"single_pass: True, not False"):
        revise(DRAFT, store=path, single_pass=True, engine=ScriptedEngine(counting()))


def test_a_store_that_is_none_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are my notes, not a database, and I want to keep them as they are.")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a revloop store"):
        revise(DRAFT, store=path, engine=ScriptedEngine(counting()))
    assert path.read_bytes() == before


def test_an_unusable_store_is_reported_before_the_engine_starts(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"  # a request to it would be another error
    with pytest.raises(StoreError, match="there is no folder"):
        revise("Because.", base_url=nobody, model="m", store=tmp_path / "missing" / "s")


def test_an_engine_that_fails_in_mid_run_costs_nothing_that_was_made(tmp_path: Path) -> None:
    path = tmp_path / "versions.sqlite"
    failed = revise(DRAFT, iterations=5, store=path, engine=ScriptedEngine(failing_from(3)))
    assert failed.rounds == 2
    assert failed.end is not None
    assert failed.end.reason is StopReason.REJECTED
    healed = revise(DRAFT, iterations=3, store=path, engine=ScriptedEngine(counting()))
    assert healed.versions[:3] == failed.versions
    assert healed.rounds == 3


def test_a_trajectory_that_cannot_be_parsed_is_not_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "versions.sqlite"
    engine = ScriptedEngine(lambda _request: "No form at all.")
    failed = revise(DRAFT, store=path, engine=engine)
    assert failed.end is not None
    assert failed.end.reason is StopReason.UNPARSEABLE
    assert failed.usage.generated_tokens > 0
    assert revise(DRAFT, store=path, engine=ScriptedEngine([])) == failed


def test_a_server_that_is_down_is_an_error_before_anything_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "versions.sqlite"
    with pytest.raises(UnreachableError, match="Is the server running"):
        revise(DRAFT, store=path, base_url="http://127.0.0.1:9")
    assert not path.exists()


async def test_many_drafts_share_one_reviser() -> None:
    async with AsyncReviser(engine=ScriptedEngine(counting())) as reviser:
        first = await reviser.revise("One.", iterations=1)
        second = await reviser.revise("Two.", iterations=1)
    assert {first.final, second.final} == {"Better 1.", "Better 2."}


KILLED_BETWEEN_ROUNDS = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from revloop.demo import demo_drafts
from tests.helpers.scripted_engine import ScriptedEngine
from tests.test_reviser import DRAFT, counting
from revloop import revise

def tell(version):
    if version.round == 3:
        os.kill(os.getpid(), signal.SIGKILL)

revise(DRAFT, store=sys.argv[1], on_version=tell, engine=ScriptedEngine(counting()))
"""


def test_a_killed_process_leaves_every_finished_version_readable(tmp_path: Path) -> None:
    path = tmp_path / "versions.sqlite"
    command = [sys.executable, "-c", KILLED_BETWEEN_ROUNDS, str(path), str(REPOSITORY)]
    killed = subprocess.run(command, check=False)
    assert killed.returncode == -signal.SIGKILL
    with Store.open_to_read(path) as store:
        (trajectory,) = store.trajectories()
    texts = [version.text for version in trajectory.versions]
    assert texts == ["Because.", "Better 1.", "Better 2.", "Better 3."]
    assert trajectory.end is None
    assert trajectory.draft == Draft.model_validate(
        {"id": "d1", "prompt": "Why?", "response": "Because.", "extra": {"category": "short"}}
    )


async def test_a_cancelled_block_closes_what_it_opened_to_the_end() -> None:
    class Slow(RuleJudge):
        async def aclose(self) -> None:
            await anyio.sleep(0.01)
            await super().aclose()

    judge = Slow(always_first)

    async def open_judge() -> Slow:
        return judge

    with anyio.CancelScope() as scope:
        async with AsyncReviser(engine=ScriptedEngine([]), keep="gate", judge=open_judge):
            scope.cancel()
            await anyio.sleep(60)
    assert scope.cancelled_caught
    assert judge.is_closed


async def test_a_single_call_warns_where_rounds_are_missing() -> None:
    with pytest.warns(RevloopWarning, match=r"rounds are missing \(rejected\).*failure") as told:
        failed = await arevise(DRAFT, iterations=5, engine=ScriptedEngine(failing_from(3)))
    assert told[0].filename == __file__
    assert failed.failure is failed.end is not None


def test_a_call_with_all_rounds_does_not_warn(recwarn: pytest.WarningsRecorder) -> None:
    assert revise(DRAFT, iterations=2, engine=ScriptedEngine(failing_from(3))).failure is None
    assert not recwarn.list
