"""Lengths of real chat answers, for a critic that writes only short ones.

A :class:`LengthScript` determines for each prompt the number of tokens to generate and a text that
replaces them. Both depend only on the prompt, so all compared programs use the same lengths for the
same prompts and end with the same texts. The engine does the real work for that many tokens:
requests have ``ignore_eos`` and ``min_tokens``.

The lengths are lognormal, fitted by the moments of the logarithms to the 240 answers of ChatGPT,
BARD and Vicuna-13B to FastChat's 80 questions (lm-sys/FastChat at 31a1b90,
``fastchat/eval/table/``), in characters: the logarithm's mean is 7.09, its standard deviation 0.45,
so the median is 1,199 and the mean 1,328 (1,300 in the data, from 151 to 2,652). A token counts as
4.3 characters. Critiques are shorter, as in ``benchmarks/stub.py``: 400 characters at the median,
with the same spread. All are clipped so that a prompt, a critique and two answers fit in 2,048
tokens.

The generated text is discarded, so a revision's prompt finds its critique's prompt in the prefix
cache, but not the critique: the benefit of prompts that extend each other shows only in part.

With a share of words to edit, a revision is the text in its prompt with so many words edited, so
texts keep their lengths, and both forms of a revision end with the same text. A rewrite takes the
tokens of the whole text, edits a fraction of them that is drawn from those of FastChat's answers
(``benchmarks/results/edits.json``), because the scripted texts have fewer different words.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from benchmarks.edits.random_edits import edited
from revloop import Draft, InputError, PromptSet
from revloop.edits import edits_between, write_edits
from revloop.engines.metrics import ReportsLoad, ServerLoad
from revloop.engines.wrapper import EngineWrapper
from revloop.prompts.parsing import write_critique

if TYPE_CHECKING:
    import argparse

    from revloop.engines import Completion, Engine, Request
    from revloop.prompts.parsing import Labels

CHARACTERS_A_TOKEN = 4.3
SPREAD = 0.45
"""Standard deviation of the logarithm of a length."""

_WORDS = (
    "almost and arrived away back best bring cancel careful closing collect colour could course "
    "delivery desk different driver envelope family fetch finished for friends good grateful great "
    "hall have help home hope invitation keep kind left line longer meeting message money more "
    "morning music name need new notice office open order over parcel party present price promise "
    "quickly ready received remember repaired replace report request right same sentence should "
    "smoothly soon start thanks that the there this three time twice understand very visit waiting "
    "want week welcome while will wonderful word work would your"
)
WORDS = tuple(_WORDS.split())
"""With the space before it, each is one token of the demo's critic."""

COUNTED_EDITS = Path(__file__).parent / "results" / "edits.json"

_HEADING_TOKENS = 12
"""Tokens of a critique's headings and score."""

