"""A sandbox for commands: bubblewrap, from the Debian package of that name.

Its arguments follow what Codex CLI and Anthropic's sandbox-runtime do with it, but show less: they
bind the whole file system read-only, this binds the system's folders and the working folder.

Unless root starts it, bubblewrap makes a user namespace. RLIMIT_NPROC does not hold root, in a user
namespace either, so root makes the sandbox without one and the command runs as ``nobody``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from revloop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCRATCH = Path("/tmp")  # noqa: S108 - the sandbox's own
INPUTS = SCRATCH / "check"
"""Where a command finds the text in the sandbox."""

STATUS_FD = 3
"""Where bubblewrap reports how the command ended."""

NOBODY = 65_534
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/nix/store")
_NO_INNER_USERS = ("--unshare-user", "--disable-userns")
_SCRATCH_BYTES = 64 * 2**20
_PROBE_S = 20.0
_UNREADABLE, _NO_PROGRAM = 3, 4
_PROBE = f'test -r . || exit {_UNREADABLE}; command -v -- "$1" >&2 || exit {_NO_PROGRAM}'
_HOW_ELSE = (
    "Where user namespaces are forbidden, let the command start a container instead: see "
    "docs/checks.md."
)


class _Means(NamedTuple):
    """What not every machine can do."""

    no_inner_users: bool
    """The command cannot make user namespaces itself; needs bubblewrap 0.8."""
    own_proc: bool
    """It has a /proc, which a container that masks parts of it does not allow."""


_MEANS = [
    _Means(no_inner_users, own_proc)
    for own_proc in (True, False)
    for no_inner_users in (True, False)
]
"""The best first."""


class Sandbox:
    """Runs commands under bubblewrap: no network, nothing to write but a small /tmp.

    Args:
        folder: The working folder, which the command may read.
        readable: More files and folders that it may read.

    Raises:
        InputError: There is no bubblewrap, or the folder would show too much.
    """

    def __init__(self, folder: Path, readable: Iterable[Path] = ()) -> None:
        program = shutil.which("bwrap")
        if program is None:
            raise InputError(
                "There is no bubblewrap ('bwrap') here. Install it (on Debian and Ubuntu: apt "
                f"install bubblewrap). {_HOW_ELSE}"
            )
        shown = [folder.resolve(), *(path.expanduser().absolute() for path in readable)]
        for path in shown:
            _check_shown(path)
        interpreter = [Path(sys.prefix), Path(sys.base_prefix)]
        self._program = program
        self._folder = shown[0]
        self._shown = [*(path for path in interpreter if not _shows_too_much(path)), *shown]
        self._is_root = os.geteuid() == 0
        self._means = _MEANS[0]

    @property
    def user(self) -> int:
        """The user whose processes the command's are counted with."""
        return NOBODY if self._is_root else os.getuid()

    def wrap(self, argv: Sequence[str], inputs: Path | None = None) -> list[str]:
        """The command line that runs a command in the sandbox.

        Args:
            argv: The command.
            inputs: A folder that the command finds at :data:`INPUTS`; its run is watched by
                :mod:`~revloop.checks.launch`.
        """
        line = [self._program, *self._isolation()]
        for folder in _SYSTEM:
            line += _link_or_bind(Path(folder))
        line += ["--proc", "/proc"] if self._means.own_proc else []
        line += ["--dev", "/dev", *_small_tmpfs(Path("/dev/shm")), *_small_tmpfs(SCRATCH)]  # noqa: S108
        for path in self._shown:
            # else bubblewrap makes them for its own user only
            for parent in reversed(path.parents[:-1]):
                line += ["--dir", str(parent)]
            line += ["--ro-bind", str(path), str(path)]
        if inputs is not None:
            line += ["--ro-bind", str(inputs), str(INPUTS), "--json-status-fd", str(STATUS_FD)]
        line += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(self._folder)]
        return [*line, "--", *self._as_nobody(), *argv]

    def probe(self, program: str, environment: dict[str, str]) -> None:
        """Check that the sandbox can be made, and that a program can be run in it.

        Raises:
            InputError: It cannot.
        """
        for self._means in _MEANS:
            ended = self._try(program, environment)
            if ended.returncode in {0, _UNREADABLE, _NO_PROGRAM}:
                break
        if ended.returncode == _UNREADABLE:
            raise InputError(
                f"The user that commands run as in the sandbox ('nobody', as you are root) may not "
                f"read {self._folder}. Let others read it: chmod o+rx {self._folder}"
            )
        if ended.returncode == _NO_PROGRAM:
            raise InputError(
                f"'{program}' cannot be run in the sandbox, which shows only the system's folders, "
                f"revloop's Python and {self._folder}. Name its folder with --sandbox-read."
            )
        if ended.returncode:
            said = ended.stderr.decode("utf-8", "replace").strip()
            raise InputError(f"bubblewrap cannot make a sandbox here ({said}). {_HOW_ELSE}")

    def _try(self, program: str, environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
        line = self.wrap(["/bin/sh", "-c", _PROBE, "sh", program])
        try:
            return subprocess.run(  # noqa: S603 - bubblewrap, without a shell
                line,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=environment,
                timeout=_PROBE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise InputError(f"bubblewrap cannot make a sandbox here ({exc}). {_HOW_ELSE}") from exc

    def _isolation(self) -> list[str]:
        unshared = ["ipc", "pid", "net", "uts", "cgroup-try"]
        line = [f"--unshare-{namespace}" for namespace in unshared]
        line += ["--die-with-parent", "--new-session", "--hostname", "sandbox"]
        if not self._is_root:
            return [
                *line,
                *(_NO_INNER_USERS if self._means.no_inner_users else _NO_INNER_USERS[:1]),
            ]
        # what root needs to become nobody
        return [*line, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]

    def _as_nobody(self) -> list[str]:
        if not self._is_root:
            return []
        user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        line = ["setpriv", *user, "--inh-caps=-all", "--bounding-set=-all", "--"]
        if self._means.no_inner_users:
            # only within a namespace of users can others be forbidden
            line += [self._program, *_NO_INNER_USERS, "--dev-bind", "/", "/", "--"]
        return line


def _small_tmpfs(path: Path) -> list[str]:
    return ["--perms", "1777", "--size", str(_SCRATCH_BYTES), "--tmpfs", str(path)]


def _link_or_bind(path: Path) -> list[str]:
    """Show a folder of the system, which may be a link (/bin) or missing (/lib32)."""
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), str(path)]
    return ["--ro-bind-try", str(path), str(path)]


def _check_shown(path: Path) -> None:
    if _shows_too_much(path.resolve()):
        raise InputError(
            f"A sandboxed command may read the working folder and what --sandbox-read names, but "
            f"{path} shows your whole home or temporary folder. Work in a folder of its own."
        )
    if not path.exists():
        raise InputError(f"--sandbox-read names {path}, which does not exist.")


def _shows_too_much(path: Path) -> bool:
    private = [Path.home().resolve(), SCRATCH]
    return any(folder.is_relative_to(path) for folder in private)
