"""The stages of one run, each a command of revloop; a stage whose output is there is skipped."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.jfleg import confidence, fluency
from benchmarks.jfleg.feedback import make_records
from benchmarks.jfleg.judging import FOLDER
from benchmarks.jfleg.sentences import Sentence, read_sentences
from benchmarks.product import numbered_trajectories, revloop
from benchmarks.serving import served

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from revloop.trajectory import Trajectory

PROMPTS = Path(__file__).parent / "prompts"
UNTRAINED = {"rewrite": "chat-plain", "edits": "chat-edits"}
"""Prompt sets for the base model as it is, by form."""

FORM_OPTIONS = {"rewrite": (), "edits": ("--on-bad-edits", "fail")}
"""Of `revloop batch`, by form: a rewrite in place of bad edits would hide them."""

UNTRAINED_OPTIONS = ("--temperature", "0", "--tries", "3", "--revision-max-tokens", "160")
"""Of `revloop batch` for the untrained model: greedy as the others, and without long replies."""

_GATE = ("--keep", "gate", "--judge")
VARIANTS = {
    "": (),
    "gate-0": (*_GATE, "benchmarks.jfleg.fluency:judge"),
    "gate": (
        *(*_GATE, "benchmarks.jfleg.fluency:judge"),
        *("--candidates", "2", "--edit-temperature", "0.5"),
    ),
    "sure": (*_GATE, "benchmarks.jfleg.confidence:judge"),
    "careful": (*_GATE, "benchmarks.jfleg.confidence:careful_judge"),
}
"""Ways to revise, with their options of `revloop batch`."""

CONTEXT_TOKENS = 1024

USUAL = ("kinds", "second")
"""The form of critiques and of more records that needs no name."""

STAGES = ("records", "finetune", "revise", "evaluate")


@dataclass(frozen=True)
class Run:
    """One critic and its revisions of the test set.

    Attributes:
        keep: The folder of all runs.
        data: The folder of JFLEG.
        base: The folder of the base model.
        form: ``rewrite`` or ``edits``.
        records: Number of records; 0: the base as it is.
        seed: Of the choice of records and of the training.
        rounds: Rounds of critique and revision.
        part: ``test``, or ``dev`` for the sentences of the dev set that no record has.
        sentences: How many sentences, from the first on; None: all.
        critique: The form of the critiques.
        more: What the records beyond the first one of each sentence are.
        variant: A key of :data:`VARIANTS`; its files have the name in theirs.
        training: Options of `revloop finetune`.
    """

    keep: Path
    data: Path
    base: Path
    form: str
    records: int
    seed: int
    rounds: int
    part: str
    sentences: int | None
    critique: str
    more: str
    variant: str
    training: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The run's files."""
        parts = (self.form, str(self.records), str(self.seed), self.recipe)
        return self.keep / "-".join(filter(None, parts))

    @property
    def prompts(self) -> str:
        """The prompt set that the critic is trained with and asked with."""
        return str(PROMPTS / self.form) if self.records else UNTRAINED[self.form]

    @property
    def revising(self) -> tuple[str, ...]:
        """Options of `revloop batch`."""
        untrained = () if self.records else UNTRAINED_OPTIONS
        return (*FORM_OPTIONS[self.form], *untrained, *VARIANTS[self.variant])

    @property
    def recipe(self) -> str:
        """What is unusual about the records."""
        return "-".join(one for one in (self.critique, self.more) if one not in USUAL)

    @property
    def suffix(self) -> str:
        """Ends the names of the files that depend on what is revised, and how."""
        part = "" if self.part == "test" else self.part
        return "".join(f"-{one}" for one in (part, self.variant) if one)

    def output(self, name: str) -> Path:
        """A file that depends on the way to revise."""
        path = self.folder / name
        return path.with_stem(path.stem + self.suffix)

    @property
    def model(self) -> Path:
        """The folder of the critic."""
        return self.folder / "run" / "model" if self.records else self.base

    @property
    def texts(self) -> list[Sentence]:
        """The sentences to revise."""
        if self.part == "test":
            return read_sentences(self.data, "test")[: self.sentences]
        dev = read_sentences(self.data, "dev")
        records = make_records(dev, self.records, self.seed, self.critique, self.more)
        taught = {one.response for one in records}
        return [one for one in dev if one.source not in taught][: self.sentences]

    def do(self, stages: Sequence[str]) -> None:
        """Run stages, in their order."""
        self.folder.mkdir(parents=True, exist_ok=True)
        steps: dict[str, tuple[Path, Callable[[Path], None]]] = {
            "records": (self.folder / "records.jsonl", self._make_records),
            "finetune": (self.folder / "finetune.json", self._finetune),
            "revise": (self.output("revised.jsonl"), self._revise),
            "evaluate": (self.output("evaluation.json"), self._evaluate),
        }
        for name in (name for name in STAGES if name in stages):
            output, step = steps[name]
            if not output.exists() and (self.records or name in ("revise", "evaluate")):
                print(f"{self.folder.name}: {name}", flush=True)
                step(output)

    def trajectories(self) -> list[Trajectory]:
        """What the revisions became, in the order of the sentences."""
        return numbered_trajectories(self.output("revised.jsonl"))

    def read(self, name: str) -> dict[str, Any]:
        """The content of a stage's JSON file; empty without it."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_bytes()) if path.exists() else {}

    def _make_records(self, output: Path) -> None:
        dev = read_sentences(self.data, "dev")
        _write_rows(output, make_records(dev, self.records, self.seed, self.critique, self.more))
        revloop("records", "validate", str(output), "--prompts", self.prompts)

    def _finetune(self, output: Path) -> None:
        run, started = self.folder / "run", time.monotonic()
        revloop(
            *("finetune", str(self.folder / "records.jsonl"), "--output", str(run)),
            *("--base", str(self.base), "--prompts", self.prompts, "--seed", str(self.seed)),
            *(("--resume",) if run.exists() else ()),
            *self.training,
        )
        steps = [json.loads(line) for line in (run / "metrics.jsonl").open(encoding="utf-8")]
        seconds = round(time.monotonic() - started)
        output.write_text(json.dumps({"seconds": seconds, "steps": len(steps)}), encoding="utf-8")

    def _revise(self, output: Path) -> None:
        drafts = self.output("drafts.jsonl")
        rows = [{"id": str(n), "response": one.source} for n, one in enumerate(self.texts)]
        drafts.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        log = self.output("server.log")
        with served(self.model, context_tokens=CONTEXT_TOKENS, log_path=log) as base_url:
            revloop(
                *("batch", str(drafts), str(output), "--base-url", base_url),
                *("--prompts", self.prompts, "--iterations", str(self.rounds)),
                *self.revising,
                env=os.environ
                | {fluency.FOLDER: str(self.base), confidence.FOLDER: str(self.model)},
            )

    def _evaluate(self, output: Path) -> None:
        environment = {**os.environ, FOLDER: str(self.data)}
        judge = "benchmarks.jfleg.judging:judge"
        command = ("evaluate", f"{self.output('revised.jsonl')}.sqlite", "--judge", judge)
        found = revloop(*command, "--json", env=environment, output=True)
        output.write_text(found, encoding="utf-8")


def _write_rows(path: Path, rows: Sequence[Any]) -> None:
    lines = (row.model_dump_json(exclude_none=True) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8")
