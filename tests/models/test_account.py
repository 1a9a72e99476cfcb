"""A user id without an account, as in containers: `revloop.models.account`.

The processes here run in a user namespace where their user id is one that no password file has.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from revloop.models.account import account_environment, user_name
from tests.helpers.repository import TINY_CRITIC

UID = 54321
AS_NOBODY = ("unshare", "--user", f"--map-user={UID}", "--")
NAMES = ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME")


def can_have_a_user_id_of_its_own() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*AS_NOBODY, "true"], capture_output=True, check=False).returncode == 0


needs_namespaces = pytest.mark.skipif(
    not can_have_a_user_id_of_its_own(), reason="user namespaces cannot be made here"
)


def as_nobody(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, as a user without an account, name or home folder."""
    left_out = {*NAMES, "TORCHINDUCTOR_CACHE_DIR"}  # importing torch sets it
    environment = {k: v for k, v in os.environ.items() if k not in left_out} | variables
    environment["TMPDIR"] = str(folder)
    return subprocess.run(
        [*AS_NOBODY, sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=environment,
    )


def environment_of(folder: Path, **variables: str) -> dict[str, str]:
    """The environment that a server gets from such a user."""
    code = (
        "import json, os; from revloop.serving import ServerOptions; "
        "from revloop.serving.command import child_environment; "
        "print(json.dumps(child_environment(ServerOptions(model='a/b'), None, os.environ)))"
    )
    found: dict[str, str] = json.loads(as_nobody(folder, "-c", code, **variables).stdout)
    return found


@needs_namespaces
def test_a_user_without_an_account_can_serve(tmp_path: Path) -> None:
    environment = environment_of(tmp_path)
    assert environment["USER"] == f"uid_{UID}"
    assert environment["HOME"] == str(tmp_path / f"revloop-uid_{UID}")
    assert Path(environment["HOME"]).is_dir()
    assert environment["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / f"torchinductor_uid_{UID}")


@needs_namespaces
def test_a_name_and_a_home_folder_that_are_set_are_used(tmp_path: Path) -> None:
    environment = environment_of(tmp_path, USER="ann", HOME=str(tmp_path))
    assert (environment["USER"], environment["HOME"]) == ("ann", str(tmp_path))
    assert "VLLM_CACHE_ROOT" not in environment


@needs_namespaces
def test_a_user_without_an_account_can_revise(tmp_path: Path) -> None:
    code = f"""
import asyncio
from revloop import AsyncReviser, Draft
from revloop.engines import TransformersEngine

async def revise():
    engine = TransformersEngine.from_model({str(TINY_CRITIC)!r})
    async with AsyncReviser(engine=engine) as reviser:
        return await reviser.revise(Draft(prompt="Why?", response="It is so."), iterations=1)

print(asyncio.run(revise()).rounds)
"""
    assert as_nobody(tmp_path, "-c", code).stdout == "1\n"
    assert not list(tmp_path.glob("~*"))  # the folder of an unresolved ~


@needs_namespaces
def test_a_model_below_a_home_folder_that_nobody_knows_is_not_found(tmp_path: Path) -> None:
    code = (
        "from revloop.errors import ModelConfigError\n"
        "from revloop.models.config import read_shape\n"
        "try: read_shape('~/critic')\nexcept ModelConfigError as exc: print(exc)"
    )
    assert as_nobody(tmp_path, "-c", code).stdout == "There is no folder ~/critic.\n"


def test_a_home_folder_that_cannot_be_written_to_is_not_used_for_caches(tmp_path: Path) -> None:
    added = account_environment({"USER": "ann", "HOME": str(tmp_path / "missing")})
    assert set(added) == {"VLLM_CACHE_ROOT", "TRITON_HOME"}
    assert Path(added["TRITON_HOME"]).is_dir()


def test_a_user_with_an_account_needs_nothing(tmp_path: Path) -> None:
    assert account_environment({"USER": "ann", "HOME": str(tmp_path)}) == {}


def test_a_folder_that_somebody_else_made_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    planted = tmp_path / f"revloop-{user_name()}"
    planted.mkdir()
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(planted, UID, UID)
    added = account_environment({"USER": user_name(), "HOME": "/missing"})
    assert Path(added["TRITON_HOME"]) != planted
