"""Build the command line and environment of a vLLM server."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr

from revloop.errors import MissingExtraError, ServingError
from revloop.models.account import account_environment, user_name
from revloop.models.config import check_weights, known_shape, local_folder, read_config
from revloop.models.cpu import BLOCK_TOKENS, KV_CACHE_SPACE, cpu_environment, vllm_runs_on_cpu
from revloop.models.parallelism import check_tensor_parallel_size
from revloop.options import Flag, Options
from revloop.serving.speculation import Speculation, speculative_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.models.shape import ModelShape

# `-P` keeps folders in the working directory from shadowing libraries.
# The console script `vllm` does not work with the CPU build.
VLLM_PROGRAM = (sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server")
"""The command of vLLM's OpenAI-compatible server, without options."""


class ServingOptions(Options):
    """How to serve a model."""

    panel: ClassVar[str] = "Server"

    tensor_parallel_size: Annotated[PositiveInt, Flag(short="-tp", metavar="N")] = Field(
        1, description="GPUs (on a CPU: workers) that share the model."
    )
    host: Annotated[str, Flag(metavar="ADDRESS")] = Field(
        "127.0.0.1", description="Address to bind to; by default, for this machine only."
    )
    port: Annotated[int | None, Flag(metavar="N")] = Field(
        None, ge=1, le=65535, description="Port to bind to; None, in Python, for a free one."
    )
    served_model_name: Annotated[str | None, Flag(metavar="NAME")] = Field(
        None, description="The name that requests use; by default, the model as given."
    )
    enforce_eager: Annotated[bool, Flag(name="--eager")] = Field(
        False,
        description="Skip compilation: tiny models on a CPU start twice as fast, but run slower.",
    )
    speculate: Speculation = Field(
        "off",
        description="Draft tokens from n-grams or suffix trees. Off by default: on a CPU, checking "
        "drafts takes time.",
    )
    log_path: Annotated[Path | None, Flag(name="--log", metavar="FILE")] = Field(
        None, description="File for vLLM's output; by default, one in the temporary folder."
    )
    start_timeout_s: Annotated[PositiveFloat, Flag(name="--start-timeout", metavar="SECONDS")] = (
        Field(1800.0, description="Most time to start: a large model takes minutes to load.")
    )
    stop_grace_s: Annotated[PositiveFloat, Flag(name="--stop-grace", metavar="SECONDS")] = Field(
        10.0, description="Time for a clean stop before the server is killed."
    )


class ServerOptions(ServingOptions):
    """What to serve, and how."""

    model: str = Field(description="A local folder, or a hub id.")
    vllm_options: tuple[str, ...] = Field(
        (), description="Further options for vLLM, in its spelling. They override ours."
    )
    api_key: SecretStr | None = Field(
        None, description="The API key that clients must send, or None to require none."
    )


def option_value(options: tuple[str, ...], *names: str) -> str | None:
    """The value of a command-line option under any of its names, or None; the last one counts.

    As in vLLM: ``--name value`` or ``--name=value``, and underscores may replace hyphens. An option
    without a value has the empty string.
    """
    value = None
    for index, option in enumerate(options):
        name, equals, inline = option.partition("=")
        if name.replace("_", "-") in names:
            following = options[index + 1 : index + 2]
            value = inline if equals else next(iter(following), "")
    return value


def with_vllm_options(options: ServerOptions) -> ServerOptions:
    """Copy those of the user's vLLM options that revloop needs into its own fields.

    Raises:
        ServingError: One of them is not a number, or would show the API key to every user of the
            machine.
    """
    given = options.vllm_options
    if option_value(given, "--api-key") is not None:
        raise ServingError(
            "Every user of the machine can read --api-key on a command line. Set the "
            "environment variable VLLM_API_KEY (or ServerOptions.api_key) instead."
        )
    found = {
        "host": option_value(given, "--host"),
        "port": option_value(given, "--port"),
        "tensor_parallel_size": option_value(given, "--tensor-parallel-size", "-tp"),
        "served_model_name": option_value(given, "--served-model-name"),
    }
    named = {name: value for name, value in found.items() if value is not None}
    try:
        return ServerOptions.model_validate(options.model_dump() | named)
    except ValueError as exc:
        raise ServingError(f"These options for vLLM cannot be used: {named}: {exc}") from exc


def check_vllm_installed() -> None:
    """Check that vLLM is installed in this Python.

    Raises:
        MissingExtraError: It is not.
    """
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtraError(
            "Serving needs vLLM, which is not installed here. On a machine with GPUs: "
            "pip install 'revloop[vllm]'. On one without: pip install 'revloop[cpu]'."
        )


def check_model(options: ServerOptions) -> ModelShape | None:
    """Check a model before an engine is started for it.

    Returns:
        Its shape, or None for an architecture that only vLLM may know.

    Raises:
        ModelConfigError: There is no such model, or its folder lacks config or weights.
        DoesNotFitError: It cannot be split over this many GPUs.
    """
    shape = known_shape(read_config(options.model), options.model)
    if shape is not None:
        whole = option_value(options.vllm_options, "--enable-expert-parallel", "-ep") is not None
        check_tensor_parallel_size(shape, options.tensor_parallel_size, whole_experts=whole)
    folder = local_folder(options.model)
    if folder is not None and option_value(options.vllm_options, "--load-format") is None:
        check_weights(folder)
    return shape


def vllm_options(options: ServerOptions) -> list[str]:
    """The options for vLLM on any machine, without the model.

    Ours come first, because vLLM takes the last of a repeated option.
    """
    ours = [
        *("--served-model-name", options.served_model_name or options.model),
        *("--host", options.host),
        *(() if options.port is None else ("--port", str(options.port))),
        *("--tensor-parallel-size", str(options.tensor_parallel_size)),
        # other formats may run code when they are loaded
        *("--load-format", "safetensors"),
        # each request states its sampling; otherwise the model's suggestions apply silently
        *("--generation-config", "vllm"),
        "--enable-prefix-caching",
        # otherwise a reply's usage omits prompt tokens from the prefix cache
        "--enable-prompt-tokens-details",
    ]
    if options.enforce_eager:
        ours.append("--enforce-eager")
    ours += speculative_options(options.speculate, options.vllm_options)
    return [*ours, *options.vllm_options]


def command_line(options: ServerOptions, program: tuple[str, ...] = VLLM_PROGRAM) -> list[str]:
    """The command that serves a model on this machine; its port must be set."""
    folder = local_folder(options.model)
    model = options.model if folder is None else str(folder)
    for_cpu = _options_for_cpu(options.vllm_options) if vllm_runs_on_cpu() else []
    return [*program, "--model", model, *for_cpu, *vllm_options(options)]


def _options_for_cpu(given: tuple[str, ...]) -> list[str]:
    ours = ["--block-size", str(BLOCK_TOKENS)]
    if option_value(given, "--enable-chunked-prefill") is None:
        # vLLM 0.32 ends with an error when it divides the prompt of a request with a seed
        ours.append("--no-enable-chunked-prefill")
    return ours


def child_environment(
    options: ServerOptions, shape: ModelShape | None, environment: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a server, based on the given one.

    Raises:
        DoesNotFitError: On a CPU: the KV cache set in the environment is too large.
    """
    child = {
        **environment,
        **account_environment(environment),
        # no usage statistics
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
    }
    # outside the temporary folder that the guard removes: compiled kernels are reused
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
    own = option_value(options.vllm_options, "--kv-cache-memory-bytes", "--gpu-memory-utilization")
    if own is not None:
        # the variable would override the user's option
        added.pop(KV_CACHE_SPACE, None)
    return added
