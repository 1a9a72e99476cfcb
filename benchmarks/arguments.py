"""The command lines of all benchmarks."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

_DATA = Path(__file__).parents[2] / "shared" / "data"


def command_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help shows a module's docstring unchanged."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_data_option(parser: argparse.ArgumentParser, content: str) -> None:
    """Add the option for the folder with texts that are no part of the project."""
    folder = Path(os.environ.get("REVLOOP_TEST_DATA", _DATA))
    parser.add_argument("--data", type=Path, default=folder, help=f"folder with {content}")
