"""The README and the docs agree with the code: commands, formats, settings, exit codes, links."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

from revloop import PromptSet, StopReason
from revloop.cli.app import app
from revloop.cli.config_file import TABLES
from revloop.cli.exit_codes import MEANINGS
from revloop.errors import RevloopError
from revloop.prompts.settings import PromptSettings
from revloop.records import FORMATS, Record, training_texts
from revloop.rows import FORMAT_NAMES, Row, read_rows
from tests.helpers.command_line import revloop
from tests.helpers.repository import REPOSITORY, need_vllm
from tests.house.test_docs_examples import FALCON_40B, PAGES, examples, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.mark import ParameterSet

BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
CONFIGURATION = REPOSITORY / "docs" / "configuration.md"
EXIT_CODES = REPOSITORY / "docs" / "exit-codes.md"
OTHER_PAGES = [
    REPOSITORY / page
    for page in (
        *("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
        *("benchmarks/README.md", "benchmarks/NOTES.md", "benchmarks/gpu/README.md"),
        "src/revloop/demo/critic/README.md",
    )
]
OPTIONS_OF_OTHERS = {
    # of vLLM
    *(
        "--enable-expert-parallel",
        "--enable-prompt-tokens-details",
        "--generation-config",
        "--load-format",
        "--speculative-config",
        "--trust-remote-code",
    ),
    *("--measure", "--minutes", "--write"),  # of benchmarks and tests.e2e.faults
    "--help",  # click adds it when a command runs
}
NO_TASK = {"evidence.md", "experiment.md", "reliability.md"}  # results, not tasks
SERVE_OPTIONS = {"--tensor-parallel-size", "--eager", "--", "--max-model-len", "--speculate"}


def blocks(language: str, *pages: str) -> list[ParameterSet]:
    """The code blocks in one language, named by page and line: of some pages, or of all."""
    found = []
    for page in [REPOSITORY / one for one in pages] or PAGES:
        content = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(content):
            if match["language"] == language:
                line = content.count("\n", 0, match.start()) + 1
                found.append(pytest.param(match["text"], id=f"{name_of(page)}:{line}"))
    return found


def cells_of(page: Path, heading: str) -> Iterator[str]:
    """The first column of the table whose first column has a heading."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        yield line.split("|")[1].strip()


def names_in(page: Path, heading: str) -> set[str]:
    """The names in the first column of that table, without their code marks."""
    return {cell.strip("`") for cell in cells_of(page, heading)}


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    content = BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", content, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands() -> list[str]:
    """All commands of all pages."""
    return [one.words for page in PAGES for one in examples(page) if not one.is_python]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder; the programs of this Python come first."""
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


def test_the_docs_serve_with_options_that_other_tests_cover() -> None:
    """The session's server uses most of them; tests/serving has the others."""
    served = [shlex.split(command) for command in commands() if command.startswith("revloop serve")]
    assert served
    for command in served:
        assert {word for word in command if word.startswith("-")} <= SERVE_OPTIONS


@pytest.mark.parametrize("target", ["demo", "test"])
def test_a_make_target_of_the_docs_does_what_they_say(target: str) -> None:
    pages = [PAGES[0], REPOSITORY / "CONTRIBUTING.md"]
    assert any(f"`make {target}`" in page.read_text(encoding="utf-8") for page in pages)
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
    finished = run("revloop demo --drafts 4 --iterations 2", tmp_path)
    assert finished.returncode == 0, finished.stderr
    (log,) = re.findall(r"vLLM is up at .*; its log: (\S+)", " ".join(finished.stderr.split()))
    workers = min(2, os.cpu_count() or 1)
    assert f"tensor_parallel_size={workers}" in Path(log).read_text(encoding="utf-8")
    assert "The server has stopped." in finished.stderr
    (store,) = tmp_path.glob("revloop-demo-*.sqlite")
    assert store.name in finished.stdout
    assert run(f"revloop show {store.name}", tmp_path).returncode == 0


