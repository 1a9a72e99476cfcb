r"""Write the texts that most records are made from: `written.txt`, by SmolLM2-135M-Instruct.

    python -m benchmarks.proofreading.writing --model FOLDER --output FILE

The model (Apache-2.0) answers prompts about the topics of `topics.txt`; lines that repeat words,
that have links, code or letters beyond ASCII, or that were cut are left out. What it writes is
not always true, but it is nearly always good English. Five minutes on one core.
"""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import command_parser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TOPICS = Path(__file__).with_name("topics.txt")
_FORMS = (
    "Write two paragraphs about {}.",
    "Explain {} to a friend.",
    "Give me a list of points about {}, with a short explanation of each.",
    "Write an informal message or a short story about {}.",
    "Answer in detail: what should I know about {}?",
)
_PROMPTS = 330
_SEED = 7
_MOST_TOKENS = 230
_FEWEST_WORDS = 6
_LEAST_DIFFERENT = 0.55
"""Least share of different words in a line."""

_MARK = re.compile(r"\s*(?:[-*+]\s+|\d+[.)]\s+|#+\s+)?")
_BEGINS = re.compile(r'[A-Z"*\[]')
_ENDS = re.compile(r'[.!?:"*]$')
_UNWANTED = re.compile(r"[\\{}<>_=|]|```|http")
_ASCII = str.maketrans(
    {"\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": " - "}
)


def prompts() -> list[str]:
    """What the model is asked."""
    topics = _TOPICS.read_text(encoding="utf-8").splitlines()
    pairs = [(topic, form) for topic in topics for form in _FORMS]
    Random(_SEED).shuffle(pairs)
    return [form.format(topic) for topic, form in pairs[:_PROMPTS]]


def good_lines(answers: Iterable[tuple[str, bool]]) -> Iterator[str]:
    """The lines to make records from, each once.

    Args:
        answers: Each answer, and whether it was cut.
    """
    seen: set[str] = set()
    for answer, was_cut in answers:
        lines = answer.splitlines()
        for line in lines[:-1] if was_cut else lines:
            text = _MARK.sub("", line, count=1).strip().translate(_ASCII)
            if text not in seen and _is_good(text):
                seen.add(text)
                yield text


def _is_good(text: str) -> bool:
    words = text.lower().split()
    return (
        text.isascii()
        and len(words) >= _FEWEST_WORDS
        and len(set(words)) >= _LEAST_DIFFERENT * len(words)
        and _BEGINS.match(text) is not None
        and _ENDS.search(text) is not None
        and _UNWANTED.search(text) is None
    )


def _answers(model: Path) -> Iterator[tuple[str, bool]]:
    from vllm import LLM, SamplingParams

    engine: Any = LLM(
        str(model), enforce_eager=True, max_model_len=1024, max_num_seqs=128, seed=_SEED
    )
    sampling = SamplingParams(temperature=0.7, min_p=0.1, max_tokens=_MOST_TOKENS)
    asked = [[{"role": "user", "content": prompt}] for prompt in prompts()]
    for answer in engine.chat(asked, sampling):
        (written,) = answer.outputs
        yield written.text, written.finish_reason != "stop"


def main() -> None:
    """Let the model write, and keep the good lines."""
    parser = command_parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--output", type=Path, required=True, help="file for the lines")
    given = parser.parse_args()
    lines = list(good_lines(_answers(given.model)))
    given.output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{len(lines)} lines")


if __name__ == "__main__":
    main()
