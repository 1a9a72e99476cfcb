"""A command as check: what it reads, and what its check says."""

from __future__ import annotations

import json
import os
import shlex
import sys
from typing import TYPE_CHECKING

import anyio
import pytest

from revloop import revise
from revloop.checks.commands import CommandChecker
from revloop.checks.messages import MESSAGE_CHARACTERS
from revloop.checks.running import cpus
from revloop.concurrency import task_group
from revloop.errors import InputError
from revloop.trajectory import Checker
from tests.helpers.check_commands import DRAFT, check, checker_of, python
from tests.helpers.scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="commands need Linux or macOS")

SAY_INPUT = "import sys; sys.exit(repr(sys.stdin.buffer.read().decode()))"
SAY_FILE = "import sys; sys.exit(repr(open(sys.argv[1], newline='').read()))"

CODE = "def double(x):\n    return x + 2\n"
UNIT_TEST = """
import sys
program = compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')
names = {}
exec(program, names)
assert names['double'](4) == 8, 'double(4) is 8'
"""


class TestWhatItReads:
    async def test_the_text_is_on_standard_input(self) -> None:
        result = await check(python(SAY_INPUT), "héllo\r\nworld\n")
        assert result.message == repr("héllo\r\nworld\n")

    async def test_a_long_text_needs_no_reader(self) -> None:
        assert (await check("true", "x" * 3_000_000)).passed

    async def test_the_text_is_in_a_file_where_the_command_names_one(self) -> None:
        result = await check(f"{python(SAY_FILE)} {{file}}", "héllo\r\n")
        assert result.message == repr("héllo\r\n")

    async def test_a_command_that_reads_a_file_has_an_empty_standard_input(self) -> None:
        result = await check(f"{python(SAY_INPUT)} {{file}}", "text")
        assert result.message == "''"

    async def test_a_file_has_the_name_that_its_tool_expects(self) -> None:
        result = await check(python("import sys; sys.exit(sys.argv[1])", "{file.test.py}"))
        assert result.message == "text.test.py"

    async def test_the_draft_is_a_file_of_json(self) -> None:
        draft = DRAFT.model_copy(update={"extra": {"unit_test": "assert f(1) == 2"}})
        checker = checker_of(f"{python(SAY_FILE)} {{draft}}")
        result = await checker.check(draft, "a later text")
        stored = json.loads(result.message.strip("'"))
        assert stored["prompt"] == "Write a program."
        assert stored["response"] == "no program"
        assert stored["extra"] == {"unit_test": "assert f(1) == 2"}

    async def test_a_text_is_no_template(self) -> None:
        assert (await check(python(SAY_INPUT), "{draft} {file}")).message == repr("{draft} {file}")

    async def test_no_time_limit_is_a_time_limit(self) -> None:
        assert (await check("true", timeout_s=float("inf"))).passed

    async def test_no_shell_reads_the_command(self) -> None:
        result = await check("echo $HOME; exit 1 '|' cat")
        assert result.passed

    async def test_a_shell_reads_it_on_request(self) -> None:
        result = await check("cat | tr a-z A-Z; exit 3", "loud", check_shell=True)
        assert (result.passed, result.message) == (False, "LOUD")

    async def test_a_shell_has_the_files_too(self) -> None:
        result = await check("cat < {file}; exit 3", "quiet", check_shell=True)
        assert result.message == "quiet"

    async def test_it_runs_in_the_working_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "tests.py").write_text("import os; exit(os.path.abspath('tests.py'))")
        result = await check(f"{shlex.quote(sys.executable)} tests.py")
        assert result.message == "tests.py", "without the folder, which differs by machine"


