"""Whether a local tokenizer is the one that a server uses.

A server reports the folder of its model, but a folder of that name may hold another model here, and
no server notices ids of another tokenizer. So ids are only sent once both sides have tokenised one
text alike, as vLLM's ``/tokenize`` shows
(https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revloop.engines.tokens import PromptTokenizer
from revloop.errors import BadReplyError, EngineError, InputError, ModelConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.engines.replies import ServedModel
    from revloop.engines.retry import RetryPolicy
    from revloop.engines.transport import Transport

logger = logging.getLogger("revloop.engines")

_SENT_AS_TEXT = (
    "Prompts are sent as text: the server may read special tokens in them as tokens, and its "
    "prefix cache has fewer hits."
)


async def find_tokenizer(
    transport: Transport, model: ServedModel, named: str | Path | None, retries: RetryPolicy
) -> tuple[PromptTokenizer | None, bool]:
    """The tokenizer of a served model, if it is on this machine.

    Args:
        transport: The server.
        model: The model.
        named: The folder named by the user; None to look for the server's folder.
        retries: When to send a request again.

    Returns:
        The tokenizer, or None; and whether it is verified to be the server's, so that its ids may
        be sent. A named but unverified tokenizer is used for counting.

    Raises:
        ModelConfigError: The named folder contains no tokenizer.
        InputError: The named tokenizer is not the server's.
    """
    if named is None:
        return await _find_served(transport, model, retries)
    tokenizer = PromptTokenizer.from_folder(named)
    if not model.is_vllm:
        return tokenizer, False
    is_same = await _is_same(transport, model, tokenizer, retries)
    if is_same is False:
        raise InputError(
            f"The tokenizer in {named} is not the one of {model.id} at {transport.address}, which "
            "gives other tokens for the same text. Name the folder of the served model, or no "
            "tokenizer."
        )
    if is_same is None:
        logger.warning(
            "%s does not report its tokens (/tokenize), so the tokenizer in %s cannot be verified. "
            "%s",
            *(transport.address, named, _SENT_AS_TEXT),
        )
    return tokenizer, bool(is_same)


async def _find_served(
    transport: Transport, model: ServedModel, retries: RetryPolicy
) -> tuple[PromptTokenizer | None, bool]:
    """The tokenizer in the folder that the server names, if it is here and the same."""
    folder = _local_folder(model.root) if model.is_vllm else None
    if folder is None:
        return None, False
    try:
        tokenizer = PromptTokenizer.from_folder(folder)
        is_same = await _is_same(transport, model, tokenizer, retries)
    except ModelConfigError:
        is_same = False
    else:
        if is_same:
            return tokenizer, True
    logger.warning(
        "%s serves %s, and the folder of that name here %s another tokenizer. %s Name the served "
        "model's folder (--tokenizer) to send exact tokens.",
        *(transport.address, model.root, "has" if is_same is False else "may have", _SENT_AS_TEXT),
    )
    return None, False


async def _is_same(
    transport: Transport, model: ServedModel, tokenizer: PromptTokenizer, retries: RetryPolicy
) -> bool | None:
    """Whether the server tokenises a text alike; None if it does not report its tokens."""
    probe = tokenizer.probe()
    try:
        theirs, _ = await transport.ask(
            "POST", "/tokenize", _tokens, retries, body={"model": model.id, "prompt": probe}
        )
    except EngineError:
        return None  # a proxy may only forward /v1
    return theirs == tokenizer.encode(probe)


def _tokens(reply: Mapping[str, Any], where: str) -> list[int]:
    tokens = reply.get("tokens")
    if not isinstance(tokens, list):
        raise BadReplyError(f"{where} sent no list of tokens.")
    return tokens


def _local_folder(root: str | None) -> Path | None:
    """The folder that a vLLM server serves, if it has a readable tokenizer on this machine."""
    try:
        return Path(root) if root and (Path(root) / "tokenizer.json").is_file() else None
    except OSError:  # another user's folder, or an invalid name
        return None