_NEW_WORDS = tuple(f"{word} " for word in WORDS)
_RESPONSE = re.compile(r"### Response:\n(.*)\n\n### Critique:\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Lengths:
    """A lognormal distribution of lengths in tokens, clipped.

    Attributes:
        median: Half of the texts are shorter.
        least: Shorter ones get this length.
        most: Longer ones get this length.
    """

    median: float
    least: int
    most: int

    def draw(self, random: Random, scale: float = 1.0) -> int:
        """Draw one length, with the median scaled."""
        drawn = round(scale * random.lognormvariate(math.log(self.median), SPREAD))
        return min(max(drawn, self.least), self.most)


PROMPTS = Lengths(median=24, least=8, most=64)
ANSWERS = Lengths(median=1199 / CHARACTERS_A_TOKEN, least=36, most=620)
CRITIQUES = Lengths(median=400 / CHARACTERS_A_TOKEN, least=40, most=250)


@dataclass(frozen=True, slots=True)
class Scripted:
    """The scripted reply to a prompt.

    Attributes:
        tokens: Number of tokens to generate.
        text: The text that replaces them, of about as many tokens of the demo's critic.
    """

    tokens: int
    text: str


@dataclass(frozen=True, slots=True)
class EditedWords:
    """How much of a text a revision edits.

    Attributes:
        share: Share of the words.
        ratios: Tokens of the edits over those of a rewrite, to draw from.
    """

    share: float
    ratios: tuple[float, ...]

    @classmethod
    def measured(cls, share: float) -> EditedWords:
        """With the ratios of ``benchmarks/results/edits.json``, of the last tokenizer there."""
        counted = json.loads(COUNTED_EDITS.read_text(encoding="utf-8"))["tokenizers"]
        *_, of_tokenizer = counted.values()
        return cls(share, tuple(of_tokenizer["sets"][f"answers, {share:.0%}"]["ratios"]))


@dataclass(frozen=True, slots=True)
class LengthScript:
    """Lengths and texts by prompt, in two passes with the prompt set ``cnr`` or ``cnr-edits``.

    Attributes:
        seed: Random seed of the lengths.
        scale: Factor for the lengths of answers and critiques, before clipping.
        prompts: The prompt set of the prompts.
        edited: How much of the text in its prompt a revision edits; None for a new text.
    """

    seed: int = 0
    scale: float = 1.0
    prompts: PromptSet = field(default_factory=lambda: PromptSet.load("cnr"))
    edited: EditedWords | None = None

    def answer(self, prompt: str) -> Scripted:
        """A revision for a prompt that ends with the bridge, otherwise a critique."""
        # without the bridge: both forms of a revision make the same text
        random = Random(f"{self.seed}\n{prompt.removesuffix(self.prompts.bridge)}")
        if prompt.endswith(self.prompts.bridge):
            if self.edited is not None:
                return self._edited(prompt, self.edited, random)
            tokens = ANSWERS.draw(random, self.scale)
            return Scripted(tokens, _words(random, tokens))
        labels = self.prompts.settings.critique.labels
        if labels is None:
            raise InputError(f"Prompt set '{self.prompts.name}' has no headings for a critique.")
        tokens = CRITIQUES.draw(random, self.scale)
        return Scripted(tokens, _critique(random, tokens, labels))

    def _edited(self, prompt: str, words: EditedWords, random: Random) -> Scripted:
        found = _RESPONSE.search(prompt)
        if found is None:
            raise InputError(f"Prompt set '{self.prompts.name}' does not name the response.")
        before = after = found[1]
        while after == before:  # a word may replace itself
            after = edited(f"{before} ", words.share, _NEW_WORDS, random).strip()
        tokens = len(after.split())
        if not self.prompts.has_edits:
            return Scripted(tokens, after)
        ratio = random.choice(words.ratios)
        return Scripted(max(1, round(ratio * tokens)), write_edits(edits_between(before, after)))

    def extra_body(self, tokens: int) -> dict[str, object]:
        """Fields for vLLM besides ``max_tokens``, for the OpenAI client."""
        return {"min_tokens": tokens, "ignore_eos": True}


class ScriptedEngine(EngineWrapper):
    """An engine that generates the scripted lengths and returns the scripted texts.

    Args:
        engine: Does the work; closed with this one. It must support exact lengths (vLLM).
        script: Determines lengths and texts.
    """

    def __init__(self, engine: Engine, script: LengthScript) -> None:
        super().__init__(engine)
        self._script = script

    async def generate(self, request: Request) -> Completion:
        """Generate the scripted number of tokens, and return the scripted text.

        Raises:
            InputError: The prompt is a chat; the script supports only text.
        """
        if not isinstance(request.prompt, str):
            raise InputError("A length script supports text prompts, not chats.")
        scripted = self._script.answer(request.prompt)
        # no prefix: its token ids would be those generated, not those of the scripted text
        asked = replace(
            request,
            max_tokens=scripted.tokens,
            room_tokens=scripted.tokens,
            stop=(),
            keep_prefix=False,
            prefix=None,
            exact=True,
        )
        completion = await self._engine.generate(asked)
        return replace(completion, text=scripted.text, finish_reason="stop", prefix=None)

    async def load(self) -> ServerLoad:
        """The engine's load, if it reports it."""
        return await self._engine.load() if isinstance(self._engine, ReportsLoad) else ServerLoad(0)

    async def aclose(self) -> None:
        """Close the engine."""
        await self._engine.aclose()


def add_script_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a program that can generate real lengths."""
    parser.add_argument(
        "--lengths-seed", type=int, help="generate real lengths of this seed (benchmarks/lengths)"
    )
    parser.add_argument(
        "--edited-share",
        type=float,
        help="with it, a revision edits this share of the words; by default it is a new text",
    )


def script_of(chosen: argparse.Namespace, prompts: PromptSet) -> LengthScript | None:
    """The script that these options choose; None for the critic's own texts."""
    if chosen.lengths_seed is None:
        return None
    share = chosen.edited_share
    words = None if share is None else EditedWords.measured(share)
    return LengthScript(chosen.lengths_seed, prompts=prompts, edited=words)


def drafts(number: int, seed: int = 0, scale: float = 1.0) -> list[Draft]:
    """Drafts of such lengths, the same for the same seed.

    Args:
        number: Number of drafts; a longer list starts with the shorter one.
        seed: Random seed.
        scale: Factor for the lengths, before clipping.
    """
    random = Random(f"drafts {seed}")
    return [
        Draft(
            id=f"length-{index:05}",
            prompt=_words(random, PROMPTS.draw(random)),
            response=_words(random, ANSWERS.draw(random, scale)),
        )
        for index in range(1, number + 1)
    ]


def _words(random: Random, tokens: int) -> str:
    return " ".join(random.choices(WORDS, k=tokens))


def _critique(random: Random, tokens: int, labels: Labels) -> str:
    """A critique with headings and a random score."""
    positive = (tokens - _HEADING_TOKENS) // 2
    score = random.randint(int(labels.scale[0]), int(labels.scale[1]))
    return write_critique(
        score, _words(random, positive), _words(random, tokens - _HEADING_TOKENS - positive), labels
    )
