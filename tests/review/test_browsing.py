"""Browsing over HTTP: the list, its filters, one trajectory, and a batch that is writing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from revloop.evaluation import Question, Verdicts
from revloop.evaluation.sheets import human_judge
from revloop.options import LoopOptions, RunSettings
from revloop.prompts import PromptSet
from revloop.review.listing import Listing, Wanted
from revloop.store import Store, StoreFollower
from revloop.trajectory import Draft, End, StopReason, Verdict, Version
from tests.helpers.judges import ENGINE, NOW, store_of
from tests.helpers.review_server import Reviewer, serving, until
from tests.helpers.stored import append, finish

if TYPE_CHECKING:
    from pathlib import Path


def ids(page: str) -> list[str]:
    """The ids in the list, in order."""
    return re.findall(r'class="id">([^<]+)<', page)


def badges(page: str) -> list[str]:
    """The results in the list, in order."""
    return re.findall(r'class="badge \w+">([^<]+)<', page)


def test_harm_comes_first(reviewer: Reviewer) -> None:
    assert badges(reviewer.get("/")) == ["Harmed"] * 4 + ["Same"] * 4 + ["Better"] * 4


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"result": "better"}, ["d1", "d3", "d5", "d7"]),
        ({"result": "better", "reason": "cycle"}, []),
        ({"reason": "cycle"}, ["d9", "d10", "d11", "d12"]),
        ({"field": "kind", "value": "NOTE"}, ["d4", "d10", "d1", "d7"]),
        ({"field": "no such field"}, []),
        ({"text": "OTHER 2"}, ["d11"]),
        ({"text": "d11"}, ["d11"]),
        ({"text": "%"}, []),
        ({"text": "round"}, []),
        ({"sort": "order", "page": "9"}, [f"d{n}" for n in range(1, 13)]),
    ],
)
def test_the_list_is_filtered_and_sorted(
    reviewer: Reviewer, query: dict[str, str], expected: list[str]
) -> None:
    assert ids(reviewer.get("/", **query)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("ärger", ["d1"]), ("ÄRGER", ["d1"]), ("Ä", ["d1"]), ("über", ["d1"])),
        *(("ПРИВЕТ", ["d2"]), ("привет", ["d2"]), ("МИР", ["d2"]), ("ẞ", ["d3"])),
        *(
            ("ΛΌΓΟΣ", ["d4"]),
            ("日本", ["d4"]),
            ("%Ä", []),
            ("_rger", []),
            ("Öl", []),
            ("\\", ["d4"]),
        ),
    ],
)
def test_the_search_finds_letters_of_any_script_in_either_case(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    rows = [
        *(["Ärger", "ÜBER 1"], ["Привет, мир!", "a"], ["Straße", "b"]),
        ["λόγος in 日本", 'a "c\\d"'],
    ]
    path = store_of(tmp_path / "s.sqlite", rows)
    with StoreFollower.open(path) as follower, Verdicts.open_to_read(path) as verdicts:
        listing = Listing(follower, verdicts)
        listing.update()
        found = listing.page(Wanted(text=text, sort="order")).lines
        assert [line.id for line in found] == expected
        listing.close()


def test_a_field_is_filtered_by_letters_in_either_case(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["a", "b"]] * 2, fields=[{"ort": "KÖLN"}, {}])
    with StoreFollower.open(path) as follower, Verdicts.open_to_read(path) as verdicts:
        listing = Listing(follower, verdicts)
        listing.update()
        assert listing.page(Wanted(field="ort", value="köl")).found == 1
        listing.close()


@pytest.mark.parametrize("query", [{"sort": "nonsense"}, {"page": "-1"}, {"page": "9" * 50}])
def test_an_unknown_order_or_page_is_the_first(reviewer: Reviewer, query: dict[str, str]) -> None:
    assert len(ids(reviewer.get("/", **query))) == 12


def test_pages_keep_the_filters(tmp_path: Path) -> None:
    store = store_of(tmp_path / "s.sqlite", [["a", f"b {n}"] for n in range(60)])
    with serving(store) as address:
        reviewer = Reviewer(address)
        until(lambda: reviewer.json("/progress")["listed"] == 60)
        page = reviewer.get("/", text="b", sort="order", page=2)
        assert ids(page) == [f"d{n}" for n in range(51, 61)]
        assert "/?text=b&amp;sort=order&amp;page=1" in page
        assert "Page 2 of 2" in page


def test_a_trajectory_shows_versions_differences_and_verdicts(reviewer: Reviewer) -> None:
    page = reviewer.get("/trajectory/2")
    assert "<del>5 one</del>" in page
    assert "<ins>1 three</ins>" in page
    assert page.count("By number.") == 4
    assert 'id="v1"' in page
    assert "<ins>6 two</ins>" in reviewer.get("/trajectory/2", left=0, right=1)


def test_a_trajectory_that_is_not_there_is_told(reviewer: Reviewer) -> None:
    answer = reviewer.request("/trajectory/77")
    assert answer.status == 404
    assert "no such trajectory" in answer.text


def test_new_versions_and_ends_appear_while_a_batch_writes(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["one", "two"]], reasons=[None])
    with serving(path) as address, Store.open(path) as store:
        reviewer = Reviewer(address)
        until(lambda: reviewer.json("/progress")["listed"] == 1)
        before = reviewer.json("/progress", key=1)
        assert before["is_running"]
        settings = RunSettings.resolve(LoopOptions(), PromptSet.load("cnr"), ENGINE)
        run = store.begin_run(settings)
        new = store.begin(run, "t-new", Draft(id="new", prompt="Why?", response="other"))
        append(new, Version(round=0, text="other", created_at=NOW))
        until(lambda: reviewer.json("/progress")["listed"] == 2)
        first = store.begin(run, "t1", Draft(id="d1", prompt="Why?", response="one"))
        append(first, Version(round=2, text="three", created_at=NOW))
        finish(first, End(reason=StopReason.ROUNDS_DONE, detail="All."))
        until(lambda: reviewer.json("/progress", key=1)["trajectory"] == before["trajectory"] + 2)
        assert "<ins>three</ins>" in reviewer.get("/trajectory/1")
        until(lambda: ids(reviewer.get("/lines", reason="rounds_done")) == ["d1"])


def test_a_store_without_a_trajectory_fills_up(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with Store.open(path), serving(path) as address:
        reviewer = Reviewer(address)
        assert "holds no trajectory yet" in reviewer.get("/")
        store_of(path, [["one", "two"]])
        until(lambda: ids(reviewer.get("/lines")) == ["d1"])


def test_results_follow_a_judge_that_is_asked_later(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["1", "2"], ["3", "4"]])
    by_people, by_rule = human_judge("anna"), human_judge("r").model_copy(update={"kind": "model"})
    with StoreFollower.open(path) as follower, Verdicts.open_to_read(path) as read:
        listing = Listing(follower, read)

        def results() -> list[str]:
            listing.update()
            return [line.result for line in listing.page(Wanted(sort="order")).lines]

        assert results() == ["unjudged", "unjudged"]
        with Verdicts.open(path) as verdicts:
            for judge in (by_people, by_rule):
                verdicts.add(judge, [(Question("Why?", "1", "2"), Verdict(preference="first"))])
                if judge is by_people:
                    assert results() == ["unjudged", "unjudged"]
            assert results() == ["worse", "unjudged"]
            verdicts.add(by_rule, [(Question("Why?", "4", "3"), Verdict(preference="first"))])
            assert results() == ["worse", "better"]
        listing.close()


def test_a_persons_verdict_is_shown_only_to_those_who_gave_their_own(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["1", "2"]])
    question = Question("Why?", "1", "2")
    with Verdicts.open(path) as verdicts, serving(path) as address:
        said = Verdict(preference="second", reason="Because of anna.")
        verdicts.add(human_judge("anna"), [(question, said)])
        ben = Reviewer(address, name="ben")
        assert "Because of anna" not in ben.get("/trajectory/1")
        assert "Because of anna" not in Reviewer(address).get("/trajectory/1")
        assert "Because of anna" in Reviewer(address, name="anna").get("/trajectory/1")
        verdicts.add(human_judge("ben"), [(question.swapped, Verdict(preference="tie"))])
        assert "Because of anna" in ben.get("/trajectory/1")
