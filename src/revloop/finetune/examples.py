"""Examples to train on: records as token ids, tokenised as the engines tokenise.

The text comes from :func:`revloop.records.training_texts`, which renders with the loop's own
prompt set. Its prompt becomes tokens as an engine's prompt does; its target follows as the critic
generates it: tokenised on its own, with an end token where the critic is to stop. So a special
token in a record's text is letters here too, and training sees the ids that inference sends.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from revloop.engines.base import Request, TokenPrefix
from revloop.errors import InputError, SettingRefusedError
from revloop.records import Finding, assign_parts, prompt_key, read_records, training_texts
from revloop.trajectory import Sampling
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from revloop.engines.local_tokens import LocalTokenizer
    from revloop.prompts import PromptSet
    from revloop.records import Record, TrainingText

IGNORED = -100
"""The label of a token without loss (``ignore_index`` of torch's cross entropy)."""

_NOTHING = TokenPrefix("", ())
"""A text that follows something: without the tokens that a model wants around a whole prompt."""

_REASONS_TOLD = 3


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One sequence to train on.

    Attributes:
        record_id: Of the record that it was made of.
        prompt_ids: What the critic reads: no loss on these.
        target_ids: What the critic is to write, an end token included.
    """

    record_id: str
    prompt_ids: tuple[int, ...]
    target_ids: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Its whole length."""
        return len(self.prompt_ids) + len(self.target_ids)

    def row(self) -> dict[str, list[int]]:
        """As TRL's SFTTrainer takes an example that is tokenised already."""
        labels = [IGNORED] * len(self.prompt_ids) + list(self.target_ids)
        return {"input_ids": [*self.prompt_ids, *self.target_ids], "labels": labels}


@dataclass(frozen=True, slots=True)
class Examples:
    """All examples of one side, training or validation.

    Attributes:
        of: The examples, in the order of the file.
        records: Number of records that they were made of.
        left_out: Why records were left out, one reason for each.
    """

    of: tuple[TrainingExample, ...]
    records: int
    left_out: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Changes with every token."""
        return digest_of([[e.prompt_ids, e.target_ids] for e in self.of])

    @property
    def longest_tokens(self) -> int:
        """Length of the longest example, 0 where there is none."""
        return max((example.tokens for example in self.of), default=0)

    @property
    def target_tokens(self) -> int:
        """Tokens with a loss, over all examples."""
        return sum(len(example.target_ids) for example in self.of)


@dataclass(frozen=True, slots=True)
class Encoder:
    """Makes examples of records.

    Attributes:
        prompts: The prompt set that the loop will use with the critic.
        tokenizer: The base's, as the engines use it.
        end_id: The token that the critic stops with.
        max_tokens: A longer example is left out.
    """

    prompts: PromptSet
    tokenizer: LocalTokenizer
    end_id: int
    max_tokens: int

    def example(self, text: TrainingText) -> TrainingExample:
        """One example.

        Raises:
            SettingRefusedError: The prompt is a chat and the base has no chat template.
        """
        # the sampling is not looked at: only what a prompt becomes is asked for
        asked = Request(prompt=text.prompt, sampling=Sampling(), max_tokens=1)
        prompt_ids = self.tokenizer.ids(asked)
        target_ids = self.tokenizer.encode(text.target, _NOTHING)
        end = (self.end_id,) if text.ends else ()
        return TrainingExample(text.id, tuple(prompt_ids), (*target_ids, *end))

    def examples(self, records: Iterable[Record], findings: Iterable[str] = ()) -> Examples:
        """The examples of those records that can be used, and why the others cannot.

        Raises:
            InputError: None can be used, or the base has no chat template and the set needs one.
        """
        kept: list[TrainingExample] = []
        left_out, used = list(findings), 0
        for record in records:
            try:
                made = [self.example(text) for text in training_texts(record, self.prompts)]
            except SettingRefusedError as exc:
                raise InputError(str(exc)) from exc
            except InputError as exc:
                left_out.append(f"record {record.id}: {exc}")
                continue
            too_long = [each.tokens for each in made if each.tokens > self.max_tokens]
            if too_long:
                length = f"{max(too_long):,} tokens, more than {self.max_tokens:,}"
                left_out.append(f"record {record.id}: {length}")
                continue
            kept += made
            used += 1
        return Examples(tuple(kept), used, tuple(left_out))


def read_usable(path: Path) -> tuple[list[Record], list[str]]:
    """The records of a JSONL file, and what is wrong with the lines that hold none.

    A record that stands in the file twice counts once.

    Raises:
        InputError: The file cannot be read, or not one of its lines holds a record.
    """
    records: dict[str, Record] = {}
    findings: list[str] = []
    for item in read_records(path):
        if isinstance(item, Finding):
            findings.append(f"line {item.line}: {item.reason}")
        elif item.record.content_digest in records:
            findings.append(f"line {item.line}: the same as an earlier record")
        else:
            records[item.record.content_digest] = item.record
    if not records:
        raise InputError(f"{path} holds no record that can be used{summary(findings)}.")
    return list(records.values()), findings


def divide(
    records: list[Record], *, validation_share: float, seed: int
) -> tuple[list[Record], list[Record]]:
    """Training and validation records, with no prompt on both sides."""
    keys = [prompt_key(record) for record in records]
    if validation_share == 0 or len(set(keys)) < 2:
        return records, []
    parts = assign_parts(keys, shares=(1 - validation_share, validation_share), seed=seed)
    sides: tuple[list[Record], list[Record]] = ([], [])
    for record, part in zip(records, parts, strict=True):
        sides[part].append(record)
    return sides


def summary(reasons: list[str] | tuple[str, ...]) -> str:
    """The first reasons and how many more there are, to end a sentence; empty for none."""
    if not reasons:
        return ""
    counted = Counter(reasons)
    told = "; ".join(reason.rstrip(".") for reason in list(counted)[:_REASONS_TOLD])
    more = len(reasons) - sum(counted[reason] for reason in list(counted)[:_REASONS_TOLD])
    return f": {told}" + (f"; and {more} more" if more else "")
