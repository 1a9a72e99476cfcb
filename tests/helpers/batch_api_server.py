"""A server that speaks OpenAI's Batch API, with the deterministic server's model behind it.

It runs in the test's event loop, with scripted faults:

    async with BatchApiServer() as server:
        server.faults["POST /batches"] = [Lost()]       # created, but the reply is lost
        server.endings = [Ending("expired", done=3)]    # of the first job; others complete
        server.line_faults["Draft 7"] = [429]           # the first try of its requests

A job ends at its first poll, or after ``server.polls`` of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from revloop import PromptSet
from tests.helpers.deterministic_server import CRITIQUE, reply_to

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping

    Fault = int | "Lost"

_DEATH_S = 0.2
_RUNNING = {"validating", "in_progress", "cancelling"}


@dataclass(frozen=True, slots=True)
class Lost:
    """The request is carried out, but its reply is lost."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ends.

    Attributes:
        status: As the protocol names it.
        done: Number of requests that are done before; None: all.
        errors: The problems of a failed job.
    """

    status: str = "completed"
    done: int | None = None
    errors: tuple[Mapping[str, Any], ...] = ()


@dataclass(slots=True)
class SignalOrder:
    """A signal to send at a moment."""

    signal: int
    at: str
    times: int
    victim: asyncio.Future[int]


@dataclass(slots=True)
class ServedJob:
    """A job on the server."""

    name: str
    file: str
    endpoint: str
    ending: Ending
    requests: list[dict[str, Any]]
    number: int
    polls: int = 0
    status: str = "validating"
    output: str | None = None
    failures: str | None = None


class BatchApiServer:
    """The server, up on a free port of 127.0.0.1 within ``async with``.

    Attributes:
        faults: By method and path (``POST /batches``), the next faults: a status, or a lost reply.
        endings: How the next jobs end; all others complete.
        line_faults: By a text in the prompt, the statuses of the next replies to it.
        polls: Polls that a job needs until it ends.
        most_requests: A job with more fails: too many tokens are waiting. None: no limit.
        jobs: The jobs that were created, oldest first.
        calls: The number of calls by method and path.
        live: Requests that were sent to the model directly.
        refused: Parameters that no request may have.
        chat_text: The reply to every chat.
        is_single_pass: Whether a reply has the critique and the revision.
        lost_results: Number of results that are missing in the next files.
    """

    def __init__(self) -> None:
        self.base_url = ""
        self.faults: dict[str, list[Any]] = defaultdict(list)
        self.endings: list[Ending] = []
        self.line_faults: dict[str, list[int]] = {}
        self.polls = 1
        self.lost_results = 0
        self.chat_text = ""
        self.refused: set[str] = set()
        self.is_single_pass = False
        self.most_requests: int | None = None
        self.jobs: list[ServedJob] = []
        self.files: dict[str, bytes] = {}
        self.calls: Counter[str] = Counter()
        self.live: list[dict[str, Any]] = []
        self.changed = asyncio.Condition()
        self._orders: list[SignalOrder] = []

    @property
    def submitted(self) -> Counter[str]:
        """How many times each request was in a job, by ``custom_id``."""
        return Counter(line["custom_id"] for job in self.jobs for line in job.requests)

    @property
    def sizes(self) -> list[int]:
        """The number of requests of each job."""
        return [len(job.requests) for job in self.jobs]

    def order(self, number: signal.Signals, *, at: str, times: int = 1) -> asyncio.Future[int]:
        """Order a signal to the process whose id the returned future gets.

        Args:
            number: The signal.
            at: A moment: ``before POST /batches``, ``after GET /batches/{id}``.
            times: At which of these moments from now on.
        """
        victim: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._orders = [SignalOrder(number, at, times, victim)]
        return victim

    async def until_called(self, call: str, times: int = 1) -> None:
        """Wait for a number of calls."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.calls[call] >= times)

    def app(self) -> web.Application:
        """The routes."""
        made = web.Application(client_max_size=2**30)
        routes = {
            ("GET", "/models"): self._models,
            ("POST", "/files"): self._upload,
            ("GET", "/files/{id}/content"): self._content,
            ("POST", "/batches"): self._create,
            ("GET", "/batches"): self._list,
            ("GET", "/batches/{id}"): self._job,
            ("POST", "/batches/{id}/cancel"): self._cancel,
            ("POST", "/completions"): self._complete,
            ("POST", "/chat/completions"): self._complete,
        }
        for (method, path), handler in routes.items():
            made.router.add_route(method, f"/v1{path}", self._wrapped(f"{method} {path}", handler))
        return made

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def _wrapped(self, name: str, handler: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            await self._pass("before", name)
            async with self.changed:
                self.calls[name] += 1
                self.changed.notify_all()
            fault = self.faults[name].pop(0) if self.faults[name] else None
            if isinstance(fault, int):
                return _error(fault, "Not now.")
            response: web.StreamResponse = await handler(request)
            await self._pass("after", name)
            if isinstance(fault, Lost):
                assert request.transport is not None
                request.transport.close()
            return response

        return handle

    async def _pass(self, when: str, call: str) -> None:
        """Carry out the orders for this moment."""
        for order in self._orders:
            if order.at == f"{when} {call}":
                order.times -= 1
                if order.times == 0:
                    os.kill(await order.victim, order.signal)
                    await asyncio.sleep(_DEATH_S)  # it is dead before any reply leaves

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "answers"}]})

    async def _complete(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.live.append(body)
        if refusal := self._refusal(body):
            return web.json_response(refusal, status=400)
        return web.json_response(self._reply_to(body))

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        if form["purpose"] != "batch" or not isinstance(file, web.FileField):
            return _error(400, "A file for purpose 'batch' is needed.")
        name = f"file-{len(self.files)}"
        self.files[name] = file.file.read()
        return web.json_response({"id": name, "object": "file", "purpose": "batch"})

    async def _content(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["id"])
        return _error(404, "No such file.") if content is None else web.Response(body=content)

    async def _create(self, request: web.Request) -> web.Response:
        order = await request.json()
        if order["completion_window"] != "24h" or order["input_file_id"] not in self.files:
            return _error(400, "Invalid file or window.")
        lines = self.files[order["input_file_id"]].splitlines()
        ending = self.endings.pop(0) if self.endings else Ending()
        if self.most_requests is not None and len(lines) > self.most_requests:
            problem = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached."}
            ending = Ending("failed", errors=(problem,))
        job = ServedJob(
            name=f"batch_{len(self.jobs) + 1}",
            file=order["input_file_id"],
            endpoint=order["endpoint"],
            ending=ending,
            requests=[json.loads(line) for line in lines],
            number=len(self.jobs),
        )
        ids = [line["custom_id"] for line in job.requests]
        if len(set(ids)) < len(ids) or any(one["url"] != job.endpoint for one in job.requests):
            job.ending = Ending("failed", errors=({"code": "invalid", "message": "Ids or urls."},))
        self.jobs.append(job)
        return web.json_response(self._shown(job))

    async def _list(self, request: web.Request) -> web.Response:
        jobs = list(reversed(self.jobs))
        after = request.query.get("after")
        start = 0 if after is None else 1 + [job.name for job in jobs].index(after)
        page = jobs[start : start + int(request.query.get("limit", "20"))]
        has_more = start + len(page) < len(jobs)
        return web.json_response({"data": [*map(self._shown, page)], "has_more": has_more})

    async def _job(self, request: web.Request) -> web.Response:
        job = self._named(request)
        if job is None:
            return _error(404, "No batch found.")
        job.polls += 1
        if job.status in _RUNNING:
            self._advance(job)
        return web.json_response(self._shown(job))

    async def _cancel(self, request: web.Request) -> web.Response:
        job = self._named(request)
        assert job is not None
        job.ending, job.status = Ending("cancelled", done=len(job.requests) // 2), "cancelling"
        return web.json_response(self._shown(job))

    def _named(self, request: web.Request) -> ServedJob | None:
        name = request.match_info["id"]
        return next((job for job in self.jobs if job.name == name), None)

    def _advance(self, job: ServedJob) -> None:
        if job.ending.status == "failed":
            job.status = "failed"
        elif job.status != "cancelling" and job.polls < self.polls:
            job.status = "in_progress"
        else:
            job.status = job.ending.status
            self._finish(job)

    def _finish(self, job: ServedJob) -> None:
        """Answer the requests, in another order than they came in."""
        good: list[str] = []
        bad: list[str] = []
        done = len(job.requests) if job.ending.done is None else job.ending.done
        for number, line in enumerate(job.requests):
            entry = self._result(line) if number < done else _not_done(line, job.ending.status)
            if self.lost_results:
                self.lost_results -= 1
                continue
            is_good = entry["response"] and entry["response"]["status_code"] == 200
            (good if is_good else bad).append(json.dumps(entry))
        if good:
            job.output = f"{job.file}-output"
            self.files[job.output] = "\n".join(reversed(good)).encode()
        if bad:
            job.failures = f"{job.file}-errors"
            self.files[job.failures] = "\n".join(bad).encode()

    def _result(self, line: Mapping[str, Any]) -> dict[str, Any]:
        body, status = line["body"], 200
        for text, statuses in self.line_faults.items():
            if re.search(rf"{text}\b", json.dumps(body)) and statuses:
                status = statuses.pop(0)
        said = {"error": {"message": "The model says no.", "type": "invalid_request_error"}}
        if refusal := self._refusal(body):
            status, said = 400, refusal
        reply = self._reply_to(body) if status == 200 else said
        response = {"status_code": status, "request_id": "r", "body": reply}
        return {"id": "x", "custom_id": line["custom_id"], "response": response, "error": None}

    def _refusal(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        refused = next((name for name in body if name in self.refused), None)
        said = f"Unsupported parameter: '{refused}' is not supported with this model."
        error = {"message": said, "param": refused, "code": "unsupported_parameter"}
        return None if refused is None else {"error": error}

    def _reply_to(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if "messages" not in body:
            reply = reply_to(body)
            if self.is_single_pass:
                choice = reply["choices"][0]
                choice["text"] = f"{CRITIQUE}{PromptSet.load('cnr').bridge}{choice['text']}"
            return reply
        message = {"role": "assistant", "content": self.chat_text}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    def _shown(self, job: ServedJob) -> dict[str, Any]:
        has_ended = job.status not in _RUNNING
        errors = {"object": "list", "data": [{"line": None, **one} for one in job.ending.errors]}
        counts = {"total": len(job.requests), "failed": 0}
        counts["completed"] = len(job.requests) if has_ended else 0
        return {
            "id": job.name,
            "object": "batch",
            "status": job.status,
            "input_file_id": job.file,
            "endpoint": job.endpoint,
            "output_file_id": job.output,
            "error_file_id": job.failures,
            "errors": errors if job.status == "failed" else None,
            "created_at": 2_000_000_000 + job.number,
            "request_counts": counts,
        }


def _not_done(line: Mapping[str, Any], status: str) -> dict[str, Any]:
    error = {"code": f"batch_{status}", "message": "Not executed in time."}
    return {"id": "x", "custom_id": line["custom_id"], "response": None, "error": error}


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message}}, status=status)
