"""Optional libraries for statistics and plots, imported on first use: importing takes seconds."""

from __future__ import annotations

import importlib
from typing import Any

from revloop.errors import needs


def library(name: str) -> Any:
    """Import a module of the extra ``evaluate``.

    Raises:
        MissingExtraError: It is not installed.
    """
    with needs(f"The figures need {name.partition('.')[0]}: pip install 'revloop[evaluate]'."):
        return importlib.import_module(name)
