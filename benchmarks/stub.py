"""An instant server in its own process, to isolate the overhead of revloop.

    python -m benchmarks.stub [--one-pass] [--vllm FOLDER]

It implements minimal HTTP, prints its port, counts completions, and records when the first arrived
(``GET /count``; seconds of the system's monotonic clock). Critiques have about 400 characters,
revisions 1,200, like real ones; all revisions differ, so no trajectory converges. With
``--one-pass`` every reply is a critique and a revision. With ``--vllm`` it poses as a vLLM server
of a local model folder, so that prompts are sent as token ids.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from functools import cache
from typing import Any

from revloop import PromptSet
from revloop.engines.tokens import PromptTokenizer

CRITIQUE = (
    "Overall score: 6\nPositive aspects: The answer is friendly, and what it says about the first "
    "part of the question is right and easy to follow for somebody who is new to it.\nNegative "
    "aspects: 1. The second part of the question is not answered at all. 2. The example in the "
    "middle has a mistake, since it forgets the empty case. 3. The last paragraph says once more "
    "what the first one said, and could be left out."
)
REVISION = "This sentence stands for a sentence of a revised answer, number {}. " * 18


class Stub:
    """Replies to requests, and counts them."""

    def __init__(self, vllm_folder: str | None, *, one_pass: bool) -> None:
        self.count = 0
        self.first_at_s: float | None = None
        self._numbers = itertools.count(time.time_ns() % 10**6)  # another server, other texts
        self._folder = vllm_folder
        self._tokenizer = None if vllm_folder is None else PromptTokenizer.from_folder(vllm_folder)
        self._ids = cache(lambda text: self._tokenizer.encode(text) if self._tokenizer else [])
        self._before_revision = CRITIQUE + PromptSet.load("cnr").bridge if one_pass else ""

    def body(self, head: bytes, body: bytes) -> bytes:
        """The reply to one request."""
        path = head.split(b" ", 2)[1]
        if path == b"/v1/completions":
            self.count += 1
            self.first_at_s = self.first_at_s or time.monotonic()
            return self._completion(body)
        if path == b"/count":
            return json.dumps({"count": self.count, "first_at_s": self.first_at_s}).encode()
        if path == b"/version":
            return b'{"version": "0"}'
        model = {"id": "stub", "object": "model", "max_model_len": 8192}
        if self._folder is not None:
            model |= {"owned_by": "vllm", "root": self._folder}
        return json.dumps({"object": "list", "data": [model]}).encode()

    def _completion(self, body: bytes) -> bytes:
        request = json.loads(body)
        is_critique = "stop" in request
        revision = REVISION.replace("{}", str(next(self._numbers)))
        text = CRITIQUE if is_critique else self._before_revision + revision
        choice: dict[str, Any] = {
            "index": 0,
            "text": text,
            "finish_reason": "stop",
            "stop_reason": None,
        }
        if is_critique and self._tokenizer is not None:
            (stop,) = request["stop"]
            choice |= {
                "text": text + stop,
                "stop_reason": stop,
                "token_ids": self._ids(text + stop),
            }
        usage = {
            "prompt_tokens": 700,
            "completion_tokens": 100,
            "total_tokens": 800,
            "prompt_tokens_details": {"cached_tokens": 512},
        }
        return json.dumps({"choices": [choice], "usage": usage}).encode()


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Reply to each complete request."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = _length(head)
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            reply = self._stub.body(head, body)
            header = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(reply)}\r\n\r\n"
            )
            assert self._transport is not None
            self._transport.write(header.encode() + reply)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--vllm", metavar="FOLDER")
    parser.add_argument("--one-pass", action="store_true")
    chosen = parser.parse_args()
    stub = Stub(chosen.vllm, one_pass=chosen.one_pass)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(stub), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
