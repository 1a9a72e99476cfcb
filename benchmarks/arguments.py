"""The command lines of all benchmarks."""

from __future__ import annotations

import argparse


def command_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help shows a module's docstring unchanged."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
