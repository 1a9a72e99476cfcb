"""Opens the engine that the options name."""

from __future__ import annotations

import importlib.util
import logging
from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread

from revloop.engines.batch_api.engine import BatchApiEngine
from revloop.engines.english import ENGLISH, is_installed, open_proofreader
from revloop.engines.http import HttpEngine
from revloop.engines.rate_limit import RateLimits
from revloop.engines.retry import RetryPolicy
from revloop.engines.transformers import TransformersEngine
from revloop.engines.vllm import VllmEngine
from revloop.errors import InputError
from revloop.options.extras import header_values

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.engines.base import Engine
    from revloop.options import EngineOptions

logger = logging.getLogger("revloop.engines")

DEMO = "demo"
"""The model name of the demo critic; a folder of that name is ``./demo``."""
SHIPPED_CRITIC = "revloop-demo-critic"
"""The demo critic's name in the record."""
NOTHING_NAMED = (
    "No server and no model is named, so nothing can be revised. There are four ways on:\n"
    "  a server: --base-url URL (in Python base_url=, or REVLOOP_BASE_URL)\n"
    "  a model in this process: --model FOLDER (in Python model=, or REVLOOP_MODEL)\n"
    "  the proofreader of English that ships with revloop, --model english: install it with "
    "`revloop critic install`, and it is used where nothing else is named\n"
    "  the toy critic that ships with revloop: --model demo. It knows one kind of short message "
    "and damages any other text; `revloop demo` shows it at work."
)
PROOFREADS = (
    "No server and no model is named: the proofreader 'english' corrects mistakes in English and "
    "leaves the rest as it is. To choose it without this message: --model english, or model="
    "'english' in Python."
)


def with_default(options: EngineOptions) -> EngineOptions:
    """The options, with the proofreader where nothing is named and it is installed.

    No other model is ever a default: the proofreader alone was made for texts of any kind, and its
    harm to them is measured (docs/evidence.md).

    Raises:
        InputError: Nothing is named, and the proofreader is not installed or cannot be meant.
    """
    for_a_server = options.kind is not None or options.extra_body or options.header
    if options.base_url or options.model or for_a_server or not is_installed():
        require_engine(options)
        return options
    logger.warning(PROOFREADS)
    return options.model_copy(update={"model": ENGLISH})


def require_engine(options: EngineOptions) -> None:
    """Check that a server or a model is named.

    Raises:
        InputError: Neither is named, or the batch API of no server.
    """
    if options.kind is not None and options.base_url is None:
        raise InputError(f"--engine {options.kind} needs a server: name it with --base-url.")
    if options.base_url is None and (options.extra_body or options.header):
        raise InputError("--extra-body and --header are for a server: name it with --base-url.")
    if options.base_url is None and options.model is None:
        raise InputError(NOTHING_NAMED)


def require_store(options: EngineOptions, store: str | Path | None) -> None:
    """Check that jobs of a batch API have a store to be recorded in.

    Raises:
        InputError: They have none.
    """
    if options.kind is not None and store is None:
        raise InputError(
            f"--engine {options.kind} needs a store (--store FILE, store= in Python): it records "
            "the jobs there."
        )


def refuse_jobs(options: EngineOptions, what: str) -> None:
    """Refuse jobs of a batch API for what needs its answers one by one, or at once.

    Args:
        options: The user's choice.
        what: What cannot use them.

    Raises:
        InputError: Jobs are chosen.
    """
    if options.kind is not None:
        raise InputError(
            f"--engine {options.kind} is for `revloop batch` and revise_many, which put the "
            f"requests of many drafts into one job; {what} would wait hours for each request. "
            "Leave it out to ask the server directly."
        )


async def open_engine(
    options: EngineOptions, *, shipped_critic: Path, retries: RetryPolicy | None = None
) -> Engine:
    """Open the engine that the options name: a server, or a model in this process.

    Args:
        options: The user's choice. Without a server, the model ``demo`` is the demo critic, and
            ``english`` the proofreader.
        shipped_critic: Folder of the demo critic.
        retries: Retry policy for a server; None: the engine's default.

    Raises:
        InputError: Neither a server nor a model is named.
        RevloopError: The engine cannot be opened; the class says why.
    """
    require_engine(options)
    if options.base_url is not None:
        http = await HttpEngine.connect(
            options.base_url,
            model=options.model,
            api_key=options.api_key,
            tokenizer=options.tokenizer,
            retries=retries,
            limits=RateLimits(options.rpm, options.tpm),
            extra_body=options.extra_body,
            headers=header_values(options.header),
        )
        return http if options.kind is None else BatchApiEngine(http, retries or RetryPolicy())
    model = str(options.model)
    if model == DEMO:
        load = partial(TransformersEngine.from_model, str(shipped_critic), name=SHIPPED_CRITIC)
        return await anyio.to_thread.run_sync(load)
    if model == ENGLISH:
        return await anyio.to_thread.run_sync(open_proofreader)
    return await open_local_engine(model, tensor_parallel_size=options.tensor_parallel_size)


async def open_local_engine(model: str, *, tensor_parallel_size: int = 1) -> Engine:
    """Load a model in this process: with vLLM if it is installed, else with transformers.

    Args:
        model: A model folder or hub id.
        tensor_parallel_size: GPUs that share the model, for vLLM.

    Raises:
        RevloopError: The model cannot be loaded; the class says why.
    """
    if importlib.util.find_spec("vllm") is None:
        return await anyio.to_thread.run_sync(TransformersEngine.from_model, model)
    return VllmEngine.from_model(model, tensor_parallel_size=tensor_parallel_size)
