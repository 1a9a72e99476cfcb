"""Training text: a record in the layout of a prompt set, by the functions that the loop uses.

What a critic is trained on and what the loop sends to it are identical, since both come from the
same :class:`~revloop.prompts.PromptSet`. A record whose text the loop could not parse (a critique
that contains the heading of the revision, say) is refused, and never trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from revloop.edits import edits_between, write_edits
from revloop.errors import InputError
from revloop.prompts import texts_given
from revloop.prompts.parsing import UnusableError, write_critique, write_revision
from revloop.records.record import Lesson
from revloop.trajectory import Critique, Message
from revloop.values import Frozen

if TYPE_CHECKING:
    from revloop.prompts import PromptSet, Rendered
    from revloop.prompts.guards import GuardName
    from revloop.prompts.parsing import Labels
    from revloop.records.record import Record

_ANY_REVISION = "x"
_GUARDS: tuple[GuardName, ...] = ("copied_critique", "copied_prompt")
"""A critic must not learn to copy; what a revision may leave out is for its author to judge."""


class TrainingText(Frozen):
    """One example for supervised fine-tuning: the loss is on the target alone."""

    id: str = Field(description="Of the record.")
    lesson: Lesson = Field(description="What this example teaches.")
    prompt: str | tuple[Message, ...] = Field(description="What the loop sends to the critic.")
    target: str = Field(description="What the critic should write.")
    ends: bool = Field(
        description="Whether the end token follows the target. False for a critique without "
        "its revision: the critic would continue, and the loop stops it."
    )


def training_texts(record: Record, prompts: PromptSet) -> tuple[TrainingText, ...]:
    """The training examples of a record, in the layout of a prompt set.

    A completion set gives one: the critique, the bridge and the revision continue the critique
    prompt. A critique alone ends with the bridge, where the loop stops; a revision alone follows an
    empty critique. A chat set gives one for each turn of the critic.

    Raises:
        InputError: The prompt set cannot render the record: a score that it needs is missing or off
            its scale, or the loop could not parse the text.
    """
    critique = _critique(record, prompts) if record.has_critique else ""
    revision = "" if record.revision is None else _revision(record, record.revision, prompts)
    opening = prompts.critique_prompt(record.draft, record.response)
    if prompts.is_chat:
        return _turns(record, prompts, opening, critique, revision)
    if record.lesson is Lesson.REVISION:
        return (_example(record, prompts.revision_prompt(opening, ""), revision),)
    text = _example(record, opening, critique + prompts.bridge + revision)
    return (text.model_copy(update={"ends": bool(revision)}),)


def _turns(
    record: Record, prompts: PromptSet, opening: Rendered, critique: str, revision: str
) -> tuple[TrainingText, ...]:
    if record.lesson is Lesson.REVISION:
        raise InputError(
            f"in a chat set such as '{prompts.name}' a revision answers the critique before it, "
            "and the record has none"
        )
    first = _example(record, opening, critique, Lesson.CRITIQUE)
    if record.lesson is Lesson.CRITIQUE:
        return (first,)
    prompt = prompts.revision_prompt_of(record.draft, record.response, critique)
    return first, _example(record, prompt, revision, Lesson.REVISION)


def _example(
    record: Record, prompt: Rendered, target: str, lesson: Lesson | None = None
) -> TrainingText:
    taught = lesson or record.lesson
    return TrainingText(id=record.id, lesson=taught, prompt=prompt, target=target, ends=True)


def _critique(record: Record, prompts: PromptSet) -> str:
    """The critique in the prompt set's format, if the loop would parse it back unchanged.

    A free-form critique that already has the set's headings is used unchanged.
    """
    labels = prompts.settings.critique.labels
    if labels is not None and record.score is not None and record.has_aspects:
        written = _under_headings(record, record.score, labels, prompts.name)
    else:
        written = Critique(raw=_free_form(record))
    read = _read_back(prompts, written.raw, record)
    if read is None and written.score is None and labels is not None and labels.required:
        missing = "no score" if record.has_aspects else "no positive and negative aspects"
        raise InputError(
            f"prompt set '{prompts.name}' needs a score and aspects, but the record has {missing}, "
            "and no critique with the set's headings"
        )
    if read is None or read.raw != written.raw or (written.score is not None and read != written):
        raise InputError(
            f"the critique cannot be read back from the layout of prompt set '{prompts.name}': "
            "does it contain one of its headings?"
        )
    return written.raw


def _under_headings(record: Record, score: float, labels: Labels, name: str) -> Critique:
    lowest, highest = labels.scale
    if not lowest <= score <= highest:
        raise InputError(
            f"the score {score:g} is outside the scale of prompt set '{name}', "
            f"{lowest:g} to {highest:g}"
        )
    positive, negative = record.aspects
    raw = write_critique(score, positive, negative, labels)
    return Critique(raw=raw, score=score, positive=positive, negative=negative)


def _free_form(record: Record) -> str:
    if record.critique and record.critique.strip():
        return record.critique.strip()
    return "\n\n".join(filter(None, record.aspects))


def _revision(record: Record, revision: str, prompts: PromptSet) -> str:
    """The revision in the prompt set's form, if the loop would accept it unchanged."""
    written = _written(record.response, revision, prompts)
    given = texts_given(record.draft, record.response)
    try:
        read = prompts.revised(prompts.parse_revision(written, given), record.response).text
        if read != record.response:
            prompts.guarded(read, record.response, record.draft, _GUARDS, Critique(raw=""))
    except UnusableError as exc:
        read, why = None, exc.reason
    else:
        why = "does it begin with a thought?"
    if read != revision:
        raise InputError(
            f"the revision cannot be read back from the layout of prompt set '{prompts.name}': "
            f"{why}"
        )
    return written


def _written(response: str, revision: str, prompts: PromptSet) -> str:
    """A revision as the critic should write it: the text, or the edits that make it."""
    text = write_edits(edits_between(response, revision)) if prompts.has_edits else revision
    return write_revision(text, prompts.settings.revision.tags)


def _read_back(prompts: PromptSet, critique: str, record: Record) -> Critique | None:
    """The critique as the loop parses it, in two passes or in one."""
    given = texts_given(record.draft, record.response)
    try:
        if prompts.is_chat:
            return prompts.parse_critique(critique, given, prompts.criteria_of(record.draft))
        revision = write_revision(_ANY_REVISION, prompts.settings.revision.tags)
        read, revised = prompts.parse_single_pass(critique + prompts.bridge + revision, given)
    except UnusableError:
        return None
    return read if revised.strip() == _ANY_REVISION else None
