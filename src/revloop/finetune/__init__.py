"""Fine-tuning a critic: from feedback records to a model folder that can be served."""

from revloop.finetune.memory import Estimate, Hardware
from revloop.finetune.run import Finetuned, TrainingPlan, check, finetune, plan
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
    "FinetuneSettings",
    "Finetuned",
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
