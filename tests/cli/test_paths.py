"""Every option that names something to write is checked before any work, in every command."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import pytest
import typer.main
from typer.testing import CliRunner

from revloop.cli.app import app
from revloop.errors import InputError, StoreError
from revloop.store import Store
from tests.helpers.command_line import revloop

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = "http://127.0.0.1:9"
"""A server that no test may ask: it would be unreachable, which is another error."""
ENGINE = ("--base-url", NOBODY, "--model", "critic")


@dataclass(frozen=True)
class Command:
    """A command that writes, with ``{}`` where the output is named.

    Attributes:
        words: The command line.
        reads: The file that it reads.
        kind: "file", "store", "folder" or "log".
    """

    words: str
    reads: str | None = None
    kind: str = "file"

    def line(self, output: str | Path) -> list[str]:
        return [word.replace("{}", str(output)) for word in self.words.split()]


B = " ".join(ENGINE)
WRITTEN = {
    "revise store": Command(f"revise Hello {B} --store {{}}", kind="store"),
    "batch output_file": Command(f"batch in.jsonl {{}} --force --store new {B}", reads="in.jsonl"),
    "batch store": Command(f"batch in.jsonl out {B} --store {{}}", reads="in.jsonl", kind="store"),
    "export output_name": Command("export store {} --force", reads="store"),
    "export card": Command("export store new --as versions --card {} --force", reads="store"),
    "report out": Command("report store -o {} --force", reads="store"),
    "report plots": Command("report store --plots {} --force", reads="store", kind="folder"),
    "evaluate csv": Command("evaluate store --judge demo --csv {} --force", reads="store"),
    "judge human": Command("judge store --human {} --force", reads="store"),
    "records validate output_file": Command(
        "records validate in.jsonl --output {} --force", reads="in.jsonl"
    ),
    "records import output_file": Command(
        "records import store store --output {} --force", reads="store"
    ),
    "records render output_file": Command(
        "records render in.jsonl --output {} --force", reads="in.jsonl"
    ),
    "records generate output_file": Command("records generate 1 --output {} --force"),
    "records split output_folder": Command(
        "records split in.jsonl --output {} --force", reads="in.jsonl", kind="folder"
    ),
    "finetune run_folder": Command(
        "finetune in.jsonl --base base --output {}", reads="in.jsonl", kind="folder"
    ),
    "serve log_path": Command("serve base --log {} --api-key-file key", reads="key", kind="log"),
    "bench throughput result_file": Command(
        f"bench throughput --input in.jsonl {B} -o {{}}", reads="in.jsonl"
    ),
    "bench throughput plot": Command(
        f"bench throughput --input in.jsonl {B} --plot {{}}", reads="in.jsonl"
    ),
    "prompts copy folder": Command("prompts copy cnr {} --force", kind="folder"),
    "demo store": Command("demo --in-process --store {}", kind="store"),
    "pilot policy_file": Command(
        f"pilot in.jsonl {{}} --judge demo --store new --force {B}", reads="in.jsonl"
    ),
    "pilot store": Command(
        f"pilot in.jsonl new.toml --judge demo --store {{}} {B}", reads="in.jsonl", kind="store"
    ),
    "gateway store": Command(f"gateway --upstream {NOBODY} --store {{}}", kind="store"),
}
"""Each option or argument that names something to write, by command and parameter."""
ON_RAY = Command(f"batch in.jsonl {{}} --ray=local {B}", reads="in.jsonl", kind="folder")
READ = {
    "batch source",
    *("bench throughput input", "bench compare before", "bench compare after"),
    *("evaluate store", "evaluate judge_prompts"),
    *(
        "export store",
        "finetune records",
        "finetune recipe",
        "finetune validation",
        "finetune base",
    ),
    *("finetune prompts", "finetune accelerate_config"),
    *("judge store", "judge read", "plan lengths_from"),
    *("records validate file", "records validate prompts"),
    *("records import file", "records render file", "records render prompts"),
    "records split file",
    *("report store", "report judge_prompts"),
    *("revise file", "pilot source", "review store", "critic install package"),
    *("serve api_key_file", "show store", "show prices"),
    *(
        f"{command} {name}"
        for command in ("revise", "batch", "bench throughput", "pilot", "gateway", "demo")
        for name in ("sandbox_read", "policy")
        if f"{command} {name}" not in {"demo sandbox_read", "pilot policy"}
    ),
}
"""Those that name something to read, apart from those that their model says are read."""
GIVEN_TO = {
    "revise": "revise store",
    "batch": "batch output_file",
    "evaluate": "evaluate csv",
    "records validate": "records validate output_file",
    "report": "report out",
    "bench throughput": "bench throughput result_file",
    "pilot": "pilot policy_file",
    "gateway": "gateway store",
}
"""An output for each command that is made from models."""
PATH_WORDS = {"PATH", "DIR", "FILE", "SHEET", "STORE", "JSON", "INPUT", "OUTPUT", "BEFORE", "AFTER"}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command, by its words."""

    def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, (*words, name))
        if not hasattr(command, "commands"):
            yield " ".join(words), command

    yield from walk(typer.main.get_command(app), ())


