"""Write a complete example that serves a planned job on Ray, Slurm or Kubernetes.

The templates are text files in `examples/`. The deployments follow vLLM's documentation:

- tensor-parallel in a node, pipeline-parallel over nodes, with Ray or without:
  https://docs.vllm.ai/en/latest/serving/parallelism_scaling/
- replicas behind vLLM's load balancer, or one server each (for dense models the only way to balance
  outside vLLM): https://docs.vllm.ai/en/latest/serving/data_parallel_deployment/
- the router: https://github.com/vllm-project/router
- Kubernetes: https://docs.vllm.ai/en/latest/deployment/k8s/ and
  https://docs.vllm.ai/en/latest/deployment/frameworks/lws/
"""

from __future__ import annotations

import math
import shlex
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from revloop.serving.command import ServerOptions, vllm_options

if TYPE_CHECKING:
    from revloop.planning.job import JobPlan
    from revloop.planning.layout import Layout

EXAMPLES = Path(__file__).parent / "examples"
"""The folder of the templates."""

VLLM_IMAGE = "vllm/vllm-openai:v0.32.0"
"""The image of the vLLM version that revloop's commands were checked against."""

_CPUS_PER_GPU = 4
_TIME_MARGIN = 2.0
_START_HOURS = 1.0


class Platform(StrEnum):
    """What runs vLLM on many machines."""

    RAY = "ray"
    SLURM = "slurm"
    K8S = "k8s"


class _Example(Template):
    """A template with ``@name`` placeholders: shells and Kubernetes use the dollar."""

    delimiter = "@"


def emit(platform: Platform, model: str, planned: JobPlan) -> str:
    """A script or manifest that serves a model as planned.

    Args:
        platform: What runs vLLM on many machines.
        model: A hub id, or a folder that every machine sees at this path.
        planned: The plan, from `revloop.planning.plan_job`.
    """
    layout = planned.layout
    stages = layout.pipeline_parallel_size
    options = ServerOptions(
        model=model,
        tensor_parallel_size=layout.tensor_parallel_size,
        host="0.0.0.0",  # noqa: S104 - other machines must reach it
        port=None if platform is Platform.SLURM and stages == 1 else 8000,
        vllm_options=_further_options(platform, planned),
    )
    text = _file(platform, stages).read_text(encoding="utf-8")
    is_yaml = platform is Platform.K8S
    write = _yaml_list if is_yaml else _shell_lines
    return _Example(text).substitute(
        title=_title(model, planned),
        model=_yaml_text(model) if is_yaml else shlex.quote(model),
        options=write(vllm_options(options), _indent_of_options(text)),
        image=VLLM_IMAGE,
        replicas=layout.replicas,
        stages=stages,
        nodes=layout.nodes,
        others=layout.nodes - 1,
        gpus_per_node=layout.gpus_per_node,
        node_gpus=min(layout.gpus, layout.gpus_per_node),
        tensor_parallel_size=layout.tensor_parallel_size,
        cpus=_CPUS_PER_GPU * layout.tensor_parallel_size,
        time=_time_limit(planned),
        environment=_ray_environment(layout),
    )


def _further_options(platform: Platform, planned: JobPlan) -> tuple[str, ...]:
    """The plan's options for vLLM, beyond those of `revloop serve`."""
    layout, assumed = planned.layout, planned.assumptions
    further = [
        *("--max-num-seqs", str(assumed.max_num_seqs)),
        *("--gpu-memory-utilization", f"{assumed.gpu_memory_utilization:g}"),
    ]
    if assumed.max_model_len is not None:
        further += ["--max-model-len", str(assumed.max_model_len)]
    if layout.pipeline_parallel_size > 1:
        further += ["--pipeline-parallel-size", str(layout.pipeline_parallel_size)]
    if platform is Platform.RAY:
        if layout.pipeline_parallel_size > 1:
            further += ["--distributed-executor-backend", "ray"]
        if layout.replicas > 1:
            further += ["--data-parallel-size", str(layout.replicas)]
            further += ["--data-parallel-backend", "ray"]
            if layout.replicas_per_node:
                local = min(layout.replicas, layout.replicas_per_node)
                further += ["--data-parallel-size-local", str(local)]
    return tuple(further)


def _ray_environment(layout: Layout) -> str:
    """The variable that lets vLLM's replicas span nodes, if they need to."""
    if layout.pipeline_parallel_size > 1 and layout.replicas > 1:
        return "export VLLM_RAY_DP_PACK_STRATEGY=span\n"
    return ""


def _file(platform: Platform, stages: int) -> Path:
    ending = "yaml" if platform is Platform.K8S else "sh"
    kind = "-pipeline" if stages > 1 and platform is not Platform.RAY else ""
    return EXAMPLES / f"{platform}{kind}.{ending}"


def _title(model: str, planned: JobPlan) -> str:
    layout = planned.layout
    words = f"{layout.replicas} replica(s) at tensor-parallel size {layout.tensor_parallel_size}"
    if layout.pipeline_parallel_size > 1:
        words += f" and pipeline-parallel size {layout.pipeline_parallel_size}"
    # a line break would end the comment, and YAML allows no control characters
    name = "".join(letter if letter.isprintable() else "?" for letter in model)
    return f"{name} on {layout.gpus} x {planned.card.title}: {words}."


def _time_limit(planned: JobPlan) -> str:
    """Twice the prediction and an hour to start, in Slurm's notation."""
    hours = math.ceil(planned.hours * _TIME_MARGIN + _START_HOURS)
    return f"{hours // 24}-{hours % 24:02}:00:00"


def _indent_of_options(text: str) -> str:
    line = next(line for line in text.splitlines() if line.strip().startswith("@options"))
    return line[: len(line) - len(line.lstrip())]


def _shell_lines(options: list[str], indent: str) -> str:
    """Options for a shell, one to a line with its value."""
    lines = [shlex.quote(options[0])]
    for _, word in pairwise(options):
        quoted = shlex.quote(word)
        if word.startswith("-"):
            lines.append(quoted)
        else:
            lines[-1] += f" {quoted}"
    return f" \\\n{indent}".join(lines)


def _yaml_list(options: list[str], indent: str) -> str:
    return f"\n{indent}".join(f"- {_yaml_text(option)}" for option in options)


def _yaml_text(text: str) -> str:
    """A quoted ASCII string for YAML, with ``$(NAME)`` escaped from Kubernetes."""
    escaped = (
        letter if " " <= letter <= "~" and letter not in '"\\' else f"\\U{ord(letter):08X}"
        for letter in text.replace("$(", "$$(")
    )
    return f'"{"".join(escaped)}"'
