"""Start ``revloop`` by forking a process that has imported what it needs already.

Importing takes most of the time of a short command. A command started here is a process of its own
all the same: its own streams, folder, environment and exit code. The modules of the command line
are imported anew in each, since some read the environment as they are imported.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_")
"""Variables that an interpreter reads as it starts begin so: they cannot be changed later."""

_REPOSITORY = Path(__file__).parents[2]


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether a command with these variables may share the interpreter of this process."""
    changed = {
        name
        for name in environment.keys() | os.environ.keys()
        if environment.get(name) != os.environ.get(name)
    }
    return not any(name.startswith(_READ_AT_START) for name in changed)


async def run_forked(
    arguments: Sequence[str],
    streams: tuple[int, int, int],
    folder: Path | None,
    environment: Mapping[str, str],
) -> int:
    """Run a command to its end; a cancelled one is killed.

    Args:
        arguments: Those of ``revloop``.
        streams: Its standard input, output and error.
        folder: Where it runs; by default here.
        environment: All of its variables.

    Returns:
        Its exit code, negative for a signal, as in :mod:`subprocess`.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, TemporaryFile("w+") as request:
        json.dump([list(arguments), str(folder or Path.cwd()), dict(environment)], request)
        request.seek(0)
        socket.send_fds(_server(), [b"run"], [theirs.fileno(), request.fileno(), *streams])
        theirs.close()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        process = int(await loop.sock_recv(ours, 64))
        try:
            return int(await loop.sock_recv(ours, 64))
        except asyncio.CancelledError:
            os.kill(process, signal.SIGKILL)
            raise


@cache
def _server() -> socket.socket:
    """The connection to this process's server, which ends when it is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(
            (sys.executable, "-m", "tests.helpers.forking", str(theirs.fileno())),
            pass_fds=[theirs.fileno()],
            cwd=_REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    @atexit.register
    def _end() -> None:
        ours.close()
        server.wait()

    return ours


def _serve(connection: socket.socket) -> None:
    """Fork for each request, and return in the process that is to run the command."""
    importlib.import_module("revloop.cli")
    for name in [name for name in sys.modules if name.startswith("revloop.cli")]:
        del sys.modules[name]
    gc.freeze()  # what all share stays shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    while True:
        message, sent, _, _ = socket.recv_fds(connection, 16, 5)
        if not message:
            sys.exit()
        if os.fork() == 0:
            connection.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with socket.socket(fileno=sent[0]) as client:
                return _run(client, sent[1:])
        for descriptor in sent:
            os.close(descriptor)


def _run(client: socket.socket, sent: Sequence[int]) -> None:
    process = os.fork()
    if process:
        for descriptor in sent:
            os.close(descriptor)
        client.send(str(process).encode())
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        client.send(str(status).encode())
        os._exit(0)
    with os.fdopen(sent[0]) as request:
        arguments, folder, environment = json.load(request)
    for number, descriptor in enumerate(sent[1:]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv[1:] = arguments


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("revloop", run_name="__main__", alter_sys=True)
