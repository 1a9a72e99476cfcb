"""Standard streams that are closed, full, read no further, or lack characters."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from revloop import revise
from revloop.store import Store
from tests.helpers.report_samples import judged_store
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.helpers.stub_server import StubServer

TEXT = "Grüße, 你好 \N{GRINNING FACE}"
LIMIT_S = 120
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has /dev/full")

RESULTS = {
    "show": ("show", "store"),
    "show one": ("show", "store", "d"),
    "show json": ("show", "store", "--json"),
    "export": ("export", "store", "-"),
    "evaluate": ("evaluate", "judged"),
    "evaluate json": ("evaluate", "judged", "--json"),
    "records validate": ("records", "validate", "records.jsonl"),
    "records import": ("records", "import", "store", "store"),
    "records render": ("records", "render", "records.jsonl", "--prompts", "chat"),
    "records generate": ("records", "generate", "3"),
    "plan": ("plan", "base"),
}
"""Commands whose result goes to standard output."""
every_result = pytest.mark.parametrize("command", RESULTS.values(), ids=list(RESULTS))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with letters of the whole world, a judged one, records, and a model's config."""
    folder = tmp_path_factory.mktemp("streams")
    engine = ScriptedEngine(cnr_rounds(f"Better: {TEXT}"))
    revise(
        {"id": "d", "prompt": TEXT, "response": TEXT},
        iterations=1,
        store=folder / "store",
        engine=engine,
    )
    judged_store(folder / "judged")
    record = {"prompt": TEXT, "response": "So.", "critique": "Vague.", "revision": TEXT, "score": 5}
    (folder / "records.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    (folder / "base").mkdir()
    config = {
        "model_type": "llama",
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "vocab_size": 1000,
        "max_position_embeddings": 512,
        "architectures": ["LlamaForCausalLM"],
    }
    (folder / "base" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def shell(
    line: str, *words: str, folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in which ``"$@"`` is a command of revloop."""
    command = ("bash", "-c", line, "bash", sys.executable, "-m", "revloop", *words)
    environment = {**os.environ, **(environment or {})}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, timeout=LIMIT_S, check=False
    )


def on_a_terminal(*words: str, folder: Path, encoding: str) -> tuple[str, str]:
    """What a command prints on a terminal of some encoding, and on standard error."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "TERM": "dumb"}
    with subprocess.Popen(
        (sys.executable, "-m", "revloop", *words),
        cwd=folder,
        env=environment,
        stdout=theirs,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(theirs)
        printed = b""
        try:
            while part := os.read(ours, 65536):
                printed += part
        except OSError:  # Linux: the other side is closed
            pass
        assert process.stderr is not None
        told = process.stderr.read()
    os.close(ours)
    assert process.returncode == 0, told
    return printed.decode(encoding).replace("\r\n", "\n"), told.decode()


class TestReadNoFurther:
    @every_result
    def test_a_reader_that_has_gone_ends_a_command_quietly(
        self, made: Path, command: tuple[str, ...]
    ) -> None:
        gone = 'exec {fd}> >(:); wait $!; "$@" >&$fd'
        done = shell(gone, *command, folder=made)
        assert (done.returncode, done.stdout, done.stderr) == (141, b"", b"")

    def test_a_reader_that_goes_in_the_middle_ends_a_command_quietly(self, made: Path) -> None:
        line = '"$@" | head -1; exit ${PIPESTATUS[0]}'
        done = shell(line, "records", "generate", "20000", folder=made)
        assert (done.returncode, done.stderr) == (141, b"")
        assert done.stdout.count(b"\n") == 1

    async def test_a_batch_is_ended_quietly_with_everything_stored(
        self, server: StubServer, tmp_path: Path
    ) -> None:
        rows = [{"id": n, "response": f"{n} " + "x" * 100_000} for n in range(4)]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        await asyncio.to_thread((tmp_path / "in.jsonl").write_text, lines)
        words = ("batch", "in.jsonl", "-", "--store", "s", "-n", "1", "--base-url", server.base_url)
        line = '"$@" | head -c 10; exit ${PIPESTATUS[0]}'
        done = await asyncio.to_thread(shell, line, *words, folder=tmp_path)
        assert done.returncode == 141
        assert b"Traceback" not in done.stderr
        assert b"Error" not in done.stderr
        with Store.open_to_read(tmp_path / "s") as store:
            assert len(list(store.trajectories())) == 4

    def test_a_named_pipe_whose_reader_goes_is_the_same(self, made: Path) -> None:
        line = 'exec {fd}> >(:); wait $!; "$@" /dev/fd/$fd'
        done = shell(line, "export", "store", folder=made)
        assert (done.returncode, done.stderr) == (141, b"")

    def test_progress_that_nobody_reads_does_not_end_the_work(self, made: Path) -> None:
        done = shell('exec {fd}> >(:); wait $!; "$@" 2>&$fd', "export", "store", "-", folder=made)
        assert done.returncode == 0
        assert TEXT in json.loads(done.stdout)["versions"][1]["text"]


class TestClosedOrFull:
    @every_result
    def test_closed_standard_output_is_told_at_once(
        self, made: Path, command: tuple[str, ...]
    ) -> None:
        done = shell('"$@" >&-', *command, folder=made)
        assert done.returncode == 3
        assert done.stderr.startswith(b"Error: Standard output is closed")
        assert done.stderr.count(b"\n") == 1

    @FULL
    @every_result
    def test_full_standard_output_is_told_at_once(
        self, made: Path, command: tuple[str, ...]
    ) -> None:
        done = shell('"$@" >/dev/full', *command, folder=made)
        assert done.returncode == 3
        assert done.stderr.startswith(b"Error: Standard output cannot be written: No space left")
        assert done.stderr.count(b"\n") == 1

    async def test_a_revision_is_not_begun_for_an_output_that_cannot_be(
        self, server: StubServer, tmp_path: Path
    ) -> None:
        words = ("revise", "Hello.", "--store", "s", "--base-url", server.base_url)
        for ending in (">&-", ">/dev/full", "1</dev/null"):
            done = await asyncio.to_thread(shell, f'"$@" {ending}', *words, folder=tmp_path)
            assert done.returncode == 3, done.stderr
        assert server.requests == []
        assert not (tmp_path / "s").exists()

    def test_a_file_is_written_whatever_standard_output_is(
        self, made: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out.jsonl"
        done = shell('"$@" >&- 2>&- <&-', "export", "store", str(out), folder=made)
        assert done.returncode == 0
        assert len(out.read_text(encoding="utf-8").splitlines()) == 1

    @pytest.mark.parametrize(
        "words",
        [("revise", "--model", "m"), ("batch", "-", "out", "--model", "m")],
        ids=["revise", "batch"],
    )
    def test_closed_standard_input_is_told_at_once(
        self, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        done = shell('"$@" --base-url http://127.0.0.1:9 <&-', *words, folder=tmp_path)
        assert done.returncode == 3
        assert done.stderr == b"Error: Standard input is closed: name a file to read.\n"
        assert list(tmp_path.iterdir()) == []

    def test_what_is_opened_later_never_becomes_a_closed_stream(self, tmp_path: Path) -> None:
        code = (
            "import sys; from revloop.cli import streams; streams.prepare(print);"
            "sys.exit(open('out', 'w').fileno() < 3)"
        )
        done = subprocess.run(
            ("bash", "-c", '"$@" <&- >&- 2>&-', "bash", sys.executable, "-c", code),
            cwd=tmp_path,
            check=False,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0

    @FULL
    def test_a_full_standard_error_costs_only_the_progress(self, made: Path) -> None:
        done = shell('"$@" 2>/dev/full', "export", "store", "-", folder=made)
        assert done.returncode == 0
        assert json.loads(done.stdout)["draft"]["response"] == TEXT


class TestDescriptors:
    def test_the_name_of_standard_output_is_standard_output(self, made: Path) -> None:
        piped = shell('"$@" | cat', "export", "store", "/dev/stdout", folder=made)
        dash = shell('"$@"', "export", "store", "-", folder=made)
        assert piped.stdout == dash.stdout
        assert piped.stderr == dash.stderr == b"1 trajectory\n"

    def test_standard_output_is_appended_to_as_the_shell_says(
        self, made: Path, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        log.write_text("precious\n", encoding="utf-8")
        assert shell(f'"$@" >>{log}', "export", "store", "/dev/stdout", folder=made).returncode == 0
        first, second = log.read_text(encoding="utf-8").splitlines()
        assert first == "precious"
        assert json.loads(second)["draft"]["id"] == "d"

    def test_a_store_is_not_appended_to(self, made: Path) -> None:
        before = (made / "store").read_bytes()
        done = shell('"$@" >>store', "export", "store", "-", folder=made)
        assert done.returncode == 3
        assert b"Standard output is store, the store: redirect it to another file." in done.stderr
        assert (made / "store").read_bytes() == before

    def test_a_process_is_written_to(self, made: Path) -> None:
        done = shell('"$@" >(cat >got); wait $!; cat got', "export", "store", folder=made)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1])["draft"]["id"] == "d"

    async def test_a_batch_writes_to_a_process_and_needs_a_store_for_it(
        self, server: StubServer, tmp_path: Path
    ) -> None:
        await asyncio.to_thread((tmp_path / "in.jsonl").write_text, '{"response": "So."}\n[]\n')
        words = ("batch", "in.jsonl", "-n", "1", "--base-url", server.base_url)
        bare = await asyncio.to_thread(shell, '"$@" >(cat)', *words, folder=tmp_path)
        assert bare.returncode == 3
        assert b"Name a store (--store PATH)" in bare.stderr
        assert server.requests == []
        line = '"$@" --store s >(cat >got); code=$?; wait $!; exit $code'
        await asyncio.to_thread(shell, line, *words, folder=tmp_path)
        got = await asyncio.to_thread((tmp_path / "got").read_text)
        assert json.loads(got)["draft"]["response"] == "So."


class TestEncodings:
    @pytest.mark.parametrize(
        "environment",
        [
            {"PYTHONIOENCODING": "cp1252"},
            {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        ],
        ids=["cp1252", "C"],
    )
    @every_result
    def test_pipes_are_utf_8(
        self, made: Path, command: tuple[str, ...], environment: Mapping[str, str]
    ) -> None:
        plain = shell('"$@"', *command, folder=made, environment={"PYTHONIOENCODING": "utf-8"})
        done = shell('"$@"', *command, folder=made, environment=environment)
        assert done.returncode == plain.returncode == 0, done.stderr
        assert done.stdout.decode() == plain.stdout.decode()

    def test_that_a_pipe_is_utf_8_is_told_where_another_encoding_is_asked_for(
        self, made: Path
    ) -> None:
        asked = {"PYTHONIOENCODING": "cp1252"}
        done = shell('"$@"', "show", "store", folder=made, environment=asked)
        assert TEXT in done.stdout.decode()
        assert done.stderr == b"Standard output is not a terminal: it gets UTF-8, not cp1252.\n"

    async def test_a_revision_comes_out_whatever_the_encoding(
        self, server: StubServer, tmp_path: Path
    ) -> None:
        words = ("revise", TEXT, "-n", "1", "--base-url", server.base_url)
        asked = {"PYTHONIOENCODING": "ascii"}
        done = await asyncio.to_thread(shell, '"$@"', *words, folder=tmp_path, environment=asked)
        assert done.stdout.decode() == f"{TEXT}\n"
        assert b"Traceback" not in done.stderr

    def test_a_terminal_gets_escapes_for_what_it_cannot_show(self, made: Path) -> None:
        printed, told = on_a_terminal("show", "store", folder=made, encoding="cp1252")
        assert "Grüße, \\u4f60\\u597d \\U0001f600" in printed
        assert told == "Characters that cp1252 lacks are printed as escapes.\n"

    def test_json_on_such_a_terminal_is_still_json(self, made: Path) -> None:
        printed, _ = on_a_terminal("show", "store", "--json", folder=made, encoding="ascii")
        found: Any = json.loads(printed)
        assert found["draft"]["response"] == TEXT

    def test_a_terminal_that_can_show_everything_gets_it(self, made: Path) -> None:
        printed, told = on_a_terminal("show", "store", folder=made, encoding="utf-8")
        assert TEXT in printed
        assert told == ""
