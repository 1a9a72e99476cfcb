"""Samples that people judge: drawn in proportion, declared in the store, and figures about them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from revloop.evaluation import ORIGINAL, Verdicts, evaluate, pairs_of
from revloop.evaluation.rounds import judged_part
from revloop.evaluation.samples import SampleKey, Samples, draw
from revloop.evaluation.sheets import human_judge
from revloop.evaluation.tables import left_out
from revloop.report import open_source
from revloop.report.aggregates import aggregate
from revloop.report.charts import charts_of
from revloop.store import Store
from revloop.trajectory import JudgeInfo, Verdict
from tests.helpers.judges import by_number, outcome, store_of

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.evaluation import Question

STRATA = {
    f"{name}{n}": name for name, size in (("a", 60), ("b", 30), ("c", 10)) for n in range(size)
}
ANNA = human_judge("anna")
ROUND_1 = SampleKey("original", 1)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(10, (6, 3, 1)), (50, (30, 15, 5)), (7, (4, 2, 1)), (1, (1, 0, 0)), (500, (60, 30, 10))],
)
def test_each_stratum_has_its_share(size: int, expected: tuple[int, ...]) -> None:
    drawn = draw(STRATA, size, seed=0)
    assert len(set(drawn)) == len(drawn)
    counts = Counter(STRATA[item] for item in drawn)
    assert tuple(counts[name] for name in "abc") == expected


def test_the_seed_decides_which() -> None:
    assert draw(STRATA, 10, seed=0) == draw(STRATA, 10, seed=0)
    assert draw(STRATA, 10, seed=0) != draw(STRATA, 10, seed=1)


def test_a_sample_is_declared_once_and_stays(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["1", "2"]])
    with Samples.open_to_read(path) as before:
        assert before.latest() == {}
    with Samples.open(path) as samples:
        first = samples.declare(ROUND_1, 10, 0, STRATA)
        assert samples.declare(ROUND_1, 10, 0, {**STRATA, "new": "d"}) == first
        assert samples.latest() == {ROUND_1: first}
        everything = samples.declare(ROUND_1, None, 0, STRATA)
        assert everything.has("new")
        assert samples.latest() == {ROUND_1: everything}


def test_a_sample_by_another_field_is_another_sample(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["1", "2"]])
    with Samples.open(path) as samples:
        first = samples.declare(ROUND_1, 10, 0, STRATA)
        halves = {item: str(number % 2) for number, item in enumerate(STRATA)}
        by_topic = samples.declare(ROUND_1, 10, 0, halves, by="topic")
        assert Counter(halves[item] for item in by_topic.pairs) == {"0": 5, "1": 5}
        assert by_topic != first
        assert samples.declare(ROUND_1, 10, 0, halves, by="length") != first
        assert samples.declare(ROUND_1, 10, 0, halves, by="topic") == by_topic


def test_the_sample_that_was_asked_for_last_is_the_latest(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["1", "2"]])
    with Samples.open(path) as samples:
        first = samples.declare(ROUND_1, 10, 0, STRATA)
        other = samples.declare(ROUND_1, 10, 1, STRATA)
        assert samples.latest() == {ROUND_1: other}
        assert samples.declare(ROUND_1, 10, 0, STRATA) == first
        assert samples.latest() == {ROUND_1: first}


def test_a_sample_of_too_few_pairs_is_drawn_again_when_there_are_more(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["1", "2"]])
    with Samples.open(path) as samples:
        assert len(samples.declare(ROUND_1, 10, 0, {"a0": "a", "a1": "a"}).pairs) == 2
        assert len(samples.declare(ROUND_1, 10, 0, STRATA).pairs) == 10


def changed_store(path: Path) -> list[Question]:
    """Twenty changed texts of which every other one is better, and 20 unchanged ones."""
    rows = [["5 one", f"{(3, 7)[n % 2]} two {n}"] for n in range(20)]
    store_of(path, [*rows, *([f"same {n}", f"same {n}"] for n in range(20))])
    with Store.open_to_read(path) as store:
        return [next(pairs_of(one, 1, ORIGINAL)).question for one in store.contents()][:20]


def judge(path: Path, who: JudgeInfo, questions: list[Question]) -> None:
    """Verdicts by the texts' numbers."""
    with Verdicts.open(path) as verdicts:
        verdicts.add(who, [(q, Verdict(preference=by_number(*q[:3]))) for q in questions])


def test_a_judged_sample_has_a_win_rate_with_its_interval(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    questions = changed_store(path)
    with Samples.open(path) as samples:
        sample = samples.declare(ROUND_1, 12, 0, {q.digest: "" for q in questions})
    asked = [question for question in questions if sample.has(question.digest)]
    judge(path, ANNA, asked)
    (row,) = evaluate(path, [ANNA]).judges[0].rounds
    wins = sum(by_number(*question[:3]) == "second" for question in asked)
    assert (row.unjudged, row.records, row.counted) == (0, 40, 24)
    assert row.win_rate == (wins + 12 / 2) / 24  # unchanged texts in proportion: ties
    assert row.win_rate_low is not None
    assert left_out(row) == (
        "the figures are about 24 of 40 records: those that were judged of a random sample"
    )


@pytest.mark.parametrize(("judged", "has_figures"), [(9, False), (10, True)])
def test_ten_records_of_a_sample_are_enough(tmp_path: Path, judged: int, has_figures: bool) -> None:
    path = tmp_path / "s.sqlite"
    questions = changed_store(path)
    with Samples.open(path) as samples:
        samples.declare(ROUND_1, None, 0, {q.digest: "" for q in questions})
    judge(path, ANNA, questions[:judged])
    (row,) = evaluate(path, [ANNA]).judges[0].rounds
    assert (row.win_rate is not None) == has_figures
    assert row.unjudged == 20 - judged


def test_verdicts_without_a_declared_sample_wait_for_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    judge(path, ANNA, changed_store(path)[:15])
    (row,) = evaluate(path, [ANNA]).judges[0].rounds
    assert row.win_rate is None
    assert left_out(row) == "5 of 40 records are not judged yet, so no figures"


def test_a_sample_is_for_people_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    questions = changed_store(path)
    with Samples.open(path) as samples:
        samples.declare(ROUND_1, 12, 0, {q.digest: "" for q in questions})
    model = JudgeInfo(kind="model", name="m", digest="m")
    judge(path, model, questions[:12])
    (row,) = evaluate(path, [model]).judges[0].rounds
    assert row.win_rate is None


def test_outside_the_sample_nothing_counts() -> None:
    sampled = [outcome(n, (1.0, None)) for n in range(10)]
    others = [outcome(n, (0.0, None), is_sampled=False) for n in range(10, 20)]
    waiting = outcome(20, (None, None), is_judged=False)
    assert judged_part([*sampled, *others, waiting], is_sample=True) == sampled


def test_a_judge_with_too_few_verdicts_is_not_in_the_headline(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    questions = changed_store(path)
    judge(path, ANNA, questions[:3])
    rule = JudgeInfo(kind="function", name="rule", digest="rule")
    judge(path, rule, [one for question in questions for one in question.orders])
    with open_source(path) as source:
        assert [one.name for one in source.judges] == ["anna", "rule"]
        assert source.judge == rule
        charts = charts_of(aggregate(source), source.evaluation)
    titles = [chart.title for chart in charts]
    assert "Win rate by round, by rule" in titles
    assert "Won, tied, lost, by anna" in titles
    assert "Win rate by round, by anna" not in titles  # nothing to draw
    with open_source(path, [ANNA]) as source:
        assert source.judge == ANNA
