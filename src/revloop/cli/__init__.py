"""The command line: ``revloop``."""

from revloop.cli.app import main

__all__ = ["main"]
