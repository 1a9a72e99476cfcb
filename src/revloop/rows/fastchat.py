"""Answers of FastChat, MT-Bench and Arena-Hard, joined with the questions beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from revloop.errors import InputError
from revloop.files.compression import decompressed, open_input, translate_read_errors
from revloop.rows.formats import Converted, Fields, RowFormat, draft_of_turns
from revloop.rows.lines import lines_of
from revloop.rows.parsing import parse
from revloop.rows.row import DEFAULT_ROW_BYTES, UnusableRow

NAME = "fastchat"

_QUESTIONS = "question.jsonl"
_TEXTS = ("text", "turns", "choices")


def is_answer(row: Mapping[str, Any]) -> bool:
    """Whether a row is surely an answer in FastChat's format or Arena-Hard's first one."""
    if "question_id" not in row:
        return False
    is_old = isinstance(row.get("text"), str) and bool({"answer_id", "model_id"} & row.keys())
    return is_old or isinstance(row.get("choices"), list)


def fastchat(source: str, questions: Path | None) -> RowFormat:
    """The format of FastChat's answers.

    Args:
        source: The file of answers.
        questions: Their questions; None: ``question.jsonl`` in the same folder or its parent.

    Raises:
        InputError: There are no questions, or they cannot be read.
    """
    known = _read_questions(questions or _find_questions(source))
    return RowFormat(is_answer, lambda row: _converted(row, known), {})


def _find_questions(source: str) -> Path:
    folder = Path(source).absolute().parent
    for path in (folder / _QUESTIONS, folder.parent / _QUESTIONS):
        if path.is_file():
            return path
    raise InputError(
        f"{source} holds answers (FastChat's or Arena-Hard's), but not the questions: there is no "
        f"{_QUESTIONS} beside it or in the parent folder. Name the file with --questions."
    )


def _read_questions(path: Path) -> dict[str, Mapping[str, Any]]:
    name, questions = str(path), {}
    with translate_read_errors(name), open_input(name) as file:
        for raw in lines_of(decompressed(file, name), DEFAULT_ROW_BYTES, seekable=False):
            try:
                question = parse(raw)
                questions[str(question["question_id"])] = question
            except UnusableRow as exc:
                raise InputError(f"{path}, line {raw.number}: {exc}.") from exc
            except KeyError as exc:
                raise InputError(f"{path}, line {raw.number}: no question_id.") from exc
    return questions


def _converted(row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Converted:
    """A draft named by model and question, and the other fields of answer and question."""
    number = str(row.get("question_id"))
    question = known.get(number)
    if question is None:
        raise UnusableRow(f"question_id: there is no question '{number}'")
    asked = _texts(question, "the question")
    answered = _texts(row, "the answer")
    if len(asked) < len(answered):
        raise UnusableRow("the answer has more turns than the question")
    turns: list[Fields] = []
    for one, other in zip(asked, answered, strict=False):  # later turns may be unanswered
        turns += ({"role": "user", "content": one}, {"role": "assistant", "content": other})
    model = row.get("model_id")
    name = number if model is None else f"{model}-{number}"
    rest = {key: value for key, value in {**question, **row}.items() if key not in _TEXTS}
    return {"id": name, **draft_of_turns(turns)}, rest


def _texts(row: Mapping[str, Any], what: str) -> list[str]:
    """The turns of a question or an answer; of several choices, the first one's."""
    choices = row.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        row = choices[0]
    turns = row.get("turns", [row.get("text")])
    texts = [_text(turn) for turn in turns] if isinstance(turns, list) else []
    found = [text for text in texts if text is not None]
    if not found or len(found) < len(texts):
        raise UnusableRow(f"{what} has no text")
    return found


def _text(turn: object) -> str | None:
    """The text of a turn: FastChat's is a string, Arena-Hard's an object around one."""
    text = turn.get("content") if isinstance(turn, Mapping) else turn
    return text if isinstance(text, str) else None
