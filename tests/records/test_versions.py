"""Records from trajectories: each round is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop import PromptSet, Trajectory, arevise
from revloop.records import Lesson, Record, RecordEntry, records_of_trajectories, training_texts
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds

if TYPE_CHECKING:
    from tests.helpers.scripted_engine import Reply

CRITIQUE = "Overall score: 4\nPositive aspects: Short.\nNegative aspects: Vague."


async def made(*replies: Reply, prompts: str = "cnr", iterations: int = 2) -> Trajectory:
    draft = {"id": "d1", "prompt": "Why?", "response": "So."}
    engine = ScriptedEngine(list(replies))
    return await arevise(draft, iterations=iterations, engine=engine, prompts=prompts)


def records(*trajectories: Trajectory) -> list[Record]:
    found = list(records_of_trajectories(trajectories))
    assert all(isinstance(item, RecordEntry) for item in found)
    return [item.record for item in found if isinstance(item, RecordEntry)]


async def test_each_round_is_a_record() -> None:
    trajectory = await made(*cnr_rounds("Better.", "Best.", critique=CRITIQUE))
    first, second = records(trajectory)
    assert (first.prompt, first.response, first.revision) == ("Why?", "So.", "Better.")
    assert (first.score, first.positive, first.negative) == (4, "Short.", "Vague.")
    assert (second.response, second.revision, second.lesson) == ("Better.", "Best.", Lesson.BOTH)
    assert (first.source, first.extra) == ("store", {"draft": "d1", "round": 1})
    assert first.id != second.id


async def test_a_round_is_rendered_as_it_was_generated() -> None:
    trajectory = await made(*cnr_rounds("Better.", critique=CRITIQUE), iterations=1)
    (text,) = training_texts(records(trajectory)[0], PromptSet.load("cnr"))
    assert text.target == f"{CRITIQUE}\n\n### Revised response:\nBetter."


async def test_a_critique_with_reasoning_before_its_headings_keeps_it() -> None:
    said = f"{'The response is read word by word. ' * 4}\n{CRITIQUE}"
    trajectory = await made(*cnr_rounds("Better.", critique=said), iterations=1)
    (record,) = records(trajectory)
    assert (record.critique, record.score, record.has_aspects) == (said, 4, False)
    (text,) = training_texts(record, PromptSet.load("cnr"))
    assert text.target == f"{said}\n\n### Revised response:\nBetter."


async def test_a_critique_without_headings_stays_in_free_form() -> None:
    tagged = "<revised_response>Better.</revised_response>"
    trajectory = await made("It is vague.", tagged, prompts="chat", iterations=1)
    (record,) = records(trajectory)
    assert (record.critique, record.score) == ("It is vague.", None)


async def test_a_critique_by_criteria_keeps_its_words_and_its_rubric() -> None:
    said = "Criterion: brevity\nReason: It is long.\nScore: 3"
    tagged = "<revised_response>Better.</revised_response>"
    draft = {"id": "d1", "prompt": "Why?", "response": "So.", "rubric": ["brevity"]}
    engine = ScriptedEngine([said, tagged])
    trajectory = await arevise(draft, iterations=1, engine=engine, prompts="rubric")
    (record,) = records(trajectory)
    assert (record.critique, record.score) == (said, 3)
    assert record.extra == {"rubric": ["brevity"], "draft": "d1", "round": 1}
    critique, revision = training_texts(record, PromptSet.load("rubric"))
    assert critique.target == said
    assert "- brevity" in str(critique.prompt)
    assert revision.target == "<revised_response>\nBetter.\n</revised_response>"


async def test_a_trajectory_without_rounds_has_no_records() -> None:
    trajectory = await made(*cnr_rounds("Better.", critique=CRITIQUE), iterations=1)
    begun = trajectory.model_copy(update={"versions": trajectory.versions[:1]})
    assert records(begun) == []


async def test_a_round_without_a_critique_teaches_the_revision() -> None:
    trajectory = await made(*cnr_rounds("Better.", critique=CRITIQUE), iterations=1)
    first, second = trajectory.versions
    silent = second.model_copy(update={"critique": None})
    (record,) = records(trajectory.model_copy(update={"versions": (first, silent)}))
    assert record.lesson is Lesson.REVISION
