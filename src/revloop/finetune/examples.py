"""Training examples: records as token ids, tokenised exactly as at inference.

:func:`revloop.records.training_texts` renders a record with the loop's prompt set. The prompt is
tokenised as the engines do it, so special tokens in a record's text are plain letters; the target
is tokenised separately, as the critic generates it, with an end token where the critic should stop.
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

_NO_PREFIX = TokenPrefix("", ())
"""For a text after a prompt: no tokens that a model expects around a whole prompt."""

_REASONS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One sequence to train on.

    Attributes:
        prompt_ids: Input of the critic, without loss.
        target_ids: Expected output of the critic, end token included.
    """

    prompt_ids: tuple[int, ...]
    target_ids: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Total length in tokens."""
        return len(self.prompt_ids) + len(self.target_ids)

    def row(self) -> dict[str, list[int]]:
        """In the format of TRL's SFTTrainer for tokenised examples."""
        labels = [IGNORED] * len(self.prompt_ids) + list(self.target_ids)
        return {"input_ids": [*self.prompt_ids, *self.target_ids], "labels": labels}


@dataclass(frozen=True, slots=True)
class Examples:
    """The training or validation examples.

    Attributes:
        sequences: The examples, in the order of the file.
        records: Number of records behind them.
        left_out: For each record left out, the reason.
        known: Held-out records whose prompt a training record has, too.
    """

    sequences: tuple[TrainingExample, ...]
    records: int
    left_out: tuple[str, ...]
    known: int = 0

    @property
    def digest(self) -> str:
        """Changes with every token."""
        return digest_of([[e.prompt_ids, e.target_ids] for e in self.sequences])

    @property
    def longest_tokens(self) -> int:
        """Length of the longest example, 0 without examples."""
        return max((example.tokens for example in self.sequences), default=0)

    @property
    def target_tokens(self) -> int:
        """Total number of tokens with a loss."""
        return sum(len(example.target_ids) for example in self.sequences)


@dataclass(frozen=True, slots=True)
class Encoder:
    """Turns records into examples.

    Attributes:
        prompts: The prompt set that the loop will use with the critic.
        tokenizer: The base's tokenizer, as the engines use it.
        end_id: The critic's end token.
        max_tokens: Longer examples are left out.
    """

    prompts: PromptSet
    tokenizer: LocalTokenizer
    end_id: int
    max_tokens: int

    def example(self, text: TrainingText) -> TrainingExample:
        """Tokenise one text.

        Raises:
            SettingRefusedError: The prompt is a chat and the base has no chat template.
        """
        # only the prompt matters here
        request = Request(prompt=text.prompt, sampling=Sampling(), max_tokens=1)
        prompt_ids = self.tokenizer.ids(request)
        target_ids = self.tokenizer.encode(text.target, _NO_PREFIX)
        end = (self.end_id,) if text.ends else ()
        return TrainingExample(tuple(prompt_ids), (*target_ids, *end))

    def examples(self, records: Iterable[Record], findings: Iterable[str] = ()) -> Examples:
        """The examples of all usable records, and the reasons against the others.

        Args:
            records: The records.
            findings: Earlier reasons, for lines that hold no record.

        Raises:
            InputError: The prompt set is a chat and the base has no chat template.
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
    """The distinct records of a JSONL file, and the reasons against the other lines.

    Raises:
        InputError: The file cannot be read, or holds no valid record.
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
    """Split records for training and validation, with no prompt in both."""
    keys = [prompt_key(record) for record in records]
    if validation_share == 0 or len(set(keys)) < 2:
        return records, []
    parts = assign_parts(keys, shares=(1 - validation_share, validation_share), seed=seed)
    sides: tuple[list[Record], list[Record]] = ([], [])
    for record, part in zip(records, parts, strict=True):
        sides[part].append(record)
    return sides


def summary(reasons: list[str] | tuple[str, ...]) -> str:
    """The first reasons and the number of others, to end a sentence; empty without reasons."""
    if not reasons:
        return ""
    counted = Counter(reasons)
    told = "; ".join(reason.rstrip(".") for reason in list(counted)[:_REASONS_SHOWN])
    more = len(reasons) - sum(counted[reason] for reason in list(counted)[:_REASONS_SHOWN])
    return f": {told}" + (f"; and {more} more" if more else "")
