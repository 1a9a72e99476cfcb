"""What is fuzzed: functions that take any bytes, and must raise nothing but errors of ours."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.engines.rate_headers import retry_after_s
from revloop.engines.refusals import check_status, json_object
from revloop.engines.replies import read_completion, served
from revloop.errors import EngineError, InputError, PromptSetError
from revloop.prompts import PromptSet
from revloop.prompts.parsing import UnusableError
from revloop.records import RecordEntry, read_records
from revloop.rows import Row, read_rows
from revloop.trajectory import Draft
from tests.helpers.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE_END = b"\x00--\x00"
_FILES = ("settings.toml", "critique.txt", "bridge.txt", "turn.txt")
_SETS = tuple(PromptSet.load(name) for name in ("cnr", "chat"))


def completions(data: bytes) -> None:
    """A reply: of a completion, of a list of models, or an error with any status."""
    for read in (read_completion, served):
        with suppress(EngineError):
            read(json_object(data, "here"), "here")
    header = data[:40].decode("latin-1")
    wait_s = retry_after_s(header)
    assert wait_s is None or wait_s >= 0
    with suppress(EngineError):
        check_status(400 + len(data) % 200, {"Retry-After": header}, data, "here", model="m")


def generated(data: bytes) -> None:
    """What a critic generates: what is read of it stands in it."""
    text = data.decode("utf-8", "replace")
    for prompts in _SETS:
        with suppress(UnusableError):
            assert prompts.parse_critique(text).raw in text
        with suppress(UnusableError):
            revision = prompts.parse_revision(text)
            assert revision in text
            assert revision.strip()
        with suppress(UnusableError):
            critique, revision = prompts.parse_single_pass(text)
            assert critique.raw in text
            assert revision in text


def jsonl(data: bytes) -> None:
    """A file of records, and the same as rows: each line is one thing or the other."""
    path = Path(_folder().name) / "any.jsonl"
    path.write_bytes(data)
    with suppress(InputError):
        for item in read_records(path):
            if isinstance(item, RecordEntry):
                item.record.model_dump_json()
    with suppress(InputError):
        for row in read_rows(str(path)):
            if isinstance(row, Row):
                row.draft.model_dump_json()


def prompt_sets(data: bytes) -> None:
    """A folder of prompts: its files one after the other."""
    folder = Path(_folder().name)
    for file, content in zip_longest(_FILES, data.split(_FILE_END)[: len(_FILES)]):
        (folder / file).write_bytes(content or b"")
    with suppress(PromptSetError):
        prompts = PromptSet.load(folder)
        rendered = prompts.critique_prompt(Draft(prompt="$p", response="${r}"), "${r}")
        text = rendered if isinstance(rendered, str) else rendered[-1].content
        assert "$p" in text
        assert "${r}" in text


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """One for all inputs: making one takes longer than reading what is in it."""
    return tempfile.TemporaryDirectory()


def seeds(target: str) -> list[bytes]:
    """Good inputs to begin with."""
    if target == "prompt_sets":
        return [_as_one(prompts) for prompts in _SETS]
    return _SEEDS[target]


def _as_one(prompts: PromptSet) -> bytes:
    folder = REPOSITORY / "prompts" / prompts.name
    return _FILE_END.join((folder / file).read_bytes() for file in _FILES)


_SEEDS = {
    "completions": [
        b'{"choices":[{"text":"x","finish_reason":"stop","stop_reason":"x","token_ids":[1]}]}',
        b'{"choices":[{"text":"x","finish_reason":"stop"}],"usage":{"prompt_tokens":7}}',
        b'{"choices":[{"message":{"content":"x"},"finish_reason":"length"}]}',
        b'{"data":[{"id":"m","root":"/m","max_model_len":2048,"owned_by":"vllm"}]}',
        b'{"error":{"message":"This model\'s maximum context length is 2 tokens."}}',
        b"Sat, 21 Nov 2026 10:00:00 GMT",
    ],
    "generated": [
        b"Overall score: 4/10\nPositive aspects: Short.\nNegative aspects: Vague.\n",
        b"**Overall score:** 4.5\n\n### Revised response:\nBetter.",
        b"<revised_response>\nBetter.\n</revised_response>",
    ],
    "jsonl": [
        b'{"id":"1","prompt":"p","response":"r","score":4,"critique":"c","revision":"x"}\n\n{}\n',
        b'[{"response":"r","messages":[{"role":"user","content":"p"}]}]',
        b'{"conversations":[{"from":"human","value":"p"},{"from":"gpt","value":"r"}]}\n',
    ],
}
RUNS = {"completions": 200_000, "generated": 100_000, "jsonl": 20_000, "prompt_sets": 5_000}
"""Inputs for each target in `make fuzz`."""

TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (completions, generated, jsonl, prompt_sets)
}
