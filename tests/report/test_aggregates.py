"""Aggregates over the trajectories of a report, and the details of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop import InputError, StopReason
from revloop.edits import EditOutcome
from revloop.edits.changes import is_rewritten, word_diff
from revloop.report.aggregates import RESULTS, aggregate, result_of
from revloop.report.chart_types import Bars
from revloop.report.charts import charts_of
from revloop.report.details import details_of, differences
from revloop.trajectory import (
    Comparison,
    Critique,
    End,
    EngineInfo,
    OtherCandidate,
    Refusal,
    Selection,
    Usage,
    Verdict,
)
from tests.helpers.edited_samples import APPLIED, edited_store
from tests.helpers.judges import info
from tests.helpers.report_samples import HOSTILE, source_of, step, trajectory

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.evaluation import Question
    from revloop.trajectory import JudgeInfo, Preference


def told(*said: Preference | None, **more: Any) -> str:
    """The result of a trajectory with these verdicts in the two orders."""
    answers = dict(zip(("old", "new"), said, strict=True))

    def verdict(_judge: JudgeInfo, question: Question) -> Verdict | None:
        answer = answers[question.first]
        return None if answer is None else Verdict(preference=answer)

    source = source_of([], judges=[info()], verdict=verdict)
    return result_of(trajectory("old", "new", **more), source)


@pytest.mark.parametrize(
    ("original_first", "revision_first", "result"),
    [
        ("first", "second", "harmed"),
        ("second", "first", "better"),
        ("tie", "tie", "same"),
        ("first", "first", "mixed"),
        ("tie", "first", "mixed"),
        ("second", None, "better"),
        ("first", None, "worse"),
        ("first", "unparseable", "worse"),
        ("unparseable", "unparseable", "unjudged"),
        (None, None, "unjudged"),
    ],
)
def test_the_result_follows_from_the_verdicts_in_both_orders(
    original_first: Preference | None, revision_first: Preference | None, result: str
) -> None:
    assert told(original_first, revision_first) == result


def test_an_unchanged_text_is_the_same_without_a_judge() -> None:
    assert result_of(trajectory("a", "b", "a"), source_of([])) == "same"


def test_a_changed_text_without_a_judge_is_not_judged() -> None:
    assert result_of(trajectory("a", "b"), source_of([])) == "unjudged"


def test_a_draft_without_rounds_is_not_judged() -> None:
    assert result_of(trajectory("a", ended=False), source_of([])) == "unjudged"


@pytest.mark.parametrize("texts", [("a",), ("a", "b"), ("a", "a")])
def test_a_failed_trajectory_is_failed_and_never_the_same(texts: tuple[str, ...]) -> None:
    end = End(reason=StopReason.TOKEN_LIMIT, detail="Cut off.")
    failed = trajectory(*texts).model_copy(update={"end": end})
    assert result_of(failed, source_of([])) == "failed"
    assert aggregate(source_of([failed])).results == {"failed": 1}


def test_the_worst_results_come_first() -> None:
    assert next(iter(RESULTS)) == "harmed"
    assert list(RESULTS)[-1] == "better"


def test_tokens_and_seconds_are_counted_by_round() -> None:
    found = aggregate(source_of([trajectory("a", "b", "c"), trajectory("a", "b")]))
    assert found.rounds == 2
    first, second = found.costs[1], found.costs[2]
    assert (first.trajectories, second.trajectories) == (2, 1)
    assert (first.read_tokens, first.cached_tokens, first.generated_tokens) == (120, 80, 40)
    assert first.seconds == 1.0


def test_thoughts_are_counted_and_shown_with_their_round() -> None:
    usage = Usage(prompt_tokens=9, generated_tokens=20, thinking_tokens=15)
    thinking = step().model_copy(update={"thoughts": "Hm.", "usage": usage})
    made = trajectory("a", "b")
    first = made.versions[1].model_copy(update={"steps": (thinking,)})
    end = End(reason=StopReason.UNPARSEABLE, detail="No.", steps=(thinking, step()))
    one = made.model_copy(update={"versions": (made.versions[0], first), "end": end})
    found = aggregate(source_of([one]))
    assert [found.costs[number].thinking_tokens for number in (1, 2)] == [15, 15]
    tokens = charts_of(found, None)[1]
    assert isinstance(tokens, Bars)
    assert [(part.name, part.values) for part in tokens.segments[2:]] == [
        ("generated, without thoughts", (5.0, 25.0)),
        ("thoughts", (15.0, 15.0)),
    ]
    details = details_of(one, source_of([]))
    shown = {"kind": "both", "attempt": 1, "text": "Hm."}
    assert details["versions"][1]["thoughts"] == [{"round": 1, **shown}]
    assert details["versions"][1]["tokens"][2:] == [20, 15]
    assert details["thoughts"] == [{"round": 2, **shown}]


def test_requests_of_a_failed_round_count_in_that_round() -> None:
    end = End(reason=StopReason.TOKEN_LIMIT, detail="Cut off.", steps=(step(cached=None),))
    failed = trajectory("a", "b").model_copy(update={"end": end})
    found = aggregate(source_of([failed]))
    assert found.stop_reasons == {"token_limit": 1}
    assert found.costs[2].read_tokens == 100


def test_trajectories_without_an_end_are_counted_as_not_finished() -> None:
    found = aggregate(source_of([trajectory("a", ended=False), trajectory("a", "b")]))
    assert found.stop_reasons == {"not_finished": 1, "rounds_done": 1}


def test_nothing_to_report_is_an_error() -> None:
    with pytest.raises(InputError, match=r"some\.sqlite holds no trajectory"):
        aggregate(source_of([]))


def test_a_row_shows_the_prompt_and_the_drafts_fields() -> None:
    one = trajectory("a", "b", id_="x", prompt="Why\n is it?", kind="mail", size=3, tags=["é"])
    (row,) = aggregate(source_of([one])).rows
    assert row["preview"] == "Why is it?"
    assert row["values"] == {"kind": "mail", "size": "3", "tags": '["é"]'}
    assert (row["id"], row["rounds"], row["kept"]) == ("x", 1, 1)


def test_long_prompts_and_values_are_truncated_in_the_list() -> None:
    one = trajectory("a", "b", prompt="p" * 5000, note="n" * 5000)
    (row,) = aggregate(source_of([one])).rows
    assert len(row["preview"]) == 120
    assert len(row["values"]["note"]) == 80


def spelled(text: str, changes: list[int], kind: int) -> str:
    """Rebuild a text as the page's script does, in UTF-16 units."""
    units, place, shown = text.encode("utf-16-le"), 0, b""
    for what, length in zip(changes[::2], changes[1::2], strict=True):
        if what in {0, kind}:
            shown += units[2 * place : 2 * (place + length)]
            place += length
    assert 2 * place == len(units)
    return shown.decode("utf-16-le")


