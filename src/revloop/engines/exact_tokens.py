"""Whether a tokenizer that is at hand is the one that a server uses.

A server tells the folder that it serves, and a folder of that name may hold another model here. Ids
of another tokenizer are other words, which no server can notice. So ids are sent only once both
sides have made the same ids of one text: vLLM's ``/tokenize`` tells its own
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

_SAME, _OTHER, _UNKNOWN = "same", "other", "unknown"
_NEEDS_TOKENIZE = (
    "Prompts are sent as text: special tokens in them may be read as tokens, and the prefix cache "
    "finds less."
)


async def find_tokenizer(
    transport: Transport, model: ServedModel, named: str | Path | None, retries: RetryPolicy
) -> tuple[PromptTokenizer | None, bool]:
    """The tokenizer of a served model, if it is here.

    Args:
        transport: The server.
        model: The model.
        named: The folder that the user named, or None to look whether the server's folder is here.
        retries: When a question is asked again.

    Returns:
        The tokenizer, or None; and whether it is proved to be the server's, so that its ids may be
        sent. One that is named but cannot be proved serves for counting.

    Raises:
        ModelConfigError: The folder that was named holds no tokenizer.
        InputError: The tokenizer that was named is another than the server's.
    """
    if named is not None:
        known = PromptTokenizer.from_folder(named)
        if not model.is_vllm:
            return known, False
        found = await _compare(transport, model, known, retries)
        if found == _OTHER:
            raise InputError(
                f"The tokenizer in {named} is not the one of {model.id} at {transport.address}: "
                "the same text has other tokens there. Name the folder of the model that is "
                "served, or name no tokenizer."
            )
        if found == _UNKNOWN:
            logger.warning(
                "%s does not tell its tokens (/tokenize), so nothing shows that the tokenizer in "
                "%s is the server's. %s",
                *(transport.address, named, _NEEDS_TOKENIZE),
            )
        return known, found == _SAME
    folder = _folder_here(model.root) if model.is_vllm else None
    if folder is None:
        return None, False
    return await _proved(transport, model, folder, retries)


async def _proved(
    transport: Transport, model: ServedModel, folder: Path, retries: RetryPolicy
) -> tuple[PromptTokenizer | None, bool]:
    """The tokenizer of a folder that is named like the server's, if it is the same."""
    try:
        known = PromptTokenizer.from_folder(folder)
        found = await _compare(transport, model, known, retries)
    except ModelConfigError:
        found = _OTHER
    if found == _SAME:
        return known, True
    why = "holds another tokenizer" if found == _OTHER else "may hold another tokenizer"
    logger.warning(
        "%s serves %s, and the folder of that name here %s. %s Name the served model's folder "
        "(--tokenizer) to send exact tokens.",
        *(transport.address, model.root, why, _NEEDS_TOKENIZE),
    )
    return None, False


async def _compare(
    transport: Transport, model: ServedModel, tokenizer: PromptTokenizer, retries: RetryPolicy
) -> str:
    probe = tokenizer.probe()
    try:
        theirs, _ = await transport.ask(
            "POST", "/tokenize", _tokens, retries, body={"model": model.id, "prompt": probe}
        )
    except EngineError:
        return _UNKNOWN  # a proxy may let nothing through but /v1
    return _SAME if theirs == tokenizer.encode(probe) else _OTHER


def _tokens(reply: Mapping[str, Any], where: str) -> list[int]:
    tokens = reply.get("tokens")
    if not isinstance(tokens, list):
        raise BadReplyError(f"{where} sent no list of tokens.")
    return tokens


def _folder_here(root: str | None) -> Path | None:
    """The folder that a vLLM server serves, if it has a tokenizer that can be read here."""
    try:
        return Path(root) if root and (Path(root) / "tokenizer.json").is_file() else None
    except OSError:  # a folder of another user, or a name that no folder here can have
        return None
