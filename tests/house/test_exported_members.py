"""The public interface: what `import revloop` provides, and which side effects it must not have."""

from __future__ import annotations

import json
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

import revloop

LOOK_AROUND = """
import json, logging, sys, threading
import revloop
loggers = [logging.getLogger(name) for name in ("", "revloop", "revloop.engines")]
print(json.dumps({
    "modules": sorted(sys.modules),
    "handlers": [repr(logger.handlers) for logger in loggers if logger.handlers],
    "levels": [logger.level for logger in loggers],
    "event loop policy": repr(sys.modules["asyncio"].events._event_loop_policy),
    "threads": threading.active_count(),
}))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, Any]:
    """The state of a fresh process after `import revloop`."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK_AROUND],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()  # only the script printed
    found: dict[str, Any] = json.loads(line)
    return found


def test_all_is_sorted_without_duplicates() -> None:
    assert revloop.__all__ == sorted(set(revloop.__all__))


@pytest.mark.parametrize("name", revloop.__all__)
def test_every_name_can_be_imported_and_is_described(name: str) -> None:
    assert getattr(revloop, name).__doc__


def test_every_public_name_is_in_all() -> None:
    public = {
        name
        for name, value in vars(revloop).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public == set(revloop.__all__) - {"__version__"}


def test_a_star_import_provides_every_name() -> None:
    given: dict[str, object] = {}
    exec("from revloop import *", given)
    assert set(revloop.__all__) <= set(given)


def test_every_error_is_a_revloop_error() -> None:
    errors = {name for name in revloop.__all__ if name.endswith("Error")}
    assert "RevloopError" in errors
    assert all(issubclass(getattr(revloop, name), revloop.RevloopError) for name in errors)


@pytest.mark.parametrize("library", ["torch", "transformers", "vllm", "numpy", "huggingface_hub"])
def test_importing_loads_no_large_library(imported: dict[str, Any], library: str) -> None:
    assert library not in imported["modules"]


def test_importing_does_not_load_the_command_line(imported: dict[str, Any]) -> None:
    assert not {"revloop.cli", "typer", "rich"} & set(imported["modules"])


def test_importing_sets_up_no_logging(imported: dict[str, Any]) -> None:
    assert imported["handlers"] == []
    assert imported["levels"] == [30, 0, 0]  # WARNING is Python's default; ours are unset


def test_importing_touches_no_event_loop_and_starts_no_thread(imported: dict[str, Any]) -> None:
    assert imported["event loop policy"] == "None"
    assert imported["threads"] == 1