def paths_named() -> Iterator[str]:
    """Every parameter that names a path, by its command's words and its own name."""

    for words, command in commands():
        hints = get_type_hints(inspect.unwrap(command.callback))
        for one in command.params:
            if one.name in {"config", "extra_body"}:
                continue  # of every command: see the test below; JSON itself, not its file
            of_type_path = Path in {hints.get(one.name), *get_args(hints.get(one.name))}
            if of_type_path or PATH_WORDS & set((one.metavar or "").strip("[]").split("|")):
                yield f"{words} {one.name}"


def paths_of_models() -> Iterator[str]:
    """Every parameter whose model says what it reads."""
    for words, command in commands():
        names = {one.name for one in command.params}
        for model in getattr(command.callback, "models", {}).values():
            read = [name for name, flag in model.flags().items() if flag.reads and name in names]
            yield from (f"{words} {name}" for name in read)


@pytest.mark.parametrize("name", ["revise store", "batch output_file", "bench throughput plot"])
@pytest.mark.parametrize("is_named", [False, True])
def test_the_file_of_options_is_kept(folder: Path, name: str, is_named: bool) -> None:
    file, option = ("own.toml", " --config own.toml") if is_named else ("revloop.toml", "")
    (folder / file).write_text("[loop]\nseed = 1\n", encoding="utf-8")
    assert_refused(Command(WRITTEN[name].words + option), file, folder, file)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with something to read of each kind, where the commands run."""
    monkeypatch.chdir(tmp_path)
    draft = {"prompt": "Why?", "response": "So.", "critique": "Vague.", "revision": "Because."}
    (tmp_path / "in.jsonl").write_text(json.dumps(draft) + "\n", encoding="utf-8")
    # a key that is a file of checks, too
    (tmp_path / "key").write_text('check = [{ kind = "links" }]', encoding="utf-8")
    (tmp_path / "base").mkdir()
    for name in ("store", "another"):
        Store.open(tmp_path / name).close()
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything in a folder, to be compared with what is there later."""
    return {
        str(path): path.read_bytes() if os.path.isfile(path) else None  # noqa: PTH113
        for path in sorted(folder.rglob("*"))
        if not path.name.endswith(("-wal", "-shm"))
    }


def assert_refused(command: Command, output: str | Path, folder: Path, *words: str) -> None:
    """A command ends with an error of ours about its output, and nothing was written."""
    before = contents(folder)
    result = CliRunner().invoke(app, command.line(output))
    assert isinstance(result.exception, InputError | StoreError), result.exception
    for word in words:
        assert word in str(result.exception)
    assert "\n" not in str(result.exception)
    assert contents(folder) == before


ALL = pytest.mark.parametrize(
    "command", [*WRITTEN.values(), ON_RAY], ids=[*WRITTEN, "batch --ray output_file"]
)


def test_every_option_that_names_a_path_is_known_to_be_read_or_written() -> None:
    assert set(paths_named()) == {*WRITTEN, *READ, *paths_of_models()}


def test_every_path_that_a_model_says_is_read_is_kept(folder: Path) -> None:
    """As it stands for the others below; here for the options that a command is made of."""
    for path in paths_of_models():
        command, name = path.rsplit(" ", 1)
        flag = f"--{name.replace('_', '-')}"
        words = f"{WRITTEN[GIVEN_TO[command]].words} {flag} key"
        assert_refused(Command(words), "key", folder, "key", "itself")


@pytest.mark.parametrize("name", [n for n in GIVEN_TO if f"{n} policy" in READ])
def test_the_policy_is_kept(folder: Path, name: str) -> None:
    (folder / "policy.toml").write_text("rounds = 1\n", encoding="utf-8")
    words = f"{WRITTEN[GIVEN_TO[name]].words} --policy policy.toml"
    assert_refused(Command(words), "policy.toml", folder, "policy.toml", "itself")


@ALL
def test_nothing_that_is_read_is_overwritten(folder: Path, command: Command) -> None:
    if command.reads is None:
        return
    assert_refused(command, command.reads, folder, command.reads, "itself")


@ALL
def test_a_link_to_what_is_read_is_the_same(folder: Path, command: Command) -> None:
    if command.reads is None:
        return
    os.link(folder / command.reads, folder / "hard")
    assert_refused(command, "hard", folder, "hard")


@ALL
def test_no_store_is_overwritten(folder: Path, command: Command) -> None:
    if command.kind != "store":
        assert_refused(command, "another", folder, "another")


@ALL
def test_links_in_a_circle_are_refused(folder: Path, command: Command) -> None:
    assert_refused(command, "one", folder, "one", "cannot be written")


