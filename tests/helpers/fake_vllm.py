"""A stand-in for vLLM's API server: same options, health route and kinds of processes.

Run as `python fake_vllm.py BEHAVIOUR OPTIONS...`. It writes the process ids of itself and of its
worker to `fake_vllm.pids` in its working folder. Behaviours:

    good        answers /health; ends on SIGTERM and leaves its worker running
    stubborn    answers /health; it and its worker ignore SIGTERM
    scattered   answers /health; its worker is in another session
    failing     writes $FAKE_VLLM_LOG and ends with status 1
    silent      ends with status 3 without output
    killed      is killed, as by the kernel when out of memory
    hanging     never answers
    crashing    answers /health once, then ends with a traceback
    once        answers /health at its first start in this folder, never after that
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

PIDS = "fake_vllm.pids"
STARTED = "fake_vllm.started"
SLEEP = "import time; time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "


class Health(BaseHTTPRequestHandler):
    """Answers with its options and environment, for tests to inspect."""

    def do_GET(self) -> None:
        names = ("VLLM_", "HF_HUB", "DO_NOT_TRACK", "TMPDIR", "OMP_")
        environment = {k: v for k, v in os.environ.items() if k.startswith(names)}
        body = json.dumps({"options": sys.argv[2:], "environment": environment}).encode()
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Keep request lines out of the log."""


def serve(behaviour: str, port: int) -> None:
    code = DEAF + SLEEP if behaviour == "stubborn" else SLEEP
    first = not Path(STARTED).exists()
    Path(STARTED).touch()
    worker = subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=behaviour == "scattered"
    )
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(PIDS).write_text(f"{os.getpid()} {worker.pid}", encoding="ascii")
    say("(EngineCore pid=1) INFO 11-21 03:07:53 [core.py:133] Initializing a V1 LLM engine")
    if behaviour == "hanging" or (behaviour == "once" and not first):
        time.sleep(600)
    server = HTTPServer(("127.0.0.1", port), Health)
    if behaviour == "crashing":
        threading.Timer(2.0, crash).start()
    server.serve_forever()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def crash() -> None:
    say("Traceback (most recent call last):\nRuntimeError: the engine died of old age")
    os._exit(1)


def main() -> None:
    behaviour, *options = sys.argv[1:]
    match behaviour:
        case "failing":
            say(os.environ["FAKE_VLLM_LOG"])
            sys.exit(1)
        case "silent":
            sys.exit(3)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case _:
            serve(behaviour, int(options[options.index("--port") + 1]))


if __name__ == "__main__":
    main()
