"""Run every example of the README and the docs as written, page by page, from top to bottom.

Each page starts in an empty folder and creates what it needs. Commands and scripts must succeed,
and their output must match what the page shows; ``...`` matches anything. The address in them is
that of a real vLLM server, started with the command of docs/serving.md.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from revloop.engines.english import is_installed
from tests.helpers.repository import REPOSITORY, free_port, need_vllm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.mark import ParameterSet

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
ADDRESS = "http://127.0.0.1:8000"
LIMIT_S = 240.0
FALCON_40B = REPOSITORY / "benchmarks" / "scale" / "falcon-40b"

SERVE = "revloop serve demo"
JOBS = (
    "revloop batch answers.jsonl revised.jsonl --engine openai-batch --base-url "
    "https://api.openai.com/v1 --model gpt-4o-mini --prompts chat --iterations 2"
)
NOT_RUN = {
    ("docs/batch.md", JOBS): "needs an account; tests/e2e/test_jobs_killed.py runs it against a "
    "local server",
    ("README.md", "pip install '.[critic]'"): "changes the environment; tests/house/test_wheel.py "
    "uses an installed package",
    ("README.md", "revloop critic install"): "downloads a model; "
    "tests/engines/test_english_installed.py",
    ("docs/review.md", "revloop review revised.jsonl.sqlite"): "runs until it is stopped; "
    "tests/review tests its pages",
    ("docs/serving.md", SERVE): "runs until it is stopped; it starts the server of these tests",
    ("docs/serving.md", "revloop serve demo --eager -- --max-model-len 2048"): "runs until it is "
    "stopped; tests/serving/test_command.py checks the options",
    ("docs/serving.md", "revloop serve demo --speculate ngram"): "runs until it is stopped; "
    "tests/serving/test_speculation.py runs it",
}
"""Commands that are not run here, by page, and why."""

PROOFREADER = "print(revise(text).final)"
"""Stands in examples of the proofreader, which are run where it is installed: it is downloaded."""

STANDS_IN = {
    "hf download tiiuae/falcon-40b-instruct config.json --local-dir falcon-40b-instruct": (
        f"cp -r {shlex.quote(str(FALCON_40B))} falcon-40b-instruct",
        "tests use no hub: the same config, from this repository",
    )
}
"""Commands that are replaced by others, and why."""

ELSEWHERE = {
    "docs/gateway.md": "tests/gateway/test_clients.py: a gateway runs until it is stopped",
    "docs/english.md": "tests/engines/test_english.py: its model has to be downloaded",
    "docs/finetuning.md": "test_docs_finetuning.py: minutes of training, and eight GPUs",
    "docs/servers.md": "tests/dialects/test_page.py: servers that speak other dialects",
}
"""Pages that another module tests."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HERE_DOCUMENT = re.compile(r"<<'(\w+)'$")


class Example(NamedTuple):
    """A command or a script of a page.

    Attributes:
        line: Its line in the page.
        words: The command line or the script.
        shown: The output that the page shows; empty if none.
        is_python: Whether it is a script.
    """

    line: int
    words: str
    shown: str
    is_python: bool = False


def name_of(page: Path) -> str:
    """A page's path in the repository."""
    return page.relative_to(REPOSITORY).as_posix()


def examples(page: Path) -> list[Example]:
    """The examples of a page, in order."""
    content = page.read_text(encoding="utf-8")
    found: list[Example] = []
    blocks = list(_BLOCK.finditer(content))
    for block, after in zip_longest(blocks, blocks[1:]):
        line = content.count("\n", 0, block.start()) + 2
        if block[1] == "console":
            found += _commands(block[2], line)
        elif block[1] == "python":
            is_beside = after is not None and not content[block.end() : after.start()].strip()
            shown = after[2] if after is not None and is_beside and after[1] == "text" else ""
            found.append(Example(line, block[2], shown, is_python=True))
    return found


