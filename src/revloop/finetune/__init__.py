"""Fine-tune a critic on feedback records; the result is a model folder to serve."""

from revloop.finetune.memory import Estimate, Hardware
from revloop.finetune.run import FinetuneResult, TrainingPlan, check, finetune, plan
from revloop.finetune.settings import (
    RECIPES,
    FinetuneSettings,
    LoraSettings,
    Recipe,
    shipped_recipes,
    with_changes,
)
from revloop.finetune.watch import TrainingStep

__all__ = [
    "RECIPES",
    "Estimate",
    "FinetuneResult",
    "FinetuneSettings",
    "Hardware",
    "LoraSettings",
    "Recipe",
    "TrainingPlan",
    "TrainingStep",
    "check",
    "finetune",
    "plan",
    "shipped_recipes",
    "with_changes",
]
