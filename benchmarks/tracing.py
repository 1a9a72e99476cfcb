"""What traces cost the controller: CPU time of a version without the code, switched off, and on.

    python -m benchmarks.tracing --before SOURCES     SOURCES: `src` of a version without traces

Each repeat runs `revloop batch` once in each form, one after the other, over an instant server
(``benchmarks/stub.py``); with traces they go to a collector in this process that reads and drops
them. Results go to ``benchmarks/results/controller-tracing.json``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import timeit
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.arguments import command_parser
from benchmarks.controller import ROUNDS, batch_command, stub, write_drafts
from benchmarks.processes import run_measured
from benchmarks.saving import save, spread
from revloop.tracing import asking, is_traced, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CALLS = 100_000


class _Sink(BaseHTTPRequestHandler):
    """Reads traces, and drops them."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take one request of spans."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def sink() -> Iterator[str]:
    """Run a collector; the block gets its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Sink) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def cpu_ms(drafts: int, options: tuple[str, ...], environment: Mapping[str, str]) -> float:
    """CPU time of a version in ms, start and output included."""
    with stub() as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_drafts(folder / "drafts.jsonl", drafts)
        command = batch_command(folder, server, *options, "--iterations", str(ROUNDS))
        finished = run_measured(command, env={**os.environ, **environment})
    if finished.code != 0:
        sys.exit(f"revloop batch ended with {finished.code}")
    return finished.cpu_s / (drafts * ROUNDS) * 1000


def switched_off_us() -> float:
    """Microseconds that a version spends on traces that are off: a round and two requests."""

    def version() -> None:
        with span("round", revloop__round=1):
            for _ in range(2):
                with asking("critique"):
                    is_traced()

    return min(timeit.repeat(version, number=_CALLS, repeat=5)) / _CALLS * 1e6


def measure(drafts: int, repeats: int, before: Path | None) -> None:
    """Measure all forms in turn, so that the machine's load is the same for all."""
    with sink() as address:
        forms: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
            "switched off": ((), {}),
            "switched on": (("--otel",), {"OTEL_EXPORTER_OTLP_ENDPOINT": address}),
        }
        if before is not None:
            forms = {"without the code": ((), {"PYTHONPATH": str(before.resolve())}), **forms}
        found: dict[str, list[float]] = {form: [] for form in forms}
        for _ in range(repeats):
            for form, (options, environment) in forms.items():
                found[form].append(cpu_ms(drafts, options, environment))
    save(
        "controller-tracing",
        {
            "what": "CPU time of revloop batch a version in ms, with and without traces",
            "drafts": drafts,
            "rounds": ROUNDS,
            "repeats": repeats,
            "load_1_min": round(os.getloadavg()[0], 1),
            "ms_a_version": {form: spread(values, digits=3) for form, values in found.items()},
            "calls_while_off_us_a_version": round(switched_off_us(), 3),
        },
    )


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("--drafts", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--before", type=Path, help="sources of a version without traces")
    chosen = parser.parse_args()
    measure(chosen.drafts, chosen.repeats, chosen.before)


if __name__ == "__main__":
    main()
