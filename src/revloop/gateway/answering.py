"""From a request to its answer: the draft, its rounds, and the reply."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from revloop.concurrency import task_group
from revloop.gateway.choices import (
    answer_in,
    answered_round,
    draft_of,
    why_unrevised,
    with_text,
)
from revloop.gateway.usage import as_openai, total, usage_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import SecretStr

    from revloop.gateway.asked import AskedAnswer
    from revloop.gateway.metrics import GatewayMetrics
    from revloop.gateway.revising import Revisers
    from revloop.gateway.upstream import Upstream
    from revloop.trajectory import Trajectory, Usage, Version

    Tell = Callable[[str], None]

_PREFIX = {"chat/completions": "chatcmpl-", "completions": "cmpl-"}
_OBJECT = {"chat/completions": "chat.completion", "completions": "text_completion"}
_WHY_UNREVISED = {
    "tool_call": "It calls a tool.",
    "refusal": "The model refused.",
    "length": "It was cut at its token limit.",
    "content_filter": "A content filter ended it.",
    "empty": "It has no text.",
    "json": "It is JSON that the client asked for.",
    "form": "It has a form that the client asked for.",
    "not_asked": "No round was asked for.",
}


@dataclass(slots=True)
class AnsweredChoice:
    """A choice, and what became of it.

    Attributes:
        choice: As the client gets it.
        about: What the reply tells about it.
        trajectory: Its versions; None if it has no text.
    """

    choice: dict[str, Any]
    about: dict[str, Any]
    trajectory: Trajectory | None = None


@dataclass(slots=True)
class FullAnswer:
    """An answer.

    Attributes:
        reply: As the client gets it.
        parts: The tokens of each part.
        choices: What became of the choices.
    """

    reply: dict[str, Any]
    parts: Mapping[str, Usage]
    choices: Sequence[AnsweredChoice]

    @property
    def trajectories(self) -> list[str]:
        """The ids of its trajectories."""
        return [one.trajectory.id for one in self.choices if one.trajectory is not None]


@dataclass(slots=True)
class AnswerUnderWay:
    """A request that is being answered.

    Attributes:
        asked: The request.
        arrived_at_s: When it came, by the event loop's clock.
        tell: Called with a line about each step.
        id: The answer's id, which is the draft's id in the store.
    """

    asked: AskedAnswer
    arrived_at_s: float
    tell: Tell = lambda _: None
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = f"{_PREFIX[self.asked.kind]}{uuid.uuid4().hex}"


class Answering:
    """Answers requests.

    Args:
        upstream: Writes the drafts.
        revisers: Do the rounds.
        metrics: Count them.
        revise_json: Whether answers in JSON are revised too.
    """

    def __init__(
        self,
        upstream: Upstream,
        revisers: Revisers,
        metrics: GatewayMetrics,
        *,
        revise_json: bool,
    ) -> None:
        self._upstream = upstream
        self._revisers = revisers
        self._metrics = metrics
        self._revise_json = revise_json

    async def answer(self, under_way: AnswerUnderWay, key: SecretStr | None) -> FullAnswer:
        """Answer a request.

        Args:
            under_way: The request.
            key: The key for the upstream.

        Raises:
            RefusedRequestError: The client asks for something that cannot be done.
            RevloopError: There is no draft, or a version could not be stored.
        """
        asked, form = under_way.asked, under_way.asked.form
        is_revised_json = form is not None and form.is_json and self._revise_json
        is_usable = form.checker() if form is not None and is_revised_json else None
        reply = await self._upstream.draft(asked.kind, asked.body, key)
        under_way.tell("The draft is written.")
        drafts = reply["choices"]
        answered: dict[int, AnsweredChoice] = {}

        async def one(number: int) -> None:
            name = under_way.id if len(drafts) == 1 else f"{under_way.id}-{number}"
            answered[number] = await self._choice(under_way, drafts[number], name, is_usable)

        async with task_group() as tasks:
            for number in range(len(drafts)):
                tasks.start_soon(one, number)
        return self._full(under_way, reply, [answered[number] for number in range(len(drafts))])

    async def _choice(
        self,
        under_way: AnswerUnderWay,
        choice: Mapping[str, Any],
        name: str,
        is_usable: Callable[[str], bool] | None,
    ) -> AnsweredChoice:
        asked = under_way.asked
        why = why_unrevised(choice, asked, revise_json=self._revise_json)
        about: dict[str, Any] = {"draft_id": name, "trajectory_id": None, "version": 0, "rounds": 0}
        if not answer_in(choice).strip():
            return AnsweredChoice(dict(choice), about | _ended(why, _WHY_UNREVISED[why]))
        ends_at_s = None if asked.deadline_s is None else under_way.arrived_at_s + asked.deadline_s
        revised = await self._revisers.revise(
            draft_of(choice, asked, name, self._upstream.model, shows_form=is_usable is not None),
            0 if why else asked.iterations,
            gate=asked.gate,
            ends_at_s=ends_at_s,
            on_version=lambda version: under_way.tell(_line(version)) if version.round else None,
        )
        trajectory = revised.trajectory
        chosen = await to_thread.run_sync(answered_round, trajectory, is_usable)
        reason, detail = (why, _WHY_UNREVISED[why]) if why else (revised.reason, revised.detail)
        self._metrics.rounds_done(trajectory.rounds, reason)
        about |= {
            "trajectory_id": trajectory.id,
            "version": chosen,
            "rounds": trajectory.rounds,
            **_ended(reason, detail),
        }
        text = trajectory.versions[chosen].text
        answered = with_text(choice, text) if chosen else dict(choice)
        return AnsweredChoice(answered, about, trajectory)

    def _full(
        self,
        under_way: AnswerUnderWay,
        reply: Mapping[str, Any],
        choices: Sequence[AnsweredChoice],
    ) -> FullAnswer:
        trajectories = [one.trajectory for one in choices if one.trajectory is not None]
        parts = usage_parts(reply, trajectories)
        self._metrics.tokens_used(parts)
        made = {
            "object": _OBJECT[under_way.asked.kind],
            "created": int(time.time()),
            **reply,
            "id": under_way.id,
            "model": under_way.asked.model,
            "choices": [one.choice for one in choices],
            "usage": total(parts),
            "revloop": {
                "choices": [one.about for one in choices],
                "usage": {name: as_openai(usage) for name, usage in parts.items()},
            },
        }
        return FullAnswer(made, parts, choices)


def _ended(reason: str, detail: str) -> dict[str, str]:
    return {"reason": reason, "detail": detail}


def _line(version: Version) -> str:
    """What is told about a round."""
    critique = version.critique
    score = "" if critique is None or critique.score is None else f" Score: {critique.score:g}."
    return f"Round {version.round} is done.{score}"


def now_s() -> float:
    """The event loop's clock."""
    return anyio.current_time()
