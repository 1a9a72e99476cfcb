"""Critiques and corrections over HTTP: stored as editions, exported as records."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from revloop import revise
from revloop.errors import InputError
from revloop.export import ExportOptions, export
from revloop.records import (
    Finding,
    PersonFeedback,
    read_records,
    records_of_people,
    records_of_trajectories,
)
from revloop.store import Feedback, Store, add_version_of_person
from revloop.trajectory import StopReason
from tests.helpers.command_line import revloop
from tests.helpers.judges import NOW, store_of
from tests.helpers.review_server import Reviewer, serving, until
from tests.helpers.scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORM = {
    "score": "4.5",
    "positive": "It is short.",
    "negative": "The reason\r\nis wrong.",
    "revision": "A better\r\ntext.",
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two trajectories of two rounds."""
    return store_of(tmp_path / "s.sqlite", [["one", "two", "three"], ["1", "2", "3"]])


@pytest.fixture
def address(store: Path) -> Iterator[str]:
    """Its pages."""
    with serving(store) as found:
        until(lambda: Reviewer(found).json("/progress")["listed"] == 2)
        yield found


def records(store: Path) -> list[dict[str, Any]]:
    """The records of people."""
    with Store.open_to_read(store) as read, Feedback.open_to_read(store) as feedback:
        entries = list(records_of_people(read.contents(), feedback.of_run(1)))
    assert not any(isinstance(entry, Finding) for entry in entries)
    return [entry.record.model_dump() for entry in entries if not isinstance(entry, Finding)]


def test_feedback_is_stored_shown_and_a_record(address: str, store: Path) -> None:
    anna = Reviewer(address, name="anna")
    page = anna.post("/critique/1/1", **FORM)
    assert page.address.endswith("/trajectory/1#v1") or page.address.endswith("/trajectory/1")
    assert "It is short." in page.text
    (record,) = records(store)
    assert (record["response"], record["revision"]) == ("two", "A better\ntext.")
    assert (record["score"], record["negative"]) == (4.5, "The reason\nis wrong.")
    assert record["source"] == "people"
    assert record["extra"]["author"] == "anna"
    assert (record["extra"]["draft"], record["extra"]["round"]) == ("d1", 1)


def test_a_second_edition_replaces_the_first_which_is_kept(address: str, store: Path) -> None:
    anna = Reviewer(address, name="anna")
    for positive in ("First.", "Second."):
        anna.post("/critique/1/1", **{**FORM, "positive": positive})
    assert [record["positive"] for record in records(store)] == ["Second."]
    with Feedback.open_to_read(store) as feedback:
        assert [one.edition for one in feedback.on_trajectory(1)] == [2]
    form = anna.get("/critique/1/1")
    assert "Second." in form
    assert "A better\ntext." in form


def test_an_unedited_text_is_no_revision(address: str, store: Path) -> None:
    Reviewer(address, name="anna").post("/critique/2/2", **{**FORM, "revision": "3"})
    (record,) = records(store)
    assert record["revision"] is None
    assert record["response"] == "3"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"score": "high"}, "score"),
        ({"score": "nan"}, "score"),
        ({"positive": " ", "negative": "", "revision": "two"}, "nothing to learn"),
    ],
)
def test_what_makes_no_record_is_shown_again_with_the_reason(
    address: str, store: Path, wrong: dict[str, str], reason: str
) -> None:
    answer = Reviewer(address, name="anna").post("/critique/1/1", **{**FORM, **wrong})
    assert answer.status == 422
    assert reason in answer.text
    assert (wrong.get("negative") or "The reason\nis wrong.") in answer.text or "negative" in wrong
    assert records(store) == []


def test_nobody_critiques_without_a_name_or_a_version(address: str, store: Path) -> None:
    assert "Who are you?" in Reviewer(address).post("/critique/1/1", **FORM).text
    assert Reviewer(address, name="anna").post("/critique/1/9", **FORM).status == 404
    assert Reviewer(address, name="anna").post("/critique/9/1", **FORM).status == 404
    assert records(store) == []


