"""Votes over HTTP: blind, in random order, stored at once, by several people, undone."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from revloop.evaluation import Verdicts, evaluate
from revloop.evaluation.samples import SampleKey, Samples
from revloop.evaluation.sheets import human_judge
from revloop.export import ExportOptions, judged_preferences
from revloop.review import ReviewOptions
from revloop.review.listing import Listing
from revloop.review.site import Site
from revloop.review.voting import Voting
from revloop.store import Feedback, Store, StoreFollower
from tests.helpers.judges import store_of
from tests.helpers.review_server import Reviewer, serving, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAIRS = 12


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Twelve changed texts and three unchanged ones."""
    rows = [[f"old {n}", f"new {n}"] for n in range(PAIRS)]
    return store_of(tmp_path / "s.sqlite", [*rows, *([f"same {n}"] * 2 for n in range(3))])


@pytest.fixture
def voting(store: Path) -> Iterator[str]:
    """Its pages."""
    with serving(store) as address:
        until(lambda: Reviewer(address).json("/progress")["pairs_known"])
        yield address


def shown(page: str) -> tuple[str, str]:
    """The two texts of a ballot, A first."""
    a, b, *_ = re.findall(r'<pre class="source" dir="auto">((?:old|new) \d+)</pre>', page)
    return a, b


def pair_of(page: str) -> str:
    """The pair of a ballot."""
    found = re.search(r'name="pair" value="(\w+)"', page)
    assert found is not None
    return found[1]


def vote(who: Reviewer, choice: str, **more: Any) -> str:
    """Vote on the next pair; returns the page after that."""
    pair = pair_of(who.get("/vote"))
    return who.post("/vote", choice=choice, pair=pair, **more).text


def votes_of(store: Path, name: str) -> int:
    with Verdicts.open_to_read(store) as verdicts:
        return len(verdicts.given_by(human_judge(name)))


def test_whoever_votes_says_a_name_first(voting: str) -> None:
    nobody = Reviewer(voting)
    assert "Who are you?" in nobody.get("/vote")
    assert "Who are you?" in nobody.post("/vote", choice="a", pair="x").text


def test_a_vote_is_stored_as_a_persons_verdict_that_other_commands_read(
    voting: str, store: Path
) -> None:
    anna = Reviewer(voting, name="anna")
    for _ in range(PAIRS):
        a, b = shown(anna.get("/vote"))
        vote(anna, "a" if a.startswith("new") else "b", note="Newer.")
        assert {a[:3], b[:3]} == {"old", "new"}
    assert f"You have voted on all {PAIRS} pairs" in anna.get("/vote")
    (row,) = evaluate(store, [human_judge("anna")]).judges[0].rounds
    assert (row.wins, row.ties, row.losses) == (PAIRS, 3, 0)
    with Store.open_to_read(store) as read, Verdicts.open_to_read(store) as verdicts:
        given = verdicts.given_by(human_judge("anna"))
        assert {one.verdict.reason for one in given.values()} == {"Newer."}
        options = ExportOptions(judge=("anna",))
        assert judged_preferences(read, verdicts, options, None) is not None


def test_nothing_on_a_ballot_tells_which_text_is_later(voting: str) -> None:
    page = Reviewer(voting, name="anna").get("/vote")
    main = page.partition("<main")[2]
    for word in ("Original", "Version", "trajectory/", "kept", ">d1"):
        assert word not in main


def test_pairs_and_sides_are_in_an_order_of_ones_own(voting: str) -> None:
    orders = []
    for name in ("anna", "ben", "anna"):
        who, seen = Reviewer(voting, name=name), []
        for _ in range(PAIRS):
            page = who.get("/vote")
            seen.append(shown(page))
            who.post("/vote", choice="skip", pair=pair_of(page))
        orders.append(seen)
    assert orders[0] == orders[2]
    assert orders[0] != orders[1]
    later_first = sum(a.startswith("new") for a, _ in orders[0])
    assert 0 < later_first < PAIRS
    assert len(set(orders[0])) == PAIRS


def test_undo_takes_back_the_last_vote_or_skip_and_shows_it_again(voting: str, store: Path) -> None:
    anna = Reviewer(voting, name="anna")
    first = pair_of(anna.get("/vote"))
    vote(anna, "tie")
    second = pair_of(anna.get("/vote"))
    vote(anna, "skip")
    assert pair_of(anna.post("/vote", choice="undo").text) == second
    assert votes_of(store, "anna") == 1
    assert pair_of(anna.post("/vote", choice="undo").text) == first
    assert votes_of(store, "anna") == 0
    assert "Which answer is better" in anna.post("/vote", choice="undo").text


