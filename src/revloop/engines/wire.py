"""What goes over the wire: bodies of requests, and bodies of replies within limits."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from revloop.engines.classify import one_line
from revloop.errors import BadReplyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LARGE_BODY_BYTES = 2**20
_REPLY_BYTES = 8 * 2**20
_REPLY_BYTES_PER_TOKEN = 2**10
_FILE_TYPE = "application/jsonl"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send as a form (``multipart/form-data``), in pieces.

    Attributes:
        file: The file.
        name: Its name for the server.
        fields: Further fields of the form.
    """

    file: Path
    name: str
    fields: Mapping[str, str]


def largest_reply_bytes(max_tokens: int = 0) -> int:
    """Most bytes to read of a reply: a longer one is rejected.

    A token rarely takes over 100 bytes, including its id and JSON escapes. The constant part has
    room for a long list of models, or the token ids of a long prompt.
    """
    return _REPLY_BYTES + _REPLY_BYTES_PER_TOKEN * max_tokens


@contextmanager
def sent(body: Mapping[str, Any] | Upload | None) -> Iterator[dict[str, Any]]:
    """Arguments for aiohttp to send a body; a large one in pieces."""
    if body is None:
        yield {}
    elif isinstance(body, Upload):
        with body.file.open("rb") as file:
            form = aiohttp.FormData(body.fields)
            form.add_field("file", file, filename=body.name, content_type=_FILE_TYPE)
            yield {"data": form}
    else:
        raw = json.dumps(body).encode()
        data = io.BytesIO(raw) if len(raw) > _LARGE_BODY_BYTES else raw
        yield {"data": data, "headers": {"Content-Type": "application/json"}}


async def read_bounded(response: aiohttp.ClientResponse, where: str, most_bytes: int) -> bytes:
    """The body, unless it is too large."""
    refuse_compressed(response, where)
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most_bytes:
            raise BadReplyError(f"{where} sent more than {most_bytes} bytes.")
    return bytes(body)


def refuse_compressed(response: aiohttp.ClientResponse, where: str) -> None:
    """Refuse a compressed body: it could expand to any size."""
    coding = response.headers.get("Content-Encoding", "identity")
    if coding.strip().lower() not in {"", "identity"}:
        raise BadReplyError(f"{where} sent a compressed reply ({one_line(coding)}) unasked.")


def reason_of(exc: BaseException) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        return "it closed the connection"
    if isinstance(exc, aiohttp.ClientResponseError):
        return one_line(exc.message.splitlines()[0].partition(": b'")[0].rstrip(":"))
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return str(exc) or type(exc).__name__
