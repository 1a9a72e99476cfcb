"""The lines of a batch API's files: one request a line, and one result a line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revloop.engines.refusals import check_reply, check_status, json_object
from revloop.engines.replies import Answer, read_completion
from revloop.errors import BadReplyError, OverloadedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_NOT_DONE = {"batch_expired", "batch_cancelled", "batch_canceled"}
"""Codes of requests that a job ended before: nothing is wrong with them."""


def request_line(name: str, endpoint: str, body: Mapping[str, Any]) -> bytes:
    """A request as a line of a file."""
    line = {"custom_id": name, "method": "POST", "url": endpoint, "body": body}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one request of a job.

    Attributes:
        name: The request's ``custom_id``.
        status: The HTTP status of the reply; None if the request was not sent to the model.
        body: The body of the reply, or the error, as JSON.
    """

    name: str
    status: int | None
    body: str

    @classmethod
    def read(cls, line: bytes) -> Result | None:
        """Read a line; None if it is malformed, so its request counts as not answered."""
        try:
            value = json.loads(line)
            name, response = value["custom_id"], value.get("response")
            if isinstance(response, dict):
                body, status = response.get("body"), int(response["status_code"])
            else:
                body, status = {"error": value["error"]}, None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return cls(name, status, json.dumps(body)) if isinstance(name, str) else None

    def answer(self, where: str, *, model: str) -> Answer:
        """The answer.

        Args:
            where: Names the job for messages.
            model: The requested model.

        Raises:
            EngineError: There is none; the class says what the error concerns, as for a reply.
        """
        raw = self.body.encode()
        if self.status is None:
            self._refuse_unsent(raw, where, model)
        else:
            check_status(self.status, {}, raw, where, model=model)
        return answer_in(self.body, where, model=model)

    def _refuse_unsent(self, raw: bytes, where: str, model: str) -> None:
        error = json.loads(raw).get("error")
        code = error.get("code") if isinstance(error, dict) else None
        if isinstance(code, str) and code in _NOT_DONE:
            raise OverloadedError(f"{where} ended before this request was done ({code}).")
        check_reply({"error": error or "no error is given"}, where, model=model)


def answer_in(body: str, where: str, *, model: str) -> Answer:
    """The answer in the body of a reply with status 200.

    Raises:
        EngineError: There is none.
    """
    reply = json_object(body.encode(), where)
    check_reply(reply, where, model=model)
    return read_completion(reply, where)


def read_results(file: Path) -> Iterator[Result]:
    """The results in a file; malformed lines are left out."""
    with file.open("rb") as lines:
        for line in lines:
            result = Result.read(line)
            if result is not None:
                yield result


def missing(where: str) -> BadReplyError:
    """The error of a request without a result."""
    return BadReplyError(f"{where} ended without a result for this request.")
