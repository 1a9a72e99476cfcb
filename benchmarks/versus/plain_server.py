"""vLLM's API server with its own defaults: of our options, only what and where is passed on.

A program for :class:`~revloop.serving.VllmServer`, which then starts, awaits and stops it. It has
the same environment as revloop's server (vLLM does not come up on this CPU without), but neither
a block size nor any other choice of revloop.
"""

from __future__ import annotations

import argparse
import os
import sys

from revloop.serving.command import VLLM_PROGRAM

KEPT = ("model", "host", "port", "served-model-name")


def main() -> None:
    """Become vLLM's API server."""
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
