"""What the README and the docs show is run here, as it stands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from command_line import revloop
from conftest import REPOSITORY, TINY_CRITIC
from record_samples import BOTTLES, ROWS, write_jsonl
from revloop import PromptSet, StopReason, revise
from revloop.evaluation import Question
from revloop.prompts import PromptSettings
from revloop.records import FORMATS, Record, training_texts
from revloop.rows import FORMS, Row, read_rows
from scripted_engine import ScriptedEngine, cnr_rounds

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

    from conftest import Served

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FALCON_40B = REPOSITORY / "benchmarks" / "scale" / "falcon-40b"
STATEFUL = {"finetuning.md"}
"""Pages whose commands build on each other, and are run in a test of their own."""

RULES = "def shorter(prompt, first, second):\n    return 'tie'\n"
"""Stands for the module with a judge that evaluation.md shows."""

EXAMPLE_ADDRESS = "http://127.0.0.1:8000"
SERVE_OPTIONS = {"--tensor-parallel-size", "--eager", "--", "--max-model-len", "--speculate"}


def blocks(language: str) -> list[ParameterSet]:
    """The code blocks of all pages in one language, each with a name for the test report."""
    found = []
    for page in PAGES:
        content = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(content):
            if match["language"] == language:
                line = content.count("\n", 0, match.start()) + 1
                found.append(pytest.param(match["text"], id=f"{page.name}:{line}"))
    return found


def commands() -> list[str]:
    """All command lines of all pages."""
    texts = [str(block.values[0]) for block in blocks("console")]
    lines = [line for text in texts for line in text.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds what the docs speak of."""
    (tmp_path / "critic").symlink_to(TINY_CRITIC)
    (tmp_path / "falcon-40b-instruct").symlink_to(FALCON_40B)  # its config, which is all of it
    shutil.copytree(REPOSITORY / "prompts" / "cnr", tmp_path / "my-prompts")
    (tmp_path / "answer.txt").write_text("It keeps keys and values.", encoding="utf-8")
    write_jsonl(tmp_path / "records.jsonl", [BOTTLES, {**BOTTLES, "id": "2", "prompt": "Why?"}])
    write_jsonl(tmp_path / "aligner.jsonl", [ROWS["aligner"]])
    write_jsonl(
        tmp_path / "drafts.jsonl",
        [{"id": str(n), "prompt": "Why?", "response": f"Because {n}."} for n in range(3)],
    )
    engine = ScriptedEngine(cnr_rounds("Better."))
    draft = {"prompt": "Why?", "response": "Good.", "category": "short"}
    revise(draft, iterations=1, store=tmp_path / "rounds.sqlite", engine=engine)
    (tmp_path / "rules.py").write_text(RULES, encoding="utf-8")
    pair = Question("Why?", "Good.", "Better.")
    (tmp_path / "filled.csv").write_text(f"id,verdict\n{pair.digest},B\n", encoding="utf-8")
    return tmp_path


def run(command: list[str] | str, folder: Path, served: Served) -> subprocess.CompletedProcess[str]:
    """Run a command where the docs' files are, with the session's server to talk to."""
    environment = {
        **os.environ,
        "REVLOOP_BASE_URL": served.base_url,
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",  # noqa: PTH120
    }
    return subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.vllm
@pytest.mark.parametrize("text", blocks("python"))
def test_python_of_the_docs_runs(text: str, folder: Path, vllm_server: Served) -> None:
    script = text.replace(EXAMPLE_ADDRESS, vllm_server.base_url)
    finished = run([sys.executable, "-W", "error", "-c", script], folder, vllm_server)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.vllm
@pytest.mark.parametrize(
    "text", [b for b in blocks("console") if str(b.id).partition(":")[0] not in STATEFUL]
)
def test_commands_of_the_docs_run(text: str, folder: Path, vllm_server: Served) -> None:
    for line in text.splitlines():
        prompt, command = line[:2], line[2:].replace(EXAMPLE_ADDRESS, vllm_server.base_url)
        if prompt != "$ " or command.startswith(("make", "revloop serve")):
            continue  # output; and commands with tests of their own, below
        finished = run(command, folder, vllm_server)
        assert finished.returncode == 0, f"{command}\n{finished.stderr}"
        assert finished.stdout


def test_serving_in_the_docs_is_what_the_session_does() -> None:
    """The session's server is started by `revloop serve`: see the fixture."""
    served = [shlex.split(command) for command in commands() if command.startswith("revloop serve")]
    assert served
    for command in served:
        assert {word for word in command if word.startswith("-")} <= SERVE_OPTIONS


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_readmes_make_targets_do_what_it_says(target: str) -> None:
    assert f"make {target}" in commands()
    command = ["make", "--no-print-directory", "--dry-run", target]
    planned = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    last = {
        "demo": ".venv/bin/revloop demo",
        "test": ".venv/bin/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder",
    }
    assert planned.stdout.splitlines()[-1] == last[target]


@pytest.mark.vllm
def test_the_demo_runs_from_start_to_stop(folder: Path, vllm_server: Served) -> None:
    finished = run("revloop demo", folder, vllm_server)
    assert finished.returncode == 0, finished.stderr
    (log,) = re.findall(r"vLLM is up at .*; its log: (\S+)", " ".join(finished.stderr.split()))
    workers = min(2, os.cpu_count() or 1)
    assert f"tensor_parallel_size={workers}" in Path(log).read_text(encoding="utf-8")
    assert "The server has stopped." in finished.stderr
    (store,) = folder.glob("revloop-demo-*.sqlite")
    assert store.name in finished.stdout
    assert run(f"revloop show {store.name}", folder, vllm_server).returncode == 0


async def test_the_call_of_vllm_in_the_docs_is_the_one_that_is_printed(folder: Path) -> None:
    (block,) = blocks("bash")
    (command,) = (c for c in commands() if "h100" in c and c.endswith("--emit ray"))
    printed = await revloop(*shlex.split(command)[1:], folder=folder)
    assert str(block.values[0]) in printed.out


def test_the_settings_in_the_docs_are_those_of_cnr() -> None:
    (block,) = blocks("toml")
    shown = PromptSettings.model_validate(tomllib.loads(str(block.values[0])))
    assert shown == PromptSet.load("cnr").settings


def test_every_format_of_records_is_in_its_table() -> None:
    page = (REPOSITORY / "docs" / "records.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \| .* \|$", page, re.MULTILINE)) >= {*FORMATS, "store"}


def test_the_record_in_the_docs_is_a_record() -> None:
    (block,) = blocks("json")
    shown = Record.model_validate_json(str(block.values[0]))
    assert training_texts(shown, PromptSet.load("cnr"))


def test_every_form_of_rows_is_in_its_table() -> None:
    page = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \| .* \| .* \|$", page, re.MULTILINE)) >= set(FORMS)


@pytest.mark.parametrize("text", blocks("jsonl"))
def test_the_rows_in_the_docs_can_be_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(text, encoding="utf-8")
    assert all(isinstance(row, Row) for row in read_rows(path))


def test_every_reason_to_end_is_explained() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)) == {str(r) for r in StopReason}


def test_every_link_to_a_file_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
