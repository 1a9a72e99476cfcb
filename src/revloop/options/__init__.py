"""Options: each is stated once, for Python, the command line and ``revloop.toml``."""

from revloop.options.base import Flag, Options
from revloop.options.engine import EngineOptions
from revloop.options.loop import (
    DEFAULT_ITERATIONS,
    DEFAULT_JUDGE_PROMPTS,
    DEFAULT_PROMPTS,
    HOW_TO_NAME_A_JUDGE,
    Keep,
    LoopOptions,
    RunOptions,
    StoreOptions,
    checked_iterations,
)
from revloop.options.settings import RunSettings

__all__ = [
    "DEFAULT_ITERATIONS",
    "DEFAULT_JUDGE_PROMPTS",
    "DEFAULT_PROMPTS",
    "HOW_TO_NAME_A_JUDGE",
    "EngineOptions",
    "Flag",
    "Keep",
    "LoopOptions",
    "Options",
    "RunOptions",
    "RunSettings",
    "StoreOptions",
    "checked_iterations",
]
