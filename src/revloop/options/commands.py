"""Options of checks that are commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from revloop.options.base import Flag, Options

SandboxName = Literal["none", "bwrap"]


class CommandOptions(Options):
    """How the commands of checks run."""

    sandbox: Annotated[SandboxName, Flag(panel="Checks")] = Field(
        default="none",
        description="Where --check-cmd runs. none: as you, with limits; use it only if the command "
        "does not execute the text. bwrap: in a bubblewrap sandbox, without network and files to "
        "write (docs/checks.md).",
    )
    sandbox_read: Annotated[tuple[Path, ...], Flag(metavar="PATH", panel="Checks")] = Field(
        default=(),
        description="A file or folder that commands may read in the sandbox besides the working "
        "folder, revloop's Python and the system's folders (may be repeated).",
    )
    check_shell: Annotated[bool, Flag(panel="Checks")] = Field(
        default=False, description="Run --check-cmd with /bin/sh, for pipes and the like."
    )
    check_memory_mib: Annotated[int, Flag("--check-memory", metavar="MIB", panel="Checks")] = Field(
        default=512,
        ge=16,
        le=2**30,
        description="Most memory of a command, all its processes together.",
    )
    check_output_kib: Annotated[int, Flag("--check-output", metavar="KIB", panel="Checks")] = Field(
        default=1024, ge=1, le=2**30, description="Most output of a command."
    )
    check_file_mib: Annotated[int, Flag("--check-file-size", metavar="MIB", panel="Checks")] = (
        Field(default=64, ge=0, le=2**30, description="Largest file that a command may write.")
    )
    check_processes: Annotated[int, Flag(metavar="N", panel="Checks")] = Field(
        default=64, ge=1, le=100_000, description="Most processes of a command at one time."
    )
