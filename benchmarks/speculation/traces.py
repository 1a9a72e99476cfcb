"""Requests to replay: those of stored trajectories, and revisions of real texts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tokenizers import Tokenizer

from benchmarks.edits.pairs import edited_answers, other_answers
from revloop import Draft, InputError
from revloop.edits import edits_between, write_edits
from revloop.prompts import PromptSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.edits.pairs import Pair
    from revloop import Trajectory

MODELS = ("chatgpt", "bard", "vicuna-13b")
VOCABULARY = 16_384
END = "<|endoftext|>"
# there are no critiques of the real texts: this one stands in for each
CRITIQUE = """Overall score: 6
Positive aspects: The answer is clear and mostly complete.
Negative aspects: Some points are vague, and some wording should be more exact."""


@dataclass(frozen=True)
class Trace:
    """One request, as token ids.

    Attributes:
        kind: The kind of request.
        prompt: The whole prompt.
        previous: The version in the prompt that is criticised or revised.
        answer: The generated tokens, including the end token.
    """

    kind: Literal["critique", "revision"]
    prompt: tuple[int, ...]
    previous: tuple[int, ...]
    answer: tuple[int, ...]


class Tokens(NamedTuple):
    """The parts of a tokenizer that are needed.

    Attributes:
        encode: Returns the token ids of a text.
        end: The end token.
    """

    encode: Callable[[str], list[int]]
    end: int

    @classmethod
    def of_model(cls, folder: Path) -> Tokens:
        """The tokenizer of a model folder."""
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        end = tokenizer.token_to_id(END)
        if end is None:
            raise InputError(f"The tokenizer in '{folder}' has no token {END}.")
        return cls(lambda text: tokenizer.encode(text, add_special_tokens=False).ids, end)


def traces_of(trajectory: Trajectory, tokens: Tokens) -> Iterator[Trace]:
    """The requests of a trajectory's rounds, in order, two a round.

    Args:
        trajectory: Made in two passes with the prompt set cnr.
        tokens: The critic's tokenizer.
    """
    for version in trajectory.versions[1:]:
        if version.critique is None:
            continue
        previous = trajectory.base_of(version).text
        yield from round_traces(
            trajectory.draft, previous, version.critique.raw, version.text, tokens
        )


def round_traces(
    draft: Draft,
    previous: str,
    critique: str,
    revision: str,
    tokens: Tokens,
    *,
    prompt_set: str = "cnr",
) -> Iterator[Trace]:
    """The two requests of one round, the critique first; the revision in the set's form."""
    prompts, encode = PromptSet.load(prompt_set), tokens.encode
    asked = prompts.critique_prompt(draft, previous)
    assert isinstance(asked, str)
    prompt, version = tuple(encode(asked)), tuple(encode(previous))
    said, bridge = tuple(encode(critique)), tuple(encode(prompts.bridge))
    # the bridge is the stop text of a critique, so the critic generates it too
    yield Trace("critique", prompt, version, (*said, *bridge))
    yield Trace("revision", (*prompt, *said, *bridge), version, (*encode(revision), tokens.end))


def read_answers(folder: Path) -> dict[str, list[Draft]]:
    """The answers of each model, in the order of the questions."""
    answers = {}
    for model in MODELS:
        lines = (folder / "fastchat80" / f"{model}.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        answers[model] = [
            Draft(id=str(row["id"]), prompt=row["prompt"], response=row["response"]) for row in rows
        ]
    return answers


def train_tokenizer(texts: Iterable[str]) -> Any:
    """A byte-level BPE with tokens like those of a large model: words and parts of words."""
    from tokenizers import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(
        texts, vocab_size=VOCABULARY, min_frequency=2, special_tokens=["<end>"], show_progress=False
    )
    return tokenizer


def edited_traces(
    answers: Sequence[Draft], share: float, tokens: Tokens, seed: int = 0
) -> list[Trace]:
    """Revisions of real answers with a share of their words edited."""
    return [rewrite_trace(pair, tokens) for pair in edited_answers(answers, share, seed)]


def cross_traces(first: Sequence[Draft], second: Sequence[Draft], tokens: Tokens) -> list[Trace]:
    """Revisions that copy almost nothing: another model's answer to the same question."""
    return [rewrite_trace(pair, tokens) for pair in other_answers(first, second)]


def rewrite_trace(pair: Pair, tokens: Tokens) -> Trace:
    """The request that rewrites a text."""
    draft = Draft(prompt=pair.prompt, response=pair.before)
    _, trace = round_traces(draft, pair.before, CRITIQUE, pair.after, tokens)
    return trace


def edits_trace(pair: Pair, tokens: Tokens) -> Trace:
    """The request that edits a text."""
    draft = Draft(prompt=pair.prompt, response=pair.before)
    edits = write_edits(edits_between(pair.before, pair.after))
    _, trace = round_traces(draft, pair.before, CRITIQUE, edits, tokens, prompt_set="cnr-edits")
    return trace