@ALL
def test_names_that_are_too_long_are_refused(folder: Path, command: Command) -> None:
    assert_refused(command, "x" * 256, folder, "File name too long")


@ALL
def test_a_file_where_a_folder_is_wanted_is_refused_and_the_reverse(
    folder: Path, command: Command
) -> None:
    output = "key" if command.kind == "folder" else "base"
    assert_refused(command, output, folder, output)


@ALL
def test_what_lies_below_a_file_is_refused(folder: Path, command: Command) -> None:
    assert_refused(command, "in.jsonl/x", folder, "in.jsonl")


@ALL
def test_a_full_device_is_refused(folder: Path, command: Command) -> None:
    assert_refused(command, "/dev/full", folder, "/dev/full")


@ALL
def test_a_missing_folder_is_refused_where_none_is_made(folder: Path, command: Command) -> None:
    makes_it = command.kind == "folder" or command.words.startswith("bench")
    if not makes_it:
        name = "missing/x.toml" if command.words.startswith("pilot") else "missing/x"
        assert_refused(command, name, folder, "missing", "No such file")


CLASHES = (
    "batch in.jsonl x --store x",
    "batch in.jsonl in.jsonl --force",
    "batch in.jsonl out --store in.jsonl",
    "batch in.jsonl out.sqlite-wal --store out.sqlite",
    "batch in.jsonl .s.lock --store s",
    "batch x.rejected.jsonl x",
    "batch base base/out",
    "report store -o new.html --plots new.html",
    "records import store store --output store --force",
    "bench throughput -o r.png --plot r.png",
    "demo --in-process --store demo.html",
    "evaluate store --judge rules:shorter --csv rules.py --force",
)


@pytest.mark.parametrize("words", CLASHES)
def test_two_roles_of_one_file_are_refused(folder: Path, words: str) -> None:
    for name in ("x.rejected.jsonl", "rules.py"):
        (folder / name).write_text("{}\n", encoding="utf-8")
    engine = f" {B}" if words.startswith(("batch", "bench")) else ""
    assert_refused(Command(words + engine), "", folder)


def test_rejected_rows_of_something_else_are_kept(folder: Path) -> None:
    (folder / "x.rejected.jsonl").write_text("precious\n", encoding="utf-8")
    words = f"batch in.jsonl x {B}"
    assert_refused(Command(words), "", folder, "x.rejected.jsonl already exists", "--force")


@pytest.mark.parametrize(
    "words", ["batch missing out --store s", "bench throughput --input missing"]
)
def test_an_input_that_is_not_there_is_told_before_the_engine_is_asked(
    folder: Path, words: str
) -> None:
    assert_refused(Command(f"{words} {B}"), "", folder, "missing cannot be read: No such file")


async def test_the_command_line_itself_refuses_with_one_line_and_exit_code_3(folder: Path) -> None:
    before = contents(folder)
    finished = await revloop("batch", "in.jsonl", "x", "--store", "x", *ENGINE, folder=folder)
    assert finished.code == 3
    assert finished.err == "Error: x is the store itself: name another file to write.\n"
    forced = await revloop("export", "store", "another", "--force", folder=folder)
    assert forced.code == 3
    assert forced.err.startswith("Error: another is a store, and stores are never overwritten")
    assert contents(folder) == before


def can_mount() -> bool:
    """Whether a process may have file systems of its own here."""
    tried = ("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    return (
        shutil.which("unshare") is not None
        and not subprocess.run(tried, capture_output=True, check=False).returncode
    )


@pytest.mark.skipif(not can_mount(), reason="file systems cannot be mounted here")
@pytest.mark.parametrize(
    ("options", "then", "said"),
    [
        ("size=64k", "dd if=/dev/zero of=disk/fill bs=1k count=64", "No space left on device"),
        ("size=64k", "mount -o remount,ro disk", "Read-only file system"),
    ],
    ids=["full", "read-only"],
)
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (f"batch in.jsonl disk/x --store new {B}", 3),
        (f"batch in.jsonl out --store disk/x {B}", 5),
        (f"revise Hello --store disk/x {B}", 5),
        ("export store disk/x", 3),
        ("records split in.jsonl --output disk/x", 3),
        ("finetune in.jsonl --base base --output disk/x", 3),
    ],
)
def test_a_disk_that_takes_nothing_is_told_before_the_work(
    folder: Path, options: str, then: str, said: str, words: str, code: int
) -> None:
    (folder / "disk").mkdir()
    before = contents(folder)
    script = f'mount -t tmpfs -o {options} tmpfs disk; {then} 2>/dev/null; "$@"'
    command = (sys.executable, "-m", "revloop", *words.split())
    done = subprocess.run(
        ("unshare", "-m", "bash", "-c", script, "bash", *command),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
    assert said in done.stderr
    assert contents(folder) == before
