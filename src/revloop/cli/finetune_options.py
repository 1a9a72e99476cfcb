"""The options of ``revloop finetune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from revloop.finetune import shipped_recipes
from revloop.finetune.launch import LAUNCH_OPTION

_HARDWARE, _TRAINING = "Hardware", "Training"

Records = Annotated[Path, typer.Argument(help="JSONL file of feedback records.")]
Base = Annotated[
    str | None,
    typer.Option(
        help="Model folder or hub id to start from; demo: the toy critic that ships with revloop. "
        "Else: the recipe's."
    ),
]
RunFolder = Annotated[
    Path | None, typer.Option("--output", help="The run folder; must be empty.", metavar="DIR")
]
Recipe = Annotated[
    str | None,
    typer.Option(
        help=f"Settings: {', '.join(shipped_recipes())}, or a YAML file.", metavar="NAME|FILE"
    ),
]
Validation = Annotated[
    Path | None, typer.Option(help="JSONL file of held-out records. Else: a share is held out.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --output.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, show the plan, write nothing.")
]
Method = Annotated[str | None, typer.Option(help="full, lora or qlora.", rich_help_panel=_TRAINING)]
Precision = Annotated[
    str | None,
    typer.Option(
        help="bf16 or fp32. Else: bf16 where the hardware computes in it.",
        rich_help_panel=_TRAINING,
    ),
]
Prompts = Annotated[
    str | None,
    typer.Option(
        help="Prompt set that the loop will use.",
        metavar="NAME|DIR",
        rich_help_panel=_TRAINING,
    ),
]
Epochs = Annotated[
    float | None, typer.Option(help="Times each record is seen.", rich_help_panel=_TRAINING)
]
BatchSize = Annotated[
    int | None, typer.Option(help="Records in one step.", rich_help_panel=_TRAINING)
]
MicroBatchSize = Annotated[
    int | None, typer.Option(help="Records a GPU reads at once.", rich_help_panel=_TRAINING)
]
LearningRate = Annotated[
    float | None, typer.Option(help="Peak learning rate.", rich_help_panel=_TRAINING)
]
MaxTokens = Annotated[
    int | None,
    typer.Option(help="Longer records are left out.", rich_help_panel=_TRAINING),
]
Packing = Annotated[
    bool | None,
    typer.Option(help="Several records a sequence.", rich_help_panel=_TRAINING),
]
Seed = Annotated[
    int | None, typer.Option(help="Where random choices start.", rich_help_panel=_TRAINING)
]
AccelerateConfig = Annotated[
    str | None,
    typer.Option(
        LAUNCH_OPTION,
        help="Launch with accelerate: fsdp-8 (one machine, eight GPUs), or a file of "
        "`accelerate config`.",
        metavar="NAME|FILE",
        rich_help_panel=_HARDWARE,
    ),
]
Gpus = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="With --dry-run: GPUs that share the model, else what is here.",
        rich_help_panel=_HARDWARE,
    ),
]
GpuMemoryGib = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="With --dry-run: memory of one GPU.",
        metavar="GIB",
        rich_help_panel=_HARDWARE,
    ),
]
