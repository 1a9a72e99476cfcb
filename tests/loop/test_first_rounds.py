"""Fewer rounds than a store has: only the requested ones are returned, with their end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop import AsyncReviser, Draft, StopReason, Store, Trajectory, revise
from revloop.batch import Batch, InputSource, Progress
from revloop.errors import BadReplyError, ContextFullError, RejectedError
from revloop.options import BatchOptions
from revloop.trajectory import End
from tests.helpers.scripted_engine import Answer, ScriptedEngine, cnr_rounds

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.scripted_engine import Reply

DRAFT = Draft(id="d", prompt="Count.", response="text 0")
FAILURES: dict[StopReason, Reply] = {
    StopReason.CONTEXT_FULL: ContextFullError("too long"),
    StopReason.ENGINE_FAILED: BadReplyError("no"),
    StopReason.REJECTED: RejectedError("no"),
    StopReason.TOKEN_LIMIT: Answer("cut", "length"),
    StopReason.UNPARSEABLE: "",
}
failures = pytest.mark.parametrize("reason", FAILURES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.sqlite"


def again(path: Path, iterations: int, script: list[Reply] | None = None) -> Trajectory:
    engine = ScriptedEngine(script or [])
    return revise(DRAFT, iterations=iterations, engine=engine, store=path, tries=1)


def failed(path: Path, reason: StopReason) -> Trajectory:
    """A trajectory of three rounds that failed in the fourth."""
    script = [*cnr_rounds("text 1", "text 2", "text 3"), FAILURES[reason]]
    made = again(path, 5, script)
    assert (made.rounds, made.end and made.end.reason) == (3, reason)
    return made


def stored(path: Path) -> Trajectory:
    with Store.open_to_read(path) as store:
        (found,) = store.trajectories()
    return found


def done(rounds: int) -> End:
    return End(reason=StopReason.ROUNDS_DONE, detail=f"All rounds are done ({rounds}).")


@failures
@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_a_trajectory_that_failed_later_gives_the_rounds_that_are_asked_for(
    path: Path, reason: StopReason, rounds: int
) -> None:
    whole = failed(path, reason)
    cut = again(path, rounds)
    assert [version.round for version in cut.versions] == list(range(rounds + 1))
    assert (cut.versions, cut.end) == (whole.versions[: rounds + 1], done(rounds))
    assert stored(path) == whole


@failures
def test_with_more_rounds_asked_for_it_has_failed_as_before(path: Path, reason: StopReason) -> None:
    whole = failed(path, reason)
    again(path, 2)
    may_heal = reason in {StopReason.ENGINE_FAILED, StopReason.REJECTED}
    script = [FAILURES[reason]] if may_heal else []
    assert again(path, 5, script).end == whole.end


def test_a_trajectory_that_converged_later_gives_the_rounds_that_are_asked_for(path: Path) -> None:
    whole = again(path, 5, cnr_rounds("text 1", "text 1"))
    assert whole.end is not None
    assert (whole.rounds, whole.end.reason) == (2, StopReason.CONVERGED)
    cut = again(path, 1)
    assert (cut.versions, cut.end) == (whole.versions[:2], done(1))
    exact = again(path, 2)
    assert exact.end is not None
    assert (exact.end.reason, exact.end.calls_saved) == (StopReason.CONVERGED, 0)
    assert stored(path) == whole


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_a_trajectory_that_was_finished_gives_the_rounds_that_are_asked_for(
    path: Path, rounds: int
) -> None:
    whole = again(path, 3, cnr_rounds("text 1", "text 2", "text 3"))
    cut = again(path, rounds)
    assert (cut.versions, cut.end) == (whole.versions[: rounds + 1], done(rounds))
    assert stored(path) == whole


async def batch(path: Path, iterations: int, script: list[Reply], **more: Any) -> tuple[int, Any]:
    """A batch of one draft: how many failed, and what it wrote."""
    drafts, out = path.with_name("in.jsonl"), path.with_name("out.jsonl")
    drafts.write_text(DRAFT.model_dump_json(include={"id", "prompt", "response"}) + "\n")
    source, options = InputSource(str(drafts)), BatchOptions(**more)
    async with AsyncReviser(engine=ScriptedEngine(script), store=path, tries=1) as reviser:
        running = Batch(source, out, reviser, options, Progress(), iterations=iterations)
        outcome = await running.run()
    return outcome.failed, json.loads(out.read_text())


@failures
@pytest.mark.parametrize("retry_failed", [False, True])
async def test_a_batch_writes_the_rounds_that_are_asked_for_and_counts_no_later_failure(
    path: Path, reason: StopReason, retry_failed: bool
) -> None:
    script = [*cnr_rounds("text 1", "text 2", "text 3"), FAILURES[reason]]
    count, whole = await batch(path, 5, script)
    assert (count, whole["end"]["reason"]) == (1, reason)
    for rounds in (3, 2):
        count, cut = await batch(path, rounds, [], retry_failed=retry_failed)
        assert (count, len(cut["versions"])) == (0, rounds + 1)
        assert cut["end"]["detail"] == f"All rounds are done ({rounds})."
    assert (await batch(path, 5, []))[0] == 1
    assert (await batch(path, 4, []))[1]["end"] == whole["end"]
