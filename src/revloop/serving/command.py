"""Turn what a user wants served into vLLM's command line and environment."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr

from revloop.errors import MissingExtraError, ServingError
from revloop.models.account import account_environment, user_name
from revloop.models.config import check_weights, known_shape, local_folder, read_config
from revloop.models.cpu import BLOCK_TOKENS, KV_CACHE_SPACE, cpu_environment, vllm_runs_on_cpu
from revloop.models.parallelism import check_tensor_parallel_size
from revloop.serving.speculation import Speculation, speculative_options
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.models.shape import ModelShape

# `-P`: a folder that happens to be named like a library, where the user stands, is not imported.
# The console script `vllm` does not work with the CPU build.
VLLM_PROGRAM = (sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server")
"""What starts vLLM's OpenAI-compatible server, options to follow."""


class ServerOptions(Frozen):
    """What to serve, and how."""

    model: str = Field(description="A local folder, or a hub id.")
    tensor_parallel_size: PositiveInt = Field(
        1, description="GPUs (on a CPU: workers) that share the model."
    )
    host: str = Field(
        "127.0.0.1", description="Address to bind to. The default is not seen from outside."
    )
    port: int | None = Field(
        None, ge=1, le=65535, description="Port to bind to, or None for one that is free."
    )
    served_model_name: str | None = Field(
        None, description="The name that requests use, or None for the model as it was given."
    )
    vllm_options: tuple[str, ...] = Field(
        (), description="Further options for vLLM, as it spells them. They win over ours."
    )
    enforce_eager: bool = Field(
        False,
        description="Skip compilation: a tiny model on a CPU is up in half the time, and slower.",
    )
    speculate: Speculation = Field(
        "off",
        description="How tokens are drafted ahead. Off: on a CPU checking drafts is not free.",
    )
    api_key: SecretStr | None = Field(
        None, description="The key that requests must bring, or None to ask for none."
    )
    log_path: Path | None = Field(
        None, description="Where vLLM's output goes, or None for a file in the temporary folder."
    )
    start_timeout_s: PositiveFloat = Field(
        1800.0, description="Seconds to wait for the server: a large model loads for minutes."
    )
    stop_grace_s: PositiveFloat = Field(
        10.0, description="Seconds that the server has to stop by itself before it is killed."
    )


def option_value(options: tuple[str, ...], *names: str) -> str | None:
    """The value that command-line options give to a name, or None; the last one counts.

    Understands ``--name value``, ``--name=value``, and underscores for hyphens, as vLLM does. An
    option without a value has the empty string.
    """
    value = None
    for index, option in enumerate(options):
        name, equals, inline = option.partition("=")
        if name.replace("_", "-") in names:
            following = options[index + 1 : index + 2]
            value = inline if equals else next(iter(following), "")
    return value


def with_vllm_options(options: ServerOptions) -> ServerOptions:
    """Take over those of vLLM's own options that revloop must know of too.

    Raises:
        ServingError: One of them is not a number, or would show the key to every user of the
            machine.
    """
    given = options.vllm_options
    if option_value(given, "--api-key") is not None:
        raise ServingError(
            "--api-key on a command line can be read by every user of the machine. Set the "
            "environment variable VLLM_API_KEY (or ServerOptions.api_key) instead."
        )
    taken_over = {
        "host": option_value(given, "--host"),
        "port": option_value(given, "--port"),
        "tensor_parallel_size": option_value(given, "--tensor-parallel-size", "-tp"),
        "served_model_name": option_value(given, "--served-model-name"),
    }
    named = {name: value for name, value in taken_over.items() if value is not None}
    try:
        return ServerOptions.model_validate(options.model_dump() | named)
    except ValueError as exc:
        raise ServingError(f"These options for vLLM cannot be used: {named}: {exc}") from exc


def check_vllm_installed() -> None:
    """Check that vLLM can be started from this Python.

    Raises:
        MissingExtraError: It is not installed.
    """
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtraError(
            "Serving needs vLLM, which is not installed here. On a machine with GPUs: "
            "pip install 'revloop[vllm]'. On one without: pip install 'revloop[cpu]'."
        )


def check_model(options: ServerOptions) -> ModelShape | None:
    """Check all that can be known of a model before an engine is started for it.

    Returns:
        Its shape, or None if its architecture is not one that revloop knows: vLLM decides then.

    Raises:
        ModelConfigError: There is no such model, or its folder lacks config or weights.
        DoesNotFitError: It cannot be split over so many GPUs.
    """
    shape = known_shape(read_config(options.model), options.model)
    if shape is not None:
        check_tensor_parallel_size(shape, options.tensor_parallel_size)
    folder = local_folder(options.model)
    if folder is not None and option_value(options.vllm_options, "--load-format") is None:
        check_weights(folder)
    return shape


def vllm_options(options: ServerOptions) -> list[str]:
    """The options that vLLM serves a model with on any machine, but for the model itself.

    Ours come first: of an option that is given twice, vLLM takes the last.
    """
    ours = [
        *("--served-model-name", options.served_model_name or options.model),
        *("--host", options.host),
        *(() if options.port is None else ("--port", str(options.port))),
        *("--tensor-parallel-size", str(options.tensor_parallel_size)),
        # whatever else a folder holds may run code when it is read
        *("--load-format", "safetensors"),
        # each request says how it samples; what the model's authors suggest would apply untold
        *("--generation-config", "vllm"),
        "--enable-prefix-caching",
        # without it a usage says nothing about prompt tokens that came from the prefix cache
        "--enable-prompt-tokens-details",
    ]
    if options.enforce_eager:
        ours.append("--enforce-eager")
    ours += speculative_options(options.speculate, options.vllm_options)
    return [*ours, *options.vllm_options]


def command_line(options: ServerOptions, program: tuple[str, ...] = VLLM_PROGRAM) -> list[str]:
    """The command that serves a model on this machine; its port must be settled."""
    folder = local_folder(options.model)
    model = options.model if folder is None else str(folder)
    block_size = ["--block-size", str(BLOCK_TOKENS)] if vllm_runs_on_cpu() else []
    return [*program, "--model", model, *block_size, *vllm_options(options)]


def child_environment(
    options: ServerOptions, shape: ModelShape | None, environment: Mapping[str, str]
) -> dict[str, str]:
    """The environment for a server, made from the one here.

    Raises:
        DoesNotFitError: On a CPU: the KV cache that the environment asks for is too large.
    """
    child = {
        **environment,
        **account_environment(environment),
        # nothing phones home
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
    }
    # the guard gives the server a temporary folder of its own; compiled kernels outlive it
    child.setdefault(
        "TORCHINDUCTOR_CACHE_DIR",
        str(Path(tempfile.gettempdir()) / f"torchinductor_{user_name()}"),
    )
    if options.api_key is not None:
        child["VLLM_API_KEY"] = options.api_key.get_secret_value()
    if local_folder(options.model) is not None:
        child["HF_HUB_OFFLINE"] = "1"
    if vllm_runs_on_cpu():
        child |= _for_cpu(options, shape, environment)
    return child


def _for_cpu(
    options: ServerOptions, shape: ModelShape | None, environment: Mapping[str, str]
) -> dict[str, str]:
    added = cpu_environment(shape, options.tensor_parallel_size, environment)
    sizes = option_value(
        options.vllm_options, "--kv-cache-memory-bytes", "--gpu-memory-utilization"
    )
    if sizes is not None:
        # the variable would beat the user's own option
        added.pop(KV_CACHE_SPACE, None)
    return added
