"""Make a model's answers better by rounds of critique and revision, and keep every version.

>>> from revloop import revise
>>> trajectory = revise("their answer", prompt="what they were asked", iterations=5)
>>> trajectory.final
"""

from revloop._version import __version__
from revloop.batch import arevise_many, revise_many
from revloop.errors import (
    ContextFullError,
    EngineError,
    InputError,
    PromptSetError,
    RevloopError,
    RevloopWarning,
    ServingError,
    StoreError,
    TrainingError,
)
from revloop.prompts import PromptSet
from revloop.reviser import AsyncReviser, Reviser, arevise, revise
from revloop.store import Store
from revloop.trajectory import Critique, Draft, End, Message, StopReason, Trajectory, Usage, Version

__all__ = [
    "AsyncReviser",
    "ContextFullError",
    "Critique",
    "Draft",
    "End",
    "EngineError",
    "InputError",
    "Message",
    "PromptSet",
    "PromptSetError",
    "Reviser",
    "RevloopError",
    "RevloopWarning",
    "ServingError",
    "StopReason",
    "Store",
    "StoreError",
    "TrainingError",
    "Trajectory",
    "Usage",
    "Version",
    "__version__",
    "arevise",
    "arevise_many",
    "revise",
    "revise_many",
]
