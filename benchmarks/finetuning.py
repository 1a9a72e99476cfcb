"""Fine-tuning on a CPU: bf16 against fp32, and the memory estimate against the actual peak.

    python -m benchmarks.finetuning

The model has the shape of SmolLM2-135M (a vocabulary of 49,152) and random weights. Speed is
measured in pairs, fp32 and bf16 in turn; memory is measured in one process for each training.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.saving import spread
from revloop.bench.machine import machine
from revloop.demo import CRITIC_FOLDER
from revloop.finetune import FinetuneSettings, finetune, plan, with_changes

RESULTS = Path(__file__).parent / "results" / "finetuning-cpu.json"
PAIRS = 5
TOKENS = 512
MEMORY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("LoRA, 1 record", {"method": "lora"}),
    ("LoRA, 8 records", {"method": "lora", "micro_batch_size": 8}),
    (
        "LoRA, 4 records, no checkpointing",
        {"method": "lora", "micro_batch_size": 4, "gradient_checkpointing": False},
    ),
    ("all weights, 4 records", {"method": "full", "micro_batch_size": 4}),
    (
        "all weights in fp32, 2 records, no checkpointing",
        {
            "method": "full",
            "precision": "fp32",
            "micro_batch_size": 2,
            "gradient_checkpointing": False,
        },
    ),
)
"""Trainings to measure memory of; bf16 unless stated otherwise."""

_SENTENCE = "The sky is blue because light scatters in air. "
_GIB_IN_KIB = 2**20


def write_base(folder: Path) -> Path:
    """A model of SmolLM2-135M's shape, with the demo critic's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49_152,
        hidden_size=576,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        intermediate_size=1536,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(CRITIC_FOLDER).save_pretrained(folder)
    return folder


def write_records(path: Path, count: int = 12) -> Path:
    """Records of some 700 tokens each."""
    text = (_SENTENCE * 8).strip()
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            record = {
                "prompt": f"Why is the sky blue, {number}?",
                "response": text,
                "score": 6,
                "positive": "It is true.",
                "negative": "It says the same again and again.",
                "revision": f"{text} {number}",
            }
            file.write(json.dumps(record) + "\n")
    return path


def measure_speed(base: Path, pairs: int) -> dict[str, Any]:
    """Tokens a second, forward and backward over all weights, in both precisions."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    ids = torch.randint(0, 49_152, (1, TOKENS))

    def tokens_per_s(*, bf16: bool) -> float:
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        model.zero_grad()
        return TOKENS / (time.perf_counter() - started)

    tokens_per_s(bf16=True), tokens_per_s(bf16=False)
    fp32, bf16 = [], []
    for _ in range(pairs):
        fp32.append(tokens_per_s(bf16=False))
        bf16.append(tokens_per_s(bf16=True))
    ratios = [one / other for one, other in zip(bf16, fp32, strict=True)]
    return {
        "tokens": TOKENS,
        "fp32_tokens_per_s": [round(one, 1) for one in fp32],
        "bf16_tokens_per_s": [round(one, 1) for one in bf16],
        "ratio": spread(ratios, digits=2),
    }


def train_once(base: str, records: str, output: str, changes: str) -> None:
    """Train in this process, and print the estimated and actual peak memory in GiB."""
    asked = {"precision": "bf16"} | json.loads(changes)
    settings = with_changes(FinetuneSettings(), epochs=1, batch_size=8, **asked)
    settings = settings.model_copy(update={"validation_share": 0.0})
    planned = plan(records, base, settings)
    finetune(records, base, output, settings)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = {
        "longest_tokens": planned.job.training.longest_tokens,
        "estimate_gib": round(planned.estimate.total_gib, 2),
        "peak_gib": round(peak_kib / _GIB_IN_KIB, 2),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def measure_memory(folder: Path, base: Path) -> list[dict[str, Any]]:
    """Estimate and peak of each training."""
    records, lines = write_records(folder / "records.jsonl"), []
    for number, (name, changes) in enumerate(MEMORY):
        arguments = [str(base), str(records), str(folder / f"run-{number}"), json.dumps(changes)]
        command = [sys.executable, "-m", "benchmarks.finetuning", "--once", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        share = round(figures["estimate_gib"] / figures["peak_gib"], 2)
        lines.append({"training": name, **figures, "estimate_over_peak": share})
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS, help="runs of each precision")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file for the results")
    parser.add_argument("--once", nargs=4, metavar="X", help="run one training; internal")
    asked = parser.parse_args()
    if asked.once:
        train_once(*asked.once)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = write_base(folder / "base")
        speed = measure_speed(base, asked.pairs)
        print(speed, flush=True)
        memory = measure_memory(folder, base)
    found = {"machine": machine(), "speed": speed, "memory": memory}
    asked.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