@given(st.text(), st.text())
def test_differences_cover_both_texts_in_the_units_of_a_browser(old: str, new: str) -> None:
    changes = differences(old, new)
    if changes is None:
        assert is_rewritten(word_diff(old, new))
        return
    assert spelled(old, changes, 1) == old
    assert spelled(new, changes, 2) == new


def test_a_mostly_changed_text_has_no_marks() -> None:
    old = "One thing after another was said here, at some length, by the first of the two texts."
    new = "Nothing of that is left in this one: all of its words are others, and in another order."
    assert differences(old, old + " And more.") is not None
    assert differences(f"{old} Thanks for all.", f"Thanks for all. {new}") is None
    assert differences("a", "b") == [1, 1, 2, 1]  # short texts can be read with marks


def test_letters_beyond_the_basic_plane_count_two() -> None:
    assert differences("good 🦊 day", "good 🦊 night") == [0, 8, 1, 3, 2, 5]


def test_details_have_critiques_tokens_and_base_versions() -> None:
    one = details_of(trajectory("a b c", "a b d", id_="x", k=1), source_of([]))
    (version,) = one["versions"][1:]
    no_checks = {"count": 0, "passed": 0, "others": [], "veto": None}
    assert one["versions"][0] == {"round": 0, "text": "a b c", "checks": no_checks}
    assert version["critique"] == "Critique of a b c"
    assert (version["base"], version["score"], version["tokens"]) == (0, 5.0, [100, 40, 20, None])
    assert one["fields"] == {"k": "1"}
    assert one["prompt"] == [{"role": "user", "text": "Why?"}]


def test_details_have_rejected_replies_and_unreadable_scores() -> None:
    refusal = Refusal(reason="it is blank", reply="  ", characters=12)
    refused = step().model_copy(update={"refusal": refusal})
    made = trajectory("a", "b")
    critique = Critique(raw="Overall score: eight", unread_score="eight")
    versions = (made.versions[0], made.versions[1].model_copy(update={"critique": critique}))
    end = End(reason=StopReason.UNPARSEABLE, detail="No.", steps=(refused,))
    one = details_of(made.model_copy(update={"versions": versions, "end": end}), source_of([]))
    assert one["rejected"] == [
        {
            "round": 2,
            "kind": "both",
            "attempt": 1,
            "guard": None,
            "reason": "it is blank",
            "reply": "  ",
            "left_out": 10,
        }
    ]
    assert (one["versions"][1]["score"], one["versions"][1]["unread_score"]) == (None, "eight")


