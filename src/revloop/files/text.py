"""Text files, TOML files, and text on standard input."""

from __future__ import annotations

import sys
import tomllib
from typing import TYPE_CHECKING, Any

from revloop.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def read_text(path: Path | None) -> str:
    """The text of a file, or of standard input if the path is None.

    Raises:
        InputError: It cannot be read, or is not UTF-8.
    """
    name = "standard input" if path is None else str(path)
    try:
        raw = sys.stdin.buffer.read() if path is None else path.read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as exc:
        raise InputError(f"{name} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise InputError(
            f"{name} is not UTF-8: byte {exc.start} is 0x{raw[exc.start]:02x}. Convert it first, "
            "with iconv for example."
        ) from exc


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        InputError: It cannot be read, is not UTF-8, or is not TOML.
    """
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as exc:
        raise InputError(f"{path} is not TOML: {exc}.") from exc
