"""Validating records: what is reported for which line, and what is counted."""

from __future__ import annotations

from typing import Any

import pytest

from revloop import PromptSet
from revloop.records import (
    Finding,
    FindingKind,
    LanguageDetector,
    LengthSummary,
    NearDuplicates,
    Record,
    RecordEntry,
    RecordLimits,
    Report,
    training_texts,
    validate,
)
from tests.helpers.record_samples import BOTTLES, record

CNR = PromptSet.load("cnr")


def words(text: str) -> int:
    """Stands for a tokenizer: a token for each word."""
    return len(text.split())


def report(*records: Record | Finding, **checks: Any) -> Report:
    entries = [
        item if isinstance(item, Finding) else RecordEntry(line, item)
        for line, item in enumerate(records, start=1)
    ]
    return validate(entries, RecordLimits(prompts=checks.pop("prompts", CNR), **checks))


def kinds(found: Report) -> list[tuple[int, FindingKind]]:
    return [(finding.line, finding.kind) for finding in found.findings]


def test_a_good_record_has_no_findings() -> None:
    found = report(record())
    assert (found.lines, found.valid, found.rendered, found.findings) == (1, 1, 1, ())
    assert found.lessons == {"both": 1}


def test_nothing_at_all_is_a_report_too() -> None:
    found = report()
    assert (found.lines, found.valid, found.tokens, found.characters) == (0, 0, None, {})


def test_findings_of_the_reader_are_kept_and_counted_as_lines() -> None:
    unreadable = Finding(line=1, kind=FindingKind.UNREADABLE, reason="not JSON")
    found = report(unreadable, record())
    assert (found.lines, found.valid) == (2, 1)
    assert found.findings == (unreadable,)
    assert found.error_lines == {1}


@pytest.mark.parametrize("score", [0, 10.5, -3])
def test_a_score_off_the_scale_is_reported_once(score: float) -> None:
    found = report(record(score=score))
    assert kinds(found) == [(1, FindingKind.OFF_SCALE)]
    assert "1 to 10" in found.findings[0].reason
    assert found.valid == 0


def test_an_unchanged_revision_is_worth_a_look_and_still_valid() -> None:
    found = report(record(revision=f" {BOTTLES['response']}\n"))
    assert kinds(found) == [(1, FindingKind.UNCHANGED_REVISION)]
    assert found.valid == 1


def test_a_duplicate_names_the_first_one() -> None:
    found = report(record(), record(response="So."), record(id="c", source="elsewhere"))
    assert kinds(found) == [(2, FindingKind.SAME_ID), (3, FindingKind.DUPLICATE)]
    assert "line 1" in found.findings[1].reason
    assert found.valid == 2
    assert found.error_lines == {3}


def test_a_near_duplicate_is_worth_a_look() -> None:
    pytest.importorskip("rensa", reason="the extra 'records' is not installed")
    near = NearDuplicates(0.85)
    found = report(record(), record(id="b", score=5), near_duplicates=near)
    assert kinds(found) == [(2, FindingKind.NEAR_DUPLICATE)]
    assert "line 1 (about 100% alike)" in found.findings[0].reason
    assert found.valid == 2


def test_a_record_that_fills_the_context_to_the_token_fits() -> None:
    (text,) = training_texts(record(), CNR)
    length = words(f"{text.prompt}{text.target}") + 1  # the end token
    fits = report(record(), count_tokens=words, context_tokens=length)
    assert fits.tokens == LengthSummary(
        count=1, minimum=length, median=length, p95=length, maximum=length
    )
    found = report(record(), count_tokens=words, context_tokens=length - 1)
    assert kinds(found) == [(1, FindingKind.TOO_LONG)]
    assert f"{length} tokens" in found.findings[0].reason


def test_the_longer_turn_of_a_chat_counts() -> None:
    chat = PromptSet.load("chat")
    _, second = training_texts(record(), chat)
    found = report(record(), prompts=chat, count_tokens=words)
    assert found.tokens is not None
    assert found.tokens.maximum > words(second.target) + words(second.prompt[0].content)  # type: ignore[union-attr]


def test_what_the_prompt_set_has_no_place_for_is_reported_and_still_valid() -> None:
    free = record(positive=None, negative=None, score=None, critique="Wrong.")
    found = report(free, count_tokens=words)
    assert kinds(found) == [(1, FindingKind.NOT_RENDERED)]
    assert (found.valid, found.rendered, found.tokens) == (1, 0, None)
    assert report(free, prompts=PromptSet.load("chat")).rendered == 1


def test_lengths_are_of_valid_records_alone() -> None:
    found = report(*(record(id=None, revision="x" * n) for n in range(1, 101)), record(score=99))
    assert found.characters["revision"] == LengthSummary(
        count=100, minimum=1, median=50, p95=95, maximum=100
    )
    assert set(found.characters) == {"prompt", "response", "critique", "revision"}


def test_what_is_not_there_is_not_measured() -> None:
    assert set(report(record(prompt=None, revision=None)).characters) == {"response", "critique"}


def test_languages_are_counted_where_somebody_looks() -> None:
    pytest.importorskip("py3langid", reason="the extra 'records' is not installed")
    short, other = record(id="b", response="So."), record(id="c", response=str(BOTTLES["revision"]))
    found = report(record(), short, other, languages=LanguageDetector())
    assert found.languages == {"en": 2, "und": 1}
    assert list(found.languages) == ["en", "und"]


def test_what_nobody_looked_for_is_said() -> None:
    assert [what.split(":")[0] for what in report(record()).not_checked] == [
        "whether records fit the critic's context",
        "near duplicates",
        "languages",
    ]
    assert len(report(record(), count_tokens=words).not_checked) == 2


def test_a_report_goes_to_json_and_back() -> None:
    found = report(record(), record(), count_tokens=words)
    assert Report.model_validate_json(found.model_dump_json()) == found


def test_findings_come_by_line() -> None:
    late = Finding(line=9, kind=FindingKind.UNREADABLE, reason="not JSON")
    found = report(late, record(), record(id="c"))
    assert [finding.line for finding in found.findings] == [3, 9]