def test_details_show_verdicts_on_the_later_text() -> None:
    def verdict(_judge: JudgeInfo, question: Question) -> Verdict:
        return Verdict(preference="first", reason=f"{question.first} is better")

    source = source_of([], judges=[info()], verdict=verdict)
    one = details_of(trajectory("old", "new"), source)
    assert [(v["order"], v["result"], v["reason"]) for v in one["verdicts"]] == [
        ("earlier text first", "lost", "old is better"),
        ("later text first", "won", "new is better"),
    ]


def test_details_name_the_editor_too() -> None:
    one = trajectory("a b c", "a b d")
    editor = EngineInfo(kind="http", model="the editor")
    version = one.versions[1].model_copy(update={"editor": editor})
    found = details_of(
        one.model_copy(update={"versions": (one.versions[0], version)}), source_of([])
    )
    assert version.engine is not None
    assert found["versions"][1]["model"] == f"{version.engine.model}, edited by the editor"


def test_details_show_keep_verdicts_and_other_candidates() -> None:
    said = (Verdict(preference="first"), Verdict(preference="unparseable"))
    comparison = Comparison(incumbent=0, challenger=1, verdicts=said)
    one = trajectory("old", "new")
    selection = Selection(chosen=0, others=(OtherCandidate(text=HOSTILE[0]),))
    version = one.versions[1].model_copy(update={"comparison": comparison, "selection": selection})
    found = details_of(
        one.model_copy(update={"versions": (one.versions[0], version)}), source_of([])
    )
    assert [(v["judge"], v["against"], v["result"]) for v in found["verdicts"]] == [
        ("--keep", "the original", "lost"),
        ("--keep", "the original", "could not be read"),
    ]
    assert found["kept"] == 0
    assert found["versions"][1]["candidates"] == [{"text": HOSTILE[0], "others": []}]


def marks(one: dict[str, Any], before: str, after: str) -> list[tuple[str, str]]:
    """What the page marks as removed and as added."""
    places, found = {1: 0, 2: 0}, []
    texts = {side: text.encode("utf-16-le") for side, text in ((1, before), (2, after))}
    for kind, length in zip(one["changes"][::2], one["changes"][1::2], strict=True):
        for side in [kind] if kind else [1, 2]:
            piece = texts[side][2 * places[side] : 2 * (places[side] + length)]
            places[side] += length
            if kind:
                found.append(("-+"[kind - 1], piece.decode("utf-16-le")))
    return found


def test_the_changes_of_a_version_written_as_edits_are_its_edits(tmp_path: Path) -> None:
    (one, *_) = edited_store(tmp_path / "s.sqlite")
    details = details_of(one, source_of([one]))
    (version,) = details["versions"][1:]
    expected = [side for edit in APPLIED for side in (("-", edit.find), ("+", edit.replacement))]
    for changed in (version, details):
        assert marks(changed, one.original, one.final) == expected
    assert version["edits"] == {"count": 3, "applied": 3, "remarks": []}
    assert version["unusable_edits"] is None


def test_details_say_which_edits_were_left_out_and_when_there_were_none(tmp_path: Path) -> None:
    (_, one, _) = edited_store(tmp_path / "s.sqlite")
    details = details_of(one, source_of([one]))
    _, first, second = details["versions"]
    assert (first["edits"]["count"], first["edits"]["applied"]) == (7, 4)
    assert {"passage": "May", "remark": EditOutcome.AMBIGUOUS.meaning} in first["edits"]["remarks"]
    assert second["edits"] == {"count": 0, "applied": 0, "remarks": []}
    assert details["changes"] == first["changes"]  # the second round changed nothing


def test_details_say_why_a_version_is_a_rewrite(tmp_path: Path) -> None:
    (*_, one) = edited_store(tmp_path / "s.sqlite")
    (version,) = details_of(one, source_of([one]))["versions"][1:]
    assert version["edits"] is None
    assert version["unusable_edits"].startswith("its edit cannot be applied")


def test_long_passages_of_edits_are_shortened(tmp_path: Path) -> None:
    (_, one, _) = edited_store(tmp_path / "s.sqlite")
    first = one.versions[1]
    assert first.edits is not None
    long = first.edits[-1].model_copy(update={"find": "word\n" * 99})
    first = first.model_copy(update={"edits": (*first.edits[:-1], long)})
    one = one.model_copy(update={"versions": (one.versions[0], first)})
    (version,) = details_of(one, source_of([one]))["versions"][1:]
    assert version["edits"]["remarks"][-1]["passage"] == "word " * 40 + "…"


def test_edits_are_counted_by_outcome_and_rewrites_after_them(tmp_path: Path) -> None:
    found = aggregate(source_of(edited_store(tmp_path / "s.sqlite")))
    assert found.edits == {
        "applied": 6,
        "folded": 1,
        "not_found": 1,
        "overlapping": 1,
        "ambiguous": 1,
    }
    assert found.rewrites == 1
