"""Options: each is stated once, for Python, the command line and ``revloop.toml``."""

from revloop.options.base import Flag, Options
from revloop.options.batch import (
    DEFAULT_MAX_CONCURRENCY,
    DEFAULT_MIN_CONCURRENCY,
    BatchOptions,
    Concurrency,
    RayOptions,
    RowOptions,
    ShardFormat,
)
from revloop.options.bench import BenchOptions, DemoOptions
from revloop.options.budget import BudgetOptions
from revloop.options.commands import CommandOptions, SandboxName
from revloop.options.editor import EditorOptions
from revloop.options.engine import EngineKind, EngineOptions
from revloop.options.gateway import GatewayOptions
from revloop.options.loop import (
    DEFAULT_ITERATIONS,
    DEFAULT_JUDGE_PROMPTS,
    DEFAULT_PROMPTS,
    HOW_TO_NAME_A_JUDGE,
    CritiqueSource,
    LoopOptions,
    OnBadEdits,
    RunOptions,
    StoreOptions,
    checked_iterations,
)
from revloop.options.policy import Keep, Policy, ScoreBand
from revloop.options.prices import ModelPrice, Prices
from revloop.options.settings import EditorSettings, RunSettings, chosen_sampling
from revloop.options.tracing import TracingOptions

__all__ = [
    "DEFAULT_ITERATIONS",
    "DEFAULT_JUDGE_PROMPTS",
    "DEFAULT_MAX_CONCURRENCY",
    "DEFAULT_MIN_CONCURRENCY",
    "DEFAULT_PROMPTS",
    "HOW_TO_NAME_A_JUDGE",
    "BatchOptions",
    "BenchOptions",
    "BudgetOptions",
    "CommandOptions",
    "Concurrency",
    "CritiqueSource",
    "DemoOptions",
    "EditorOptions",
    "EditorSettings",
    "EngineKind",
    "EngineOptions",
    "Flag",
    "GatewayOptions",
    "Keep",
    "LoopOptions",
    "ModelPrice",
    "OnBadEdits",
    "Options",
    "Policy",
    "Prices",
    "RayOptions",
    "RowOptions",
    "RunOptions",
    "RunSettings",
    "SandboxName",
    "ScoreBand",
    "ShardFormat",
    "StoreOptions",
    "TracingOptions",
    "checked_iterations",
    "chosen_sampling",
]