def _commands(block: str, line: int) -> Iterator[Example]:
    lines = block.splitlines()
    starts = [n for n, text in enumerate(lines) if text.startswith("$ ")]
    assert starts[:1] == [0], f"line {line}: a block of commands begins with one"
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        words, shown = [lines[start].removeprefix("$ ")], lines[start + 1 : end]
        if marker := _HERE_DOCUMENT.search(words[0]):
            close = shown.index(marker[1]) + 1
            words, shown = [*words, *shown[:close]], shown[close:]
        yield Example(line + start, "\n".join(words), "\n".join(shown))


def needs_server(page: Path) -> bool:
    return any(ADDRESS in example.words for example in examples(page))


def pages() -> list[ParameterSet]:
    """The pages whose examples run here."""
    return [
        pytest.param(page, id=name_of(page), marks=[pytest.mark.vllm] if needs_server(page) else [])
        for page in PAGES
        if name_of(page) not in ELSEWHERE and examples(page)
    ]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that was started with the command of docs/serving.md."""
    need_vllm()
    log = tmp_path_factory.mktemp("served") / "server.log"
    there = ("--eager", "--port", str(free_port()), "--log", str(log))
    process = subprocess.Popen(
        [sys.executable, "-m", *shlex.split(SERVE), *there],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_SERVER_DEV_MODE": "1"},
    )
    try:
        assert process.stdout is not None
        announced = process.stdout.readline().split()
        assert announced[:4] == ["revloop-demo-critic", "is", "served", "at"], f"the log: {log}"
        yield announced[4]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT_S)
        assert process.stdout is not None
        process.stdout.close()


def run(example: Example, folder: Path, address: str) -> subprocess.CompletedProcess[str]:
    """Run an example in a shell, standard error joined to standard output."""
    environment = {name: value for name, value in os.environ.items() if "REVLOOP" not in name}
    # the programs of this Python come first
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    words = example.words.replace(ADDRESS, address)
    shell = [shutil.which("bash") or "sh", "-c", words]
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", words] if example.is_python else shell,
        cwd=folder,
        # two test processes share the cores: more threads would only wait for each other
        env={**environment, "PATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


def is_shown(shown: str, printed: str) -> bool:
    """Whether the output matches what the page shows; ``...`` matches anything."""
    want, got = (
        "".join(f"{line.rstrip()}\n" for line in text.strip().splitlines())
        for text in (shown, printed)
    )
    return doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS)


@pytest.mark.parametrize("page", pages())
def test_every_example_of_a_page_prints_what_the_page_shows(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    address = request.getfixturevalue("address") if needs_server(page) else ADDRESS
    for example in examples(page):
        if PROOFREADER in example.words and not is_installed():
            continue
        if (name_of(page), example.words) in NOT_RUN:
            continue
        instead, _ = STANDS_IN.get(example.words, (example.words, ""))
        finished = run(example._replace(words=instead), tmp_path, address)
        printed = finished.stdout.replace(address, ADDRESS)
        where = f"{name_of(page)}:{example.line}: {example.words}\nprinted:\n{printed}"
        assert finished.returncode == 0, where
        if example.shown:
            assert is_shown(example.shown, printed), f"{where}\nshown:\n{example.shown}"


def test_every_exception_is_still_in_its_page() -> None:
    known = {(name_of(page), example.words) for page in PAGES for example in examples(page)}
    assert set(NOT_RUN) <= known
    assert set(STANDS_IN) <= {words for _, words in known}
    assert set(ELSEWHERE) <= set(map(name_of, PAGES))


def test_a_different_output_does_not_match() -> None:
    assert is_shown("a ... c\n...\nd", "a b c\nmore\nand more\nd\n")
    assert not is_shown("a ... c\nd", "a b c\nmore\nd\n")
    assert not is_shown("round  lost\n    1     2", "round  lost\n    1     3\n")


def test_a_here_document_belongs_to_its_command() -> None:
    found = list(_commands("$ cat > a <<'END'\none\nEND\n$ cat a\none\n", 1))
    assert found == [Example(1, "cat > a <<'END'\none\nEND", ""), Example(4, "cat a", "one")]