def test_a_skipped_pair_comes_last(voting: str) -> None:
    anna = Reviewer(voting, name="anna")
    skipped = pair_of(anna.get("/vote"))
    vote(anna, "skip")
    for _ in range(PAIRS - 1):
        assert pair_of(anna.get("/vote")) != skipped
        vote(anna, "a")
    assert pair_of(anna.get("/vote")) == skipped


@pytest.mark.parametrize("wrong", [{"choice": "c"}, {"pair": "0" * 32}, {"pair": "../.."}])
def test_a_vote_on_nothing_is_refused(voting: str, store: Path, wrong: dict[str, str]) -> None:
    anna = Reviewer(voting, name="anna")
    form = {"choice": "a", "pair": pair_of(anna.get("/vote")), **wrong}
    answer = anna.post("/vote", **form)
    assert answer.status == 409
    assert "Nothing was stored" in answer.text
    assert votes_of(store, "anna") == 0


def test_two_reviewers_at_once_lose_no_vote(voting: str, store: Path) -> None:
    def vote_on_all(name: str) -> None:
        who = Reviewer(voting, name=name)
        for _ in range(PAIRS):
            vote(who, "tie")

    people = [threading.Thread(target=vote_on_all, args=(name,)) for name in ("anna", "ben")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert votes_of(store, "anna") == votes_of(store, "ben") == PAIRS


def test_agreement_is_shown_on_the_pairs_that_both_judged(voting: str) -> None:
    anna, ben = (Reviewer(voting, name=name) for name in ("anna", "ben"))
    for who, choices in ((ben, "a" * 6), (anna, "t" * PAIRS)):
        for letter in choices:
            vote(who, {"t": "tie"}.get(letter, letter))
    assert "Agreement with you" in anna.get("/vote")
    cells = re.findall(r"<td>([^<]*)</td>", anna.get("/vote"))
    assert cells[:3] == ["ben", "6", "0%"]
    assert "Agreement" not in ben.get("/vote")


def test_a_sample_asks_for_fewer_votes_and_evaluate_has_figures(store: Path) -> None:
    with serving(store, sample=10, seed=3) as address:
        until(lambda: Reviewer(address).json("/progress")["pairs_known"])
        anna = Reviewer(address, name="anna")
        assert "0 of 10" in anna.get("/vote")
        for _ in range(10):
            a, _ = shown(anna.get("/vote"))
            vote(anna, "a" if int(a.split()[1]) % 2 else "tie")
        assert "You have voted on all 10 pairs" in anna.get("/vote")
    (row,) = evaluate(store, [human_judge("anna")]).judges[0].rounds
    assert row.win_rate is not None
    assert row.win_rate_low is not None
    assert row.unjudged == 0


def test_a_killed_server_loses_nothing_that_it_acknowledged(store: Path) -> None:
    command = (sys.executable, "-m", "revloop", "review", str(store), "--port", "0", "--no-open")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        anna = Reviewer(address, name="anna")
        until(lambda: anna.json("/progress")["pairs_known"])
        for _ in range(3):
            vote(anna, "a")
        corrected = anna.post("/critique/1/1", negative="Too short.", revision="new 1", next="yes")
        assert "Written by anna" in corrected.text
        process.send_signal(signal.SIGKILL)
    assert votes_of(store, "anna") == 3
    with Feedback.open_to_read(store) as feedback, Store.open_to_read(store) as read:
        assert [one.negative for one in feedback.on_trajectory(1)] == ["Too short."]
        assert next(read.contents()).final == "new 1"


def test_no_sample_is_drawn_before_the_whole_store_is_read(store: Path) -> None:
    with StoreFollower.open(store) as follower, Verdicts.open_to_read(store) as verdicts:
        listing = Listing(follower, verdicts)
        voting = Voting(store, follower, verdicts, listing, 5)
        assert voting.ballot("anna").pairs == []
        listing.update()
        assert len(voting.ballot("anna").pairs) == 5
        voting.close()
        listing.close()
    with Samples.open_to_read(store) as samples:
        assert samples.latest().keys() == {SampleKey("original", 1)}


def test_a_sample_by_a_field_is_not_the_one_without(store: Path) -> None:
    for by in (None, "topic"):
        site = Site.open(store, ReviewOptions(sample=5, by=by))
        site.listing.update()
        assert len(site.voting.ballot("anna").pairs) == 5
        site.close()
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("SELECT count(*) FROM samples").fetchone() == (2,)
        assert connection.execute("SELECT field FROM sample_fields").fetchall() == [("topic",)]


def test_a_field_without_a_sample_is_refused() -> None:
    with pytest.raises(ValidationError, match="--by needs --sample"):
        ReviewOptions(by="topic")


def test_the_time_left_is_told_from_the_last_votes(voting: str) -> None:
    anna = Reviewer(voting, name="anna")
    for _ in range(3):
        vote(anna, "a")
    assert "about 1 min left" in anna.get("/vote")
