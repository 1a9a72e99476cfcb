"""Fuzz one target: ``python -m tests.e2e.fuzz TARGET [RUNS]``. Needs atheris."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["revloop"]):
    from .targets import RUNS, TARGETS, seeds

CASES = Path(__file__).parent / "cases"


def main() -> None:
    """Feed a target its inputs; write one that breaks it beside the cases."""
    target = sys.argv[1]
    runs = sys.argv[2] if len(sys.argv) > 2 else RUNS[target]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(target)):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [f"-runs={runs}", "-seed=1", "-timeout=20", "-rss_limit_mb=4096", "-max_len=4096"]
        found = f"-artifact_prefix={CASES / target}-"
        atheris.Setup([sys.argv[0], corpus, found, *options], TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
