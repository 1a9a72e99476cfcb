"""vLLM's API server with its own defaults: only the model and the address are passed on.

A program for :class:`~revloop.serving.VllmServer`, which starts and stops it. It has the same
environment as revloop's server (vLLM does not start on this CPU without it), but no block size or
other choice of revloop.
"""

from __future__ import annotations

import argparse
import os
import sys

from revloop.serving.command import VLLM_PROGRAM

KEPT = ("model", "host", "port", "served-model-name")


def main() -> None:
    """Replace this process with vLLM's API server."""
    parser = argparse.ArgumentParser()
    for name in KEPT:
        parser.add_argument(f"--{name}", required=True)
    chosen, _ = parser.parse_known_args()
    options = [
        part for name in KEPT for part in (f"--{name}", getattr(chosen, name.replace("-", "_")))
    ]
    os.execv(sys.executable, [*VLLM_PROGRAM, *options])


if __name__ == "__main__":
    main()
