"""Large files go up and come down in pieces."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest
from aiohttp import BodyPartReader, web

from revloop.engines.deadlines import Deadlines
from revloop.engines.transport import Transport
from revloop.engines.wire import Upload
from revloop.errors import BadReplyError, ModelNotServedError
from tests.helpers.http_engines import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PIECE = b"0123456789abcdef" * 2**12
PIECES = 512
SIZE = len(PIECE) * PIECES
LITTLE_BYTES = 8 * 2**20


class FileServer:
    """Takes a form and forgets it; sends a large file."""

    def __init__(self) -> None:
        self.received = 0
        self.fields: dict[str, str] = {}
        self.broken = 0
        self.coding = "identity"

    async def take(self, request: web.Request) -> web.Response:
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            name = part.name or ""
            if name != "file":
                self.fields[name] = await part.text()
                continue
            while piece := await part.read_chunk(2**16):
                self.received += len(piece)
        return web.json_response({"id": "file-1"})

    async def send(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": self.coding})
        response.content_length = SIZE
        await response.prepare(request)
        for number in range(PIECES):
            if self.broken and number == PIECES // 2:
                self.broken -= 1
                assert request.transport is not None
                request.transport.close()
                return response
            await response.write(PIECE)
        return response


@pytest.fixture
async def files() -> FileServer:
    return FileServer()


@pytest.fixture
async def transport(files: FileServer) -> AsyncIterator[Transport]:
    app = web.Application()
    app.router.add_post("/v1/files", files.take)
    app.router.add_get("/v1/files/1/content", files.send)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    made = Transport(f"http://{host}:{port}", api_key=None, deadlines=Deadlines())
    yield made
    await made.aclose()
    await runner.cleanup()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(PIECE * PIECES)
    return path


async def test_a_large_file_goes_up_in_pieces_with_the_fields_of_its_form(
    transport: Transport, files: FileServer, file: Path
) -> None:
    upload = Upload(file, "requests.jsonl", {"purpose": "batch"})
    tracemalloc.start()
    reply, _ = await transport.ask(
        "POST", "/v1/files", lambda reply, _: reply["id"], AT_ONCE, body=upload
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (reply, files.received, files.fields) == ("file-1", SIZE, {"purpose": "batch"})
    assert peak < LITTLE_BYTES


async def test_a_large_file_comes_down_in_pieces(transport: Transport, tmp_path: Path) -> None:
    target = tmp_path / "results.jsonl"
    tracemalloc.start()
    await transport.download("/v1/files/1/content", target, AT_ONCE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert target.stat().st_size == SIZE
    assert peak < LITTLE_BYTES


async def test_a_download_that_breaks_off_begins_anew(
    transport: Transport, files: FileServer, tmp_path: Path
) -> None:
    files.broken = 1
    target = tmp_path / "results.jsonl"
    await transport.download("/v1/files/1/content", target, AT_ONCE)
    assert target.read_bytes() == PIECE * PIECES


async def test_a_compressed_download_is_refused(
    transport: Transport, files: FileServer, tmp_path: Path
) -> None:
    files.coding = "gzip"
    with pytest.raises(BadReplyError, match="compressed"):
        await transport.download("/v1/files/1/content", tmp_path / "results.jsonl", AT_ONCE)


async def test_a_download_of_what_is_not_there_writes_no_file(
    transport: Transport, tmp_path: Path
) -> None:
    target = tmp_path / "results.jsonl"
    with pytest.raises(ModelNotServedError):
        await transport.download("/v1/files/2/content", target, AT_ONCE)
    assert not target.exists()
