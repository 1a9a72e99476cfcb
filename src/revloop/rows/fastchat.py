"""Answers of FastChat, MT-Bench and Arena-Hard, joined with their questions beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revloop.errors import InputError
from revloop.files.compression import opened, readable
from revloop.rows.formats import Converted, Fields, Form, Unusable, draft_of_turns
from revloop.values import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "fastchat"

_QUESTIONS = "question.jsonl"
_TEXTS = ("text", "turns", "choices")


def is_like(row: Mapping[str, Any]) -> bool:
    """Whether a row surely is an answer of FastChat's, or of Arena-Hard's first version."""
    if "question_id" not in row:
        return False
    is_old = isinstance(row.get("text"), str) and bool({"answer_id", "model_id"} & row.keys())
    return is_old or isinstance(row.get("choices"), list)


def fastchat(source: str, questions: Path | None) -> Form:
    """FastChat's answers as a form.

    Args:
        source: The file of answers.
        questions: Their questions; None: ``question.jsonl`` in the same folder or the one above.

    Raises:
        InputError: There are no questions, or they cannot be read.
    """
    known = _read_questions(questions or _find_questions(source))
    source_name = "FastChat, MT-Bench and Arena-Hard answers"
    return Form(NAME, source_name, is_like, lambda row: _converted(row, known), {})


def _find_questions(source: str) -> Path:
    folder = Path(source).absolute().parent
    for path in (folder / _QUESTIONS, folder.parent / _QUESTIONS):
        if path.is_file():
            return path
    raise InputError(
        f"{source} holds answers (FastChat's or Arena-Hard's), but not the questions: there is no "
        f"{_QUESTIONS} beside it or one folder up. Name the file with --questions."
    )


def _read_questions(path: Path) -> dict[str, Mapping[str, Any]]:
    with readable(str(path)), opened(str(path)) as file:
        rows = list(_objects(path, file))
    return {str(row["question_id"]): row for row in rows}


def _objects(path: Path, lines: Any) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if line.isspace():
            continue
        try:
            row = read_json(line)
        except ValueError as exc:
            raise InputError(f"{path}, line {number}: not JSON ({exc}).") from exc
        if not isinstance(row, Mapping) or "question_id" not in row:
            raise InputError(f"{path}, line {number}: no question of FastChat's (question_id).")
        yield row


def _converted(row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Converted:
    """A draft named by model and question, and what else answer and question say."""
    number = str(row.get("question_id"))
    question = known.get(number)
    if question is None:
        raise Unusable(f"question_id: there is no question '{number}'")
    asked = _texts(question, "the question")
    answered = _texts(row, "the answer")
    if len(asked) < len(answered):
        raise Unusable("the answer has more turns than the question")
    turns: list[Fields] = []
    for one, other in zip(asked, answered, strict=False):  # a question may not be answered whole
        turns += ({"role": "user", "content": one}, {"role": "assistant", "content": other})
    model = row.get("model_id")
    name = number if model is None else f"{model}-{number}"
    rest = {key: value for key, value in {**question, **row}.items() if key not in _TEXTS}
    return {"id": name, **draft_of_turns(turns)}, rest


def _texts(row: Mapping[str, Any], what: str) -> list[str]:
    """The turns of a question or an answer: of the first choice, where there are several."""
    choices = row.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        row = choices[0]
    turns = row.get("turns", [row.get("text")])
    texts = [_text(turn) for turn in turns] if isinstance(turns, list) else []
    found = [text for text in texts if text is not None]
    if not found or len(found) < len(texts):
        raise Unusable(f"{what} has no text")
    return found


def _text(turn: object) -> str | None:
    """The text of a turn: FastChat's is a string, Arena-Hard's an object around one."""
    text = turn.get("content") if isinstance(turn, Mapping) else turn
    return text if isinstance(text, str) else None