def test_people_at_once_lose_nothing(address: str, store: Path) -> None:
    def write(name: str) -> None:
        who = Reviewer(address, name=name)
        for key in (1, 2):
            who.post(f"/critique/{key}/1", **FORM)

    people = [threading.Thread(target=write, args=(name,)) for name in ("anna", "ben", "cleo")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert len(records(store)) == 6


def test_markup_in_feedback_is_shown_as_text(address: str) -> None:
    anna = Reviewer(address, name="<i>anna</i>")
    texts = dict.fromkeys(("positive", "negative", "revision"), "</textarea><script>0</script>")
    page = anna.post("/critique/1/1", **texts).text
    assert "<script>0" not in page
    assert "<i>" not in page
    assert "<script>0" not in anna.get("/critique/1/1")


@pytest.mark.parametrize("prefer", [{}, {"prefer": "scores"}], ids=["judges", "scores"])
def test_export_as_critic_takes_what_people_wrote_without_a_judge(
    address: str, store: Path, tmp_path: Path, prefer: dict[str, Any]
) -> None:
    Reviewer(address, name="anna").post("/critique/1/1", **FORM)
    out = tmp_path / "critic.jsonl"
    counts = export(store, out, ExportOptions(form="critic", **prefer))
    (row,) = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert row["revision"] == "A better\ntext."
    (entry,) = read_records(out)
    assert not isinstance(entry, Finding)
    assert counts.left_out["pairs that nobody compared"] == 4


def test_export_as_critic_takes_what_people_wrote_on_unfinished_and_failed_trajectories(
    tmp_path: Path,
) -> None:
    texts = [["one", "two"]] * 3
    reasons = [None, StopReason.ENGINE_FAILED, StopReason.ROUNDS_DONE]
    store = store_of(tmp_path / "s.sqlite", texts, reasons=reasons)
    given = PersonFeedback(round=1, author="anna", given_at=NOW, negative="Too short.")
    with Feedback.open(store) as feedback:
        for key in (1, 2, 3):
            feedback.add(key, given)
    counts = export(store, tmp_path / "critic.jsonl", ExportOptions(form="critic"))
    assert counts.rows == 3
    assert counts.left_out["unfinished trajectories"] == 1


def test_export_as_critic_with_neither_verdicts_nor_feedback_says_how_to_get_some(
    address: str, store: Path, tmp_path: Path
) -> None:
    out = tmp_path / "critic.jsonl"
    with pytest.raises(InputError, match="has no verdicts"):
        export(store, out, ExportOptions(form="critic"))
    Reviewer(address, name="anna").post("/critique/1/1", **FORM)
    with pytest.raises(InputError, match="has no verdicts"):
        export(store, out, ExportOptions(form="critic", judge=("ben",)))
    assert not out.exists()


async def test_records_import_has_peoples_feedback_alone_or_with_the_rounds(
    address: str, store: Path, tmp_path: Path
) -> None:
    Reviewer(address, name="anna").post("/critique/1/1", **FORM)
    for options, sources in (((), ["store"] * 4 + ["people"]), (("--people",), ["people"])):
        out = tmp_path / f"{len(options)}.jsonl"
        command = ("records", "import", "store", str(store), "--output", str(out), *options)
        done = await revloop(*command)
        assert done.code == 0, done.err
        rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
        assert [row["source"] for row in rows] == sources
    wrong = await revloop("records", "import", "aligner", str(store), "--people")
    assert wrong.code == 3
    assert "--people needs the format store" in wrong.err


def test_a_corrected_text_can_be_the_next_version(address: str, store: Path) -> None:
    anna = Reviewer(address, name="anna")
    page = anna.post("/critique/1/1", **FORM, next="yes")
    assert "Written by anna." in page.text
    with Store.open_to_read(store) as read:
        first, second = read.contents()
    made = first.versions[3]
    assert (made.text, made.base, first.kept) == ("A better\ntext.", 1, 3)
    assert made.engine is not None
    assert (made.engine.kind, made.engine.model) == ("human", "anna")
    assert made.critique is not None
    assert made.critique.negative == "The reason\nis wrong."
    assert first.end is not None
    assert first.end.reason is StopReason.ROUNDS_DONE
    assert second.rounds == 2
    with Store.open_to_read(store) as read:
        found = list(records_of_trajectories(read.contents()))
    rounds = [one.record.revision for one in found if not isinstance(one, Finding)]
    assert rounds == ["two", "three", "2", "3"]


def test_without_a_correction_there_is_no_next_version(address: str, store: Path) -> None:
    Reviewer(address, name="anna").post("/critique/1/1", **{**FORM, "revision": "two"}, next="yes")
    with Store.open_to_read(store) as read:
        assert next(read.contents()).rounds == 2


def test_more_rounds_go_on_from_a_persons_version(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    draft = {"id": "d", "prompt": "Why?", "response": "First."}
    critique = "Overall score: 5\nPositive aspects: Short.\nNegative aspects: Vague."
    replies = {True: critique, False: "By the model."}
    engine = ScriptedEngine(lambda request: replies[bool(request.stop)])
    revise(draft, iterations=1, store=path, engine=engine)
    given = PersonFeedback(round=1, author="anna", given_at=NOW, revision="By anna.")
    assert add_version_of_person(path, 1, given) == 2
    one = revise(draft, iterations=3, store=path, engine=engine)
    texts = [version.text for version in one.versions]
    assert texts == ["First.", "By the model.", "By anna.", "By the model."]
    assert "By anna." in engine.prompts[-1]


def test_each_correction_makes_its_own_version(address: str, store: Path) -> None:
    anna = Reviewer(address, name="anna")
    with pytest.raises(ValueError, match="no corrected text"):
        add_version_of_person(store, 1, PersonFeedback(round=1, author="anna", given_at=NOW))
    for _ in range(2):
        anna.post("/critique/1/1", **FORM, next="yes")
    with Store.open_to_read(store) as read:
        assert next(read.contents()).rounds == 4