async def test_the_vllm_command_in_the_docs_is_the_one_that_plan_prints(tmp_path: Path) -> None:
    (tmp_path / "falcon-40b-instruct").symlink_to(FALCON_40B)  # the config is all that it needs
    (block,) = blocks("bash", "docs/serving.md")
    (command,) = (c for c in commands() if "--gpus 16" in c and c.endswith("--emit ray"))
    printed = await revloop(*shlex.split(command)[1:], folder=tmp_path)
    assert str(block.values[0]) in printed.out


def test_the_settings_in_the_docs_are_those_of_cnr() -> None:
    (block,) = blocks("toml", "docs/prompts.md")
    shown = PromptSettings.model_validate(tomllib.loads(str(block.values[0])))
    assert shown == PromptSet.load("cnr").settings


def test_every_format_of_records_is_in_its_table() -> None:
    assert names_in(REPOSITORY / "docs" / "records.md", "format") == {*FORMATS, "store"}


def test_the_record_in_the_docs_is_a_record() -> None:
    (block,) = blocks("json")
    shown = Record.model_validate_json(str(block.values[0]))
    assert training_texts(shown, PromptSet.load("cnr"))


def test_every_form_of_rows_is_in_its_table() -> None:
    assert names_in(REPOSITORY / "docs" / "data.md", "format") == set(FORMAT_NAMES)


@pytest.mark.parametrize("text", blocks("jsonl"))
def test_the_rows_in_the_docs_can_be_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(text, encoding="utf-8")
    read = list(read_rows(path))
    assert [type(row) for row in read] == [Row] * len(text.splitlines())
    assert all(row.draft.response for row in read if isinstance(row, Row))


def options_of(command: Any) -> Iterator[str]:
    """The options of a command and of its subcommands."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for child in getattr(command, "commands", {}).values():
        yield from options_of(child)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_option_that_a_page_names_exists(page: Path) -> None:
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    code = " ".join(re.findall(r"`([^`]+)`", prose))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", code))
    assert named <= {*options_of(get_command(app)), *OPTIONS_OF_OTHERS}


def test_every_table_of_the_options_file_is_explained_and_no_other() -> None:
    explained = [cell.strip("`") for cell in cells_of(CONFIGURATION, "table")]
    assert sorted(explained) == sorted(TABLES)


def test_every_environment_variable_is_explained() -> None:
    source = "\n".join(file.read_text("utf-8") for file in (REPOSITORY / "src").rglob("*.py"))
    variables = set(re.findall(r"REVLOOP_[A-Z_]+", source)) - {"REVLOOP_RAY_SERVER"}  # internal
    assert names_in(CONFIGURATION, "variable") == variables


def test_every_stop_reason_is_explained_and_no_other() -> None:
    assert names_in(EXIT_CODES, "reason") == {str(reason) for reason in StopReason}


def test_every_exit_code_is_explained_and_no_other() -> None:
    """Python itself exits with 1 after an unexpected error, `serve` with 143 after SIGTERM."""
    explained = {int(cell) for cell in cells_of(EXIT_CODES, "code")}
    assert explained == {*MEANINGS, RevloopError.exit_code, 128 + signal.SIGTERM}


def test_success_and_failure_are_told_apart_as_the_code_does() -> None:
    reasons = [StopReason(cell.strip("`")) for cell in cells_of(EXIT_CODES, "reason")]
    assert [reason.is_failure for reason in reasons] == sorted(r.is_failure for r in reasons)
    first_failure = next(reason for reason in reasons if reason.is_failure)
    assert f"Those above `{first_failure}` are successes." in EXIT_CODES.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [*PAGES, *OTHER_PAGES], ids=name_of)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text(encoding="utf-8"))
    for file, anchor in links:
        target = page.parent / file if file else page
        assert target.exists(), f"{file} does not exist"
        if anchor:
            assert anchor in anchors_of(target), f"{file} has no heading #{anchor}"


def test_every_page_of_docs_is_in_the_readme_and_in_the_table_of_tasks() -> None:
    readme, tasks = (page.read_text(encoding="utf-8") for page in PAGES[:2])
    for page in PAGES[2:]:
        assert f"(docs/{page.name})" in readme
        assert f"({page.name}" in tasks or page.name in NO_TASK


def test_the_readme_is_short() -> None:
    prose = BLOCK.sub("", PAGES[0].read_text(encoding="utf-8"))
    assert len(prose.split()) <= 650
