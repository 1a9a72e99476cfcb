"""What the README and the docs say of commands, formats and settings is what there is."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from revloop import PromptSet, StopReason
from revloop.prompts.prompt_set import PromptSettings
from revloop.records import FORMATS, Record, training_texts
from revloop.rows import FORMS, Row, read_rows
from tests.helpers.command_line import revloop
from tests.helpers.repository import REPOSITORY, need_vllm
from tests.house.test_docs_examples import FALCON_40B, PAGES, examples

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
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
    return [one.words for page in PAGES for one in examples(page) if not one.is_python]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with this Python's own programs."""
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"  # noqa: PTH120
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=False,
        capture_output=True,
        text=True,
    )


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
def test_the_demo_runs_from_start_to_stop(tmp_path: Path) -> None:
    need_vllm()
    finished = run("revloop demo", tmp_path)
    assert finished.returncode == 0, finished.stderr
    (log,) = re.findall(r"vLLM is up at .*; its log: (\S+)", " ".join(finished.stderr.split()))
    workers = min(2, os.cpu_count() or 1)
    assert f"tensor_parallel_size={workers}" in Path(log).read_text(encoding="utf-8")
    assert "The server has stopped." in finished.stderr
    (store,) = tmp_path.glob("revloop-demo-*.sqlite")
    assert store.name in finished.stdout
    assert run(f"revloop show {store.name}", tmp_path).returncode == 0


async def test_the_call_of_vllm_in_the_docs_is_the_one_that_is_printed(tmp_path: Path) -> None:
    (tmp_path / "falcon-40b-instruct").symlink_to(FALCON_40B)  # its config, which is all of it
    (block,) = blocks("bash")
    (command,) = (c for c in commands() if "h100" in c and c.endswith("--emit ray"))
    printed = await revloop(*shlex.split(command)[1:], folder=tmp_path)
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
