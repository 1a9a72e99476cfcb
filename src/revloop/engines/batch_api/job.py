"""A job under way, and how far it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from revloop.engines.batch_api.asked import Asked
    from revloop.engines.batch_api.journal import JobRecord
    from revloop.engines.batch_api.protocol import RemoteJob
    from revloop.errors import RevloopError


@dataclass(frozen=True, slots=True)
class JobState:
    """How far a job is, for the progress.

    Attributes:
        name: The provider's id; None until it is created.
        status: As the provider names it; ``preparing`` until it is created.
        requests: Number of its requests.
        done: Of these, those that have been answered or have failed.
        elapsed_s: Seconds since its file was uploaded.
    """

    name: str | None
    status: str
    requests: int
    done: int
    elapsed_s: float


@dataclass(slots=True, eq=False)
class ProviderJob:
    """A job under way.

    Attributes:
        endpoint: The endpoint of all its requests.
        asked: The requests that somebody waits for, by name.
        record: What the journal holds of it; None until its file is uploaded.
        was_recorded: Whether an earlier run of the command recorded it.
        remote: The server's last report.
    """

    endpoint: str
    asked: dict[str, Asked] = field(default_factory=dict)
    record: JobRecord | None = None
    was_recorded: bool = False
    remote: RemoteJob | None = None
    _began_at: float = field(default_factory=time.time)

    def settle(self, outcome: RevloopError) -> None:
        """Give all requests the same outcome."""
        for one in self.asked.values():
            one.settle(outcome)

    @property
    def size(self) -> int:
        """Number of its requests."""
        return len(self.asked) if self.record is None else self.record.requests

    @property
    def state(self) -> JobState:
        """How far it is."""
        remote = self.remote
        since = self._began_at if self.record is None else self.record.prepared_at
        recorded = None if self.record is None else self.record.name
        return JobState(
            name=recorded if remote is None else remote.id,
            status="preparing" if remote is None else remote.status,
            requests=self.size,
            done=0 if remote is None else remote.done,
            elapsed_s=max(0.0, time.time() - since),
        )
