"""Which engine serves which options."""

from __future__ import annotations

import importlib.util
import logging
from functools import cache, partial
from typing import TYPE_CHECKING

import anyio.to_thread

from revloop.engines.http import HttpEngine
from revloop.engines.transformers import TransformersEngine
from revloop.engines.vllm import VllmEngine

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.engines.base import Engine
    from revloop.engines.retry import RetryPolicy
    from revloop.settings import EngineOptions

SHIPPED_CRITIC = "revloop-demo-critic"

logger = logging.getLogger("revloop.engines")


async def open_engine(
    options: EngineOptions, *, shipped_critic: Path, retries: RetryPolicy | None = None
) -> Engine:
    """Open the engine that the options call for.

    A server if there is an address; else the model in this process, on vLLM where it is installed;
    else the critic that ships with revloop, on transformers.

    Args:
        options: What the user chose.
        shipped_critic: Folder of the critic to fall back on.
        retries: When a request to a server is sent again; None: as the engine does by default.

    Raises:
        RevloopError: The engine cannot be opened; the class says why.
    """
    if options.base_url is not None:
        return await HttpEngine.connect(
            options.base_url,
            model=options.model,
            api_key=options.api_key,
            tokenizer=options.tokenizer,
            retries=retries,
        )
    if options.model is None:
        _say_once_which_critic()
        load = partial(TransformersEngine.from_model, str(shipped_critic), name=SHIPPED_CRITIC)
        return await anyio.to_thread.run_sync(load)
    if importlib.util.find_spec("vllm") is None:
        return await anyio.to_thread.run_sync(TransformersEngine.from_model, options.model)
    return VllmEngine.from_model(options.model, tensor_parallel_size=options.tensor_parallel_size)


@cache
def _say_once_which_critic() -> None:
    logger.warning(
        "No server and no model named: using the small demo critic that ships with revloop, in "
        "this process."
    )