class TestWhatItFinds:
    async def test_exit_code_0_passes(self) -> None:
        result = await check("echo fine")
        assert (result.passed, result.message) == (True, "")

    async def test_another_exit_code_fails_with_both_outputs(self) -> None:
        result = await check(
            python("import os; os.write(1, b'out\\n'); os.write(2, b'err\\n'); os._exit(7)")
        )
        assert (result.passed, result.message) == (False, "out\nerr")

    async def test_silence_is_told_with_the_exit_code(self) -> None:
        result = await check(python("raise SystemExit(7)"))
        assert result.message == "The check 'it' failed with exit code 7 and no message."

    async def test_a_crash_is_told(self) -> None:
        result = await check(python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))
        assert result.message == "The check 'it' was ended by SIGSEGV."

    async def test_the_end_of_a_long_output_is_kept(self) -> None:
        result = await check(python("print('line\\n' * 100_000); print('the error'); exit(1)"))
        assert len(result.message) <= MESSAGE_CHARACTERS
        assert result.message.startswith("[…]\nline\n")
        assert result.message.endswith("line\n\nthe error")

    async def test_colours_and_broken_characters_are_left_out(self) -> None:
        bytes_ = rb"\x1b[1;31mred\x1b[0m \x00\x07\xff\r\nend"
        result = await check(python(f"import os; os.write(1, b'{bytes_.decode()}'); os._exit(1)"))
        assert result.message == "red \ufffd\nend"

    async def test_the_random_folder_of_a_file_is_left_out(self) -> None:
        code = "import os, sys; exit(sys.argv[1] + ' ' + os.path.relpath(sys.argv[1]))"
        assert (await check(python(code, "{file.py}"))).message == "text.py text.py"

    async def test_a_unit_test_tells_what_is_wrong_with_code(self) -> None:
        command = python(UNIT_TEST, "{file.py}")
        result = await check(command, CODE)
        assert result.passed is False
        assert result.message.startswith("Traceback")
        assert result.message.endswith("AssertionError: double(4) is 8")
        assert (await check(command, CODE.replace("+", "*"))).passed


class TestInTheLoop:
    def test_a_synchronous_revise_runs_it_in_a_thread_of_its_own(self) -> None:
        engine = ScriptedEngine(["A LOUD TEXT"])
        trajectory = revise(
            "a quiet text",
            engine=engine,
            checks=[CommandChecker("grep LOUD", name="loud")],
            critique="checks",
        )
        assert trajectory.final == "A LOUD TEXT"
        assert [[check.passed for check in version.checks] for version in trajectory.versions] == [
            [False],
            [True],
        ]
        assert (
            "The check 'loud' failed with exit code 1 and no message." in engine.requests[0].prompt
        )


class TestWhatItIs:
    def test_it_is_a_checker(self) -> None:
        checker = CommandChecker("true")
        assert isinstance(checker, Checker)
        assert checker.info.name == "true"
        assert CommandChecker("true", name="always").info.name == "always"

    def test_its_digest_changes_with_its_options_and_files(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        script = tmp_path / "check.py"
        script.write_text("one")

        def digest(command: str = "cat check.py", check_memory_mib: int = 512) -> str:
            return checker_of(command, check_memory_mib=check_memory_mib).info.digest

        first = digest()
        assert digest() == first
        others = {digest("cat ./check.py"), digest(check_memory_mib=100)}
        script.write_text("two")
        assert first not in {*others, digest()}

    def test_a_missing_program_is_told_at_once(self) -> None:
        with pytest.raises(InputError, match="there is no program 'no-such-program'"):
            CommandChecker("no-such-program --check")

    @pytest.mark.parametrize(
        ("command", "message"), [("", "is empty"), ("cat 'x", "No closing quotation")]
    )
    def test_a_command_that_is_none_is_refused(self, command: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            CommandChecker(command)

    async def test_a_program_that_has_gone_is_the_checks_fault(self, tmp_path: Path) -> None:
        program = tmp_path / "program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        checker = checker_of(str(program))
        program.unlink()
        with pytest.raises(InputError, match=r"could not be started: .*No such file"):
            await checker.check(DRAFT, "text")

    async def test_few_commands_run_at_the_same_time(self, tmp_path: Path) -> None:
        code = (
            "import os, sys, time; own = f'{sys.argv[1]}/{os.getpid()}'; open(own, 'w').close();"
            "time.sleep(0.05); print(len(os.listdir(sys.argv[1]))); os.remove(own); os._exit(1)"
        )
        checker = CommandChecker(python(code.replace("os._exit", "sys.exit"), str(tmp_path)))
        counts: list[int] = []

        async def one() -> None:
            counts.append(int((await checker.check(DRAFT, "text")).message))

        with anyio.fail_after(120):
            async with task_group() as tasks:
                for _ in range(3 * cpus()):
                    tasks.start_soon(one)
        assert len(counts) == 3 * cpus()
        assert max(counts) <= cpus()
