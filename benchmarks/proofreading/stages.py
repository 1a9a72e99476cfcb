"""The stages of the measurement; one whose output is there is skipped."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING, Any

from benchmarks.jfleg.sentences import Sentence, read_sentences
from benchmarks.product import numbered_trajectories, revloop
from benchmarks.proofreading.adapter import shrink
from benchmarks.proofreading.answers import answers
from benchmarks.proofreading.examples import Example, Part, examples
from benchmarks.proofreading.teaching import records
from benchmarks.proofreading.wording import as_written
from benchmarks.serving import served
from revloop.concurrency import task_group
from revloop.engines.english.changes import changed
from revloop.engines.english.installed import ADAPTER, adapter_version, merge
from revloop.engines.english.likelihood import Likelihood
from revloop.engines.english.lines import passages
from revloop.engines.english.reader import Reader
from revloop.engines.english.spelling import vocabulary_of
from revloop.engines.http import HttpEngine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from revloop.trajectory import Trajectory

PROMPTS = Path(__file__).with_name("prompts")
CONTEXT_TOKENS = 1024
REVISING = (
    *("--iterations", "1", "--single-pass", "--on-bad-edits", "fail", "--tries", "1"),
    *("--critique-max-tokens", "256", "--revision-max-tokens", "256", "--max-concurrency", "128"),
)


@dataclass(frozen=True)
class Measurement:
    """A proofreader, and the texts that it reads.

    Attributes:
        folder: Its files.
        data: Has the folders `jfleg` and `fastchat80`.
        base: The folder of the base model.
        form: The prompt set.
        records: Number of records to train on.
        seed: Of the records, the training and the texts with mistakes.
        texts: Number of texts with mistakes, and of good ones among them, to choose by and to
            measure on.
        every: One of so many answers of assistants is read.
        training: Options of `revloop finetune`.
        revising: Further options of `revloop batch`.
        variant: Name of the folder in `folder` for what is revised with them; empty for `folder`.
        most_sentences: At most so many of JFLEG's test sentences are read; None: all.
        is_shipped: Measure the adapter that ships instead of training one.
    """

    folder: Path
    data: Path
    base: Path
    form: str
    records: int
    seed: int
    texts: int
    every: int
    training: tuple[str, ...]
    revising: tuple[str, ...] = ()
    variant: str = ""
    most_sentences: int | None = None
    is_shipped: bool = False

    @property
    def results(self) -> Path:
        """What is revised with these options."""
        return self.folder / self.variant

    @property
    def adapter_version(self) -> str:
        """Of the adapter as it would ship."""
        return adapter_version(self.folder / "adapter")

    def examples(self, part: Part) -> list[Example]:
        """Texts with mistakes, from passages that no record comes from."""
        return list(examples(self.texts, seed=self.seed, part=part))

    @property
    def sentences(self) -> list[Sentence]:
        """JFLEG's test sentences."""
        return read_sentences(self.data / "jfleg", "test")[: self.most_sentences]

    @property
    def answers(self) -> list[tuple[str, str]]:
        """Each answer that is read, with its name."""
        return list(answers(self.data / "fastchat80", self.every))

    @property
    def answer_lines(self) -> list[tuple[str, str]]:
        """Each line of the answers, with the name of its answer."""
        return [
            (name, text[start:end]) for name, text in self.answers for start, end in passages(text)
        ]

    def do(self) -> None:
        """Train and proofread."""
        self.results.mkdir(parents=True, exist_ok=True)
        model = self.folder / "critic"
        if not model.exists():
            self._make_adapter()
            merge(self.base, self.folder / "adapter", model)
        sources = {
            "choosing": [example.text for example in self.examples("choosing")],
            "generated": [example.text for example in self.examples("measuring")],
            "jfleg": [as_written(sentence.source) for sentence in self.sentences],
            "answers": [line for _, line in self.answer_lines],
        }
        whole = sources | {"answers": [text for _, text in self.answers]}
        missing = [name for name in sources if not self._revised(name).exists()]
        unread = [name for name in sources if not self._read(name).exists()]
        if not missing and not unread:
            return
        log = self.results / "server.log"
        with served(model, context_tokens=CONTEXT_TOKENS, log_path=log) as base_url:
            for name in unread:
                read = asyncio.run(read_all(whole[name], base_url, self.base))
                self._read(name).write_text(json.dumps(read), encoding="utf-8")
            for name in missing:
                self._proofread(name, sources[name], base_url)

    def trajectories(self, name: str) -> list[Trajectory]:
        """What became of some texts, in their order."""
        return numbered_trajectories(self._revised(name))

    def read(self, name: str) -> list[str]:
        """What the model `english` makes of texts: of whole answers, not of their lines."""
        texts: list[str] = json.loads(self._read(name).read_bytes())
        return texts

    def _read(self, name: str) -> Path:
        return self.results / f"{name}-read.json"

    def _revised(self, name: str) -> Path:
        return self.results / f"{name}-revised.jsonl"

    def _make_adapter(self) -> None:
        if self.is_shipped:
            copytree(ADAPTER, self.folder / "adapter", dirs_exist_ok=True)
            return
        if not (self.folder / "run" / "model").exists():
            self._finetune()
        shrink(self.folder / "run" / "adapter", self.folder / "adapter")

    def _finetune(self) -> None:
        rows, run = self.folder / "records.jsonl", self.folder / "run"
        _write(
            rows,
            (
                record.model_dump(exclude_none=True)
                for record in records(self.records, seed=self.seed, form=self.form)
            ),
        )
        revloop(
            *("finetune", str(rows), "--output", str(run), "--base", str(self.base)),
            *("--prompts", str(PROMPTS / self.form), "--seed", str(self.seed)),
            *(("--resume",) if run.exists() else ()),
            *self.training,
        )

    def _proofread(self, name: str, texts: list[str], base_url: str) -> None:
        drafts = self.results / f"{name}.jsonl"
        _write(drafts, ({"id": str(at), "response": text} for at, text in enumerate(texts)))
        revloop(
            *("batch", str(drafts), str(self._revised(name)), "--base-url", base_url),
            *("--prompts", str(PROMPTS / self.form), *REVISING, *self.revising),
        )


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


async def read_all(texts: Sequence[str], base_url: str, base: Path) -> list[str]:
    """Texts after the changes of the model `english`, whose trained model a server has."""
    likelihood = Likelihood.load(base)
    critic = await HttpEngine.connect(base_url)
    reader = Reader(critic, likelihood, vocabulary_of(likelihood.tokens))

    found = dict.fromkeys(texts, "")

    async def proofread(text: str) -> None:
        found[text] = changed(text, (await reader.read(text)).changes)

    try:
        async with task_group() as tasks:
            for text in found:
                tasks.start_soon(proofread, text)
        return [found[text] for text in texts]
    finally:
        await critic.aclose()
