"""What only a vLLM server offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.errors import BadReplyError, ModelNotServedError, RejectedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.engines.retry import RetryPolicy
    from revloop.engines.transport import Transport


async def reset_prefix_cache(transport: Transport, retries: RetryPolicy) -> None:
    """Empty a server's prefix cache.

    Raises:
        RejectedError: The server does not offer it, or running requests use the cache.
        EngineError: The server cannot be reached, or refuses the key.
    """
    try:
        done, _ = await transport.ask("POST", "/reset_prefix_cache", _succeeded, retries)
    except (ModelNotServedError, BadReplyError) as exc:
        raise RejectedError(
            f"{transport.address} cannot empty its prefix cache on request. vLLM can if "
            "started with VLLM_SERVER_DEV_MODE=1 in its environment."
        ) from exc
    if not done:
        raise RejectedError(
            f"{transport.address} did not empty its prefix cache: running requests use it."
        )


def _succeeded(reply: Mapping[str, Any], where: str) -> bool:
    """Reads vLLM's reply to ``/reset_prefix_cache``."""
    success = reply.get("success")
    if not isinstance(success, bool):
        raise BadReplyError(f"{where} did not report whether it succeeded.")
    return success
