"""A damaged store: votes, samples and feedback of people are copied as far as they can be read."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest

from revloop.evaluation import ORIGINAL, Question, Verdicts, pairs_of
from revloop.evaluation.samples import SampleKey, Samples
from revloop.evaluation.sheets import human_judge
from revloop.records import PersonFeedback
from revloop.store import Feedback, Losses, Store
from revloop.trajectory import Verdict
from tests.helpers.command_line import revloop
from tests.store.test_salvage import PAGE, damage, salvaged, whole
from tests.store.test_store import NOW

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["whole"]

PEOPLE = ("anna", "ben")


class DoneByPeople(NamedTuple):
    """What people did in a store."""

    verdicts: dict[tuple[str, str], str | None]
    feedback: dict[str, list[PersonFeedback]]
    sampled: frozenset[str]


def what_people_did(path: Path) -> DoneByPeople:
    with Verdicts.open_to_read(path) as read:
        verdicts = {
            (name, question): given.verdict.reason
            for name in PEOPLE
            for question, given in read.given_by(human_judge(name)).items()
        }
    with Feedback.open_to_read(path) as of_people, Samples.open_to_read(path) as samples:
        known = [sample.pairs for sample in samples.latest().values()]
        return DoneByPeople(verdicts, of_people.of_run(1), frozenset().union(*known))


def feedback_of(name: str, key: int, round_: int) -> PersonFeedback:
    text = f"{name} on {key}. " * 20
    return PersonFeedback(round=round_, author=name, given_at=NOW, negative=text, revision="Mine.")


@pytest.fixture(scope="module")
def voted(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which two people voted on 60 pairs and wrote on 80 versions each."""
    path = tmp_path_factory.mktemp("voted") / "s.sqlite"
    path.write_bytes(whole.read_bytes())
    with Store.open_to_read(path) as store:
        pairs = [next(pairs_of(one, 1, ORIGINAL)).question for one in store.contents()]
    with Samples.open(path) as samples:
        key = SampleKey("original", 1)
        drawn = samples.declare(key, 60, 0, {pair.digest: "" for pair in pairs}, by="topic")
    asked = [pair for pair in pairs if drawn.has(pair.digest)]
    with Verdicts.open(path) as verdicts, Feedback.open(path) as feedback:
        for name in PEOPLE:
            said = Verdict(preference="first", reason=f"{name} says: {'warm ' * 40}")
            verdicts.add(human_judge(name), [(pair, said) for pair in asked])
            for key_ in range(1, 41):
                for round_ in (0, 3):
                    feedback.add(key_, feedback_of(name, key_, round_))
    return path


@pytest.fixture
def path(voted: Path, tmp_path: Path) -> Path:
    """A copy of that, to be damaged."""
    copy = tmp_path / "s.sqlite"
    copy.write_bytes(voted.read_bytes())
    return copy


def test_of_a_whole_store_all_of_it_is_given_back(voted: Path, path: Path) -> None:
    assert salvaged(path)[1] == Losses(0, 0, 0, 0, ())
    assert what_people_did(path.with_name("salvaged.sqlite")) == what_people_did(voted)
    with closing(sqlite3.connect(path.with_name("salvaged.sqlite"))) as connection:
        assert connection.execute("SELECT * FROM sample_fields").fetchall() == [(1, "topic")]


@pytest.mark.parametrize("seed", range(12))
def test_damage_costs_only_what_stood_there(voted: Path, path: Path, seed: int) -> None:
    before, chance = what_people_did(voted), random.Random(seed)
    pages = path.stat().st_size // PAGE
    damage(path, chance.randrange(1, pages - 4) * PAGE, chance.randbytes(4 * PAGE))
    found, losses = salvaged(path)
    after = what_people_did(path.with_name("salvaged.sqlite"))
    assert after.verdicts.items() <= before.verdicts.items()
    assert after.sampled <= before.sampled
    versions = {(one.id, v.round) for one in found.values() for v in one.versions}
    for id_, given in after.feedback.items():
        assert all(one in before.feedback[id_] for one in given)
        assert all((id_, one.round) in versions for one in given)
    # a page holds at least one of their rows, and few enough that most are on others
    assert len(after.verdicts) >= len(before.verdicts) // 2
    assert sum(map(len, after.feedback.values())) >= 40
    assert losses or after == before


def test_names_of_judges_that_are_lost_are_told_and_their_votes_wait(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM judges")
    _, losses = salvaged(path)
    assert (bool(losses), losses.judges) == (True, 2)
    anna, into = human_judge("anna"), path.with_name("salvaged.sqlite")
    with Verdicts.open(into) as verdicts:
        verdicts.add(anna, [(Question("", "a", "b"), Verdict(preference="tie"))])
        assert len(verdicts.given_by(anna)) == 61
        assert verdicts.judges() == [anna]


def test_feedback_on_a_lost_version_is_counted(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM versions WHERE trajectory = 3 AND round = 2")
    found, losses = salvaged(path)
    assert (found["d3"].rounds, losses.feedback) == (1, 2)


def test_a_vote_that_was_changed_is_the_newer_one(path: Path) -> None:
    anna = human_judge("anna")
    with Verdicts.open(path) as verdicts:
        first = next(iter(verdicts.given_by(anna)))
    row = f"UPDATE verdicts SET given_at = '2001-01-01' WHERE question = '{first}'"
    copy = path.with_name("older.sqlite")
    copy.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute(row)
    with path.open("ab") as file:  # pages that the header does not count
        file.write(copy.read_bytes())
    salvaged(path)
    with Verdicts.open_to_read(path.with_name("salvaged.sqlite")) as verdicts:
        assert verdicts.given_by(anna)[first].given_at.year > 2001


async def test_the_command_makes_a_store_or_any_form_of_it(path: Path) -> None:
    damage(path, 60 * PAGE, random.Random(3).randbytes(PAGE))
    out = path.with_name("whole.sqlite")
    finished = await revloop("export", "--salvage", str(path), str(out))
    assert finished.code in {0, 10}, finished.err
    assert "whole.sqlite: what is left of" in finished.out
    assert len(what_people_did(out).verdicts) > 100
    records = path.with_name("critic.jsonl")
    command = ("export", "--salvage", str(path), str(records), "--as", "critic")
    assert (await revloop(*command)).code in {0, 10}
    sources = [json.loads(line)["source"] for line in records.read_text().splitlines()]
    assert sources.count("people") > 100
    again = await revloop("export", "--salvage", str(path), str(out))
    assert (again.code, "is a store" in again.err) == (3, True)
    refused = await revloop("export", str(path), str(path.with_name("o.sqlite")))
    assert "'.sqlite' cannot be written" in refused.err
