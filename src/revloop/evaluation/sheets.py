"""Sheets for human judges: pairs in a spreadsheet, blinded and shuffled, and read back.

A sheet does not show which text is later, or from which round: a row's id is a digest, and its two
texts are in random order. The store resolves the ids, so reading a sheet back needs nothing else.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from pydantic import ValidationError

from revloop.errors import InputError
from revloop.evaluation.pairs import BOTH, Against, pairs_of
from revloop.files.text import read_text
from revloop.rows.spreadsheets import write_rows
from revloop.trajectory import JudgeInfo, Verdict
from revloop.values import digest_of, explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from revloop.evaluation.verdicts import Question
    from revloop.trajectory import Preference, Trajectory

COLUMNS = ("id", "prompt", "text_a", "text_b", "verdict", "reason")
WORDS: dict[str, Preference] = {"a": "first", "b": "second", "tie": "tie"}
"""Values of the column ``verdict``, ignoring case."""

_UTF8_MARK = "\ufeff"


class FilledRow(NamedTuple):
    """A row with a verdict.

    Attributes:
        line: Line in the file.
        id: Digest of the pair and its order.
        verdict: The verdict.
    """

    line: int
    id: str
    verdict: Verdict


class UnusableSheetRow(NamedTuple):
    """A row that cannot be used.

    Attributes:
        line: Line in the file.
        reason: What is wrong.
    """

    line: int
    reason: str


def human_judge(name: str) -> JudgeInfo:
    """A person as judge, for the record.

    Raises:
        InputError: The name is blank.
    """
    if not name.strip():
        raise InputError("The name of the person who judges is blank.")
    return JudgeInfo(kind="people", name=name, digest=digest_of("people", name))


def questions_for_people(
    trajectories: Iterable[Trajectory],
    *,
    rounds: range,
    against: frozenset[Against],
    seed: int = 0,
    only: frozenset[str] | None = None,
) -> list[Question]:
    """The pairs to judge, shuffled, each in a random order.

    Args:
        trajectories: The trajectories of a store.
        rounds: The rounds to judge.
        against: What each round is compared with.
        seed: Seed of the order.
        only: The pairs to take, by the digest with the earlier text first; None: all.
    """
    random = Random(f"sheet {seed}")
    known: dict[str, Question] = {}
    for trajectory in trajectories:
        for pair in pairs_of(trajectory, rounds.stop - 1, against):
            if pair.is_unchanged or pair.round not in rounds:
                continue
            if only is not None and pair.question.digest not in only:
                continue
            if not any(question.digest in known for question in pair.question.orders):
                shown = random.choice(pair.question.orders)
                known[shown.digest] = shown
    questions = list(known.values())
    random.shuffle(questions)
    return questions


def write_sheet(file: TextIO, questions: Iterable[Question], *, as_csv: bool) -> None:
    """Write a sheet as CSV (without formulas) or as JSON Lines."""
    rows = ([q.digest, q.prompt, q.first, q.second, "", ""] for q in questions)
    if as_csv:
        file.write(_UTF8_MARK)  # spreadsheets may guess another encoding without it
        write_rows(file, COLUMNS, rows)
        return
    file.writelines(
        json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n" for row in rows
    )


def read_sheet(path: Path) -> Iterator[FilledRow | UnusableSheetRow]:
    """Read the rows with a verdict, and those that cannot be used; rows without one are skipped.

    Raises:
        InputError: The file cannot be read.
    """
    text = read_text(path)
    rows = _jsonl_rows(text) if path.suffix.lower() == ".jsonl" else _csv_rows(text, path)
    for line, row in rows:
        if isinstance(row, str):
            yield UnusableSheetRow(line, row)
        elif word := str(row.get("verdict") or "").strip():
            yield _filled(line, row, word)


def match_sheet(
    rows: Iterable[FilledRow | UnusableSheetRow], trajectories: Iterable[Trajectory]
) -> tuple[list[tuple[Question, Verdict]], list[UnusableSheetRow]]:
    """Resolve the rows of a sheet in the store that it was made from.

    Returns:
        Questions with their verdicts, and the unusable rows.
    """
    filled: dict[str, FilledRow] = {}
    unusable: list[UnusableSheetRow] = []
    for row in rows:
        if isinstance(row, UnusableSheetRow):
            unusable.append(row)
        elif row.id in filled and filled[row.id].verdict.preference != row.verdict.preference:
            unusable.append(
                UnusableSheetRow(row.line, "contradicts an earlier row with the same id")
            )
        else:
            filled[row.id] = row
    found: dict[str, Question] = {}
    for trajectory in trajectories:
        # one round beyond the last: after an early stop, later rounds compare the kept text
        for pair in pairs_of(trajectory, trajectory.rounds + 1, BOTH):
            found |= {q.digest: q for q in pair.question.orders if q.digest in filled}
    unusable += [
        UnusableSheetRow(row.line, f"the store has no pair '{row.id:.40}'")
        for row in filled.values()
        if row.id not in found
    ]
    given = [(question, filled[id_].verdict) for id_, question in found.items()]
    return given, sorted(unusable)


def _filled(line: int, row: dict[str, Any], word: str) -> FilledRow | UnusableSheetRow:
    preference = WORDS.get(word.casefold())
    if preference is None:
        return UnusableSheetRow(line, f"the verdict is '{word:.40}'; write A, B or tie")
    reason = str(row.get("reason") or "").strip() or None
    try:
        verdict = Verdict(preference=preference, reason=reason, raw=word)
    except ValidationError as exc:
        return UnusableSheetRow(line, explain(exc))
    return FilledRow(line, str(row.get("id") or "").strip(), verdict)


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    header, _, _ = text.partition("\n")
    # spreadsheets write semicolons in locales with a decimal comma
    delimiter = max(",;\t", key=header.count)
    csv.field_size_limit(sys.maxsize)  # the default limits a text to 128 KiB
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    if missing := {"id", "verdict"} - set(reader.fieldnames or ()):
        raise InputError(f"{path} has no column '{min(missing)}': it is not a revloop sheet.")
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as exc:
        raise InputError(f"{path}, line {reader.line_num}: {exc}.") from exc


def _jsonl_rows(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as exc:
            yield number, f"not JSON: {exc}"
            continue
        yield number, row if isinstance(row, dict) else "no JSON object"
