"""Sheets for people: pairs to be judged in a spreadsheet, blinded and shuffled, and read back.

A sheet does not tell which text is the later one, or of which round: the id of a row is a digest,
and the texts stand in random order. The store knows all of it, so a sheet can be read back with
nothing but the store.
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
from revloop.evaluation.pairs import Against, pairs_of
from revloop.evaluation.tables import write_rows
from revloop.trajectory import JudgeInfo, Verdict
from revloop.values import digest_of, explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from revloop.evaluation.verdicts import Question
    from revloop.trajectory import Preference, Trajectory

COLUMNS = ("id", "prompt", "text_a", "text_b", "verdict", "reason")
WORDS: dict[str, Preference] = {"a": "first", "b": "second", "tie": "tie"}
"""What a person writes into the column ``verdict``, capitals aside."""

_MARK_OF_UTF8 = "\ufeff"


class Filled(NamedTuple):
    """A row that a person has filled in.

    Attributes:
        line: Its line in the file.
        id: The pair and its order.
        verdict: What the person said.
    """

    line: int
    id: str
    verdict: Verdict


class UnusableSheetRow(NamedTuple):
    """A row that cannot be used.

    Attributes:
        line: Its line in the file.
        reason: What is wrong with it.
    """

    line: int
    reason: str


def person(name: str) -> JudgeInfo:
    """The judge that a person is, for the record.

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
) -> list[Question]:
    """The pairs to be judged, each in one random order, shuffled.

    Args:
        trajectories: Where they come from.
        rounds: The rounds to ask about.
        against: What each round is compared with.
        seed: Where the random choices start.
    """
    random = Random(f"sheet {seed}")
    known: dict[str, Question] = {}
    for trajectory in trajectories:
        for pair in pairs_of(trajectory, rounds.stop - 1, against):
            if pair.is_unchanged or pair.round not in rounds:
                continue
            if pair.question.digest not in known and pair.question.swapped.digest not in known:
                asked = random.choice((pair.question, pair.question.swapped))
                known[asked.digest] = asked
    asked_about = list(known.values())
    random.shuffle(asked_about)
    return asked_about


def write_sheet(file: TextIO, questions: Iterable[Question], *, as_csv: bool) -> None:
    """Write a sheet: CSV for a spreadsheet (no cell is a formula), else a JSON object a line."""
    rows = ([q.digest, q.prompt, q.first, q.second, "", ""] for q in questions)
    if as_csv:
        file.write(_MARK_OF_UTF8)  # else a spreadsheet may take it for another encoding
        write_rows(file, COLUMNS, rows)
        return
    objects = (dict(zip(COLUMNS, row, strict=True)) for row in rows)
    file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in objects)


def read_sheet(path: Path) -> Iterator[Filled | UnusableSheetRow]:
    """The rows that a person filled in, and those that cannot be used; empty ones are skipped.

    Raises:
        InputError: The file cannot be read at all.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise InputError(f"{path} is not UTF-8: save it as CSV in UTF-8.") from exc
    rows = _jsonl_rows(text) if path.suffix == ".jsonl" else _csv_rows(text, path)
    for line, row in rows:
        if isinstance(row, str):
            yield UnusableSheetRow(line, row)
        elif said := str(row.get("verdict") or "").strip():
            yield _filled(line, row, said)


def match_sheet(
    rows: Iterable[Filled | UnusableSheetRow], trajectories: Iterable[Trajectory]
) -> tuple[list[tuple[Question, Verdict]], list[UnusableSheetRow]]:
    """Find the pairs of a sheet in the store that it was made from.

    Returns:
        Questions with their verdicts, and the rows that cannot be used.
    """
    filled: dict[str, Filled] = {}
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
    both: frozenset[Against] = frozenset({"original", "previous"})
    found: dict[str, Question] = {}
    for trajectory in trajectories:
        # more rounds than any version has: one that ended early stands where it ended
        for pair in pairs_of(trajectory, trajectory.rounds + 1, both):
            for question in (pair.question, pair.question.swapped):
                if question.digest in filled:
                    found[question.digest] = question
    unusable += [
        UnusableSheetRow(row.line, f"the store has no pair '{row.id:.40}'")
        for row in filled.values()
        if row.id not in found
    ]
    given = [(question, filled[id_].verdict) for id_, question in found.items()]
    return given, sorted(unusable)


def _filled(line: int, row: dict[str, Any], said: str) -> Filled | UnusableSheetRow:
    preference = WORDS.get(said.casefold())
    if preference is None:
        return UnusableSheetRow(line, f"the verdict is '{said:.40}'; write A, B or tie")
    reason = str(row.get("reason") or "").strip() or None
    try:
        verdict = Verdict(preference=preference, reason=reason, raw=said)
    except ValidationError as exc:
        return UnusableSheetRow(line, explain(exc))
    return Filled(line, str(row.get("id") or "").strip(), verdict)


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    header, _, _ = text.partition("\n")
    # a spreadsheet writes semicolons where the comma is the decimal sign
    delimiter = max(",;\t", key=header.count)
    csv.field_size_limit(sys.maxsize)  # a text may be longer than the 128 KiB of the default
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    if missing := {"id", "verdict"} - set(reader.fieldnames or ()):
        raise InputError(f"{path} has no column '{min(missing)}': it is no sheet of revloop's.")
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
