"""transformers inside this process, for machines without vLLM.

Concurrent requests are generated as a batch. The caller that holds the turn generates for all
waiting requests, up to the batch size; there is no background task.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Self

import anyio.to_thread

from revloop.engines.base import Completion, Request, cut_after_stop, room_for_answer
from revloop.engines.failures import failure_of
from revloop.engines.generation import BatchedPrompt, BatchGenerator
from revloop.engines.local_tokens import LocalTokenizer, warn_once_of_unused_sampling
from revloop.engines.metering import Meter
from revloop.engines.traced import traced
from revloop.errors import EngineError, RejectedError, failure_line
from revloop.models.config import read_config
from revloop.trajectory import EngineInfo, Spending, Usage

DEFAULT_BATCH_SIZE = 16
_FAILURES = (RuntimeError, MemoryError, ValueError, IndexError)  # torch raises RuntimeErrors

logger = logging.getLogger("revloop.engines")


@dataclass(slots=True, eq=False)
class _PendingRequest:
    request: Request
    row: BatchedPrompt
    started: float = field(default_factory=time.perf_counter)
    result: Completion | EngineError | None = None


class TransformersEngine:
    """A causal model of transformers on this machine's GPU or CPU.

    Create one with :meth:`from_model`.

    Attributes:
        info: Kind, model and version, for the record.
        context_tokens: The model's ``max_position_embeddings``.
    """

    def __init__(
        self, model: str, generator: BatchGenerator, tokenizer: LocalTokenizer, *, batch_size: int
    ) -> None:
        self.info = EngineInfo(
            kind="transformers", model=model, version=generator.version, complete_sampling=True
        )
        self.context_tokens = generator.context_tokens
        self._generator = generator
        self._tokenizer = tokenizer
        self._batch_size = self._wanted_batch_size = batch_size
        self._waiting: list[_PendingRequest] = []
        self._turn = asyncio.Lock()
        self._meter = Meter()
        self._model_in_use = threading.Lock()  # a cancelled batch continues in its thread

    @classmethod
    def from_model(
        cls, model: str, *, name: str | None = None, batch_size: int = DEFAULT_BATCH_SIZE
    ) -> Self:
        """Load a model.

        Args:
            model: A model folder or hub id.
            name: The model's name in the record; None: ``model``.
            batch_size: Most requests in one batch.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            ModelConfigError: There is no such model, or it is not a causal model.
        """
        read_config(model)  # has the best messages for an unusable folder
        tokenizer = LocalTokenizer.from_model(model)
        warn_once_of_unused_sampling(model)
        generator = BatchGenerator.load(model, tokenizer.text)
        return cls(name or model, generator, tokenizer, batch_size=batch_size)

    def count_tokens(self, text: str) -> int:
        """Number of tokens of ``text``."""
        return self._tokenizer.count(text, self.context_tokens)

    @traced
    async def generate(self, request: Request) -> Completion:
        """Generate once. See :class:`~revloop.engines.base.Engine`."""
        if request.exact:
            raise RejectedError("Only vLLM can generate an exact number of tokens.")
        job = await self._job(request)
        self._meter.requests += 1
        self._waiting.append(job)
        try:
            while job.result is None:
                async with self._turn:
                    if job.result is None:
                        await self._generate_waiting()
        finally:
            if job in self._waiting:
                self._waiting.remove(job)
        if isinstance(job.result, EngineError):
            raise job.result
        self._meter.note(job.result.usage)
        return job.result

    def spending(self) -> Spending:
        """What its requests took so far."""
        return self._meter.spending(self.info.model)

    async def aclose(self) -> None:
        """Nothing to release but memory, which is freed with the engine."""

    async def _job(self, request: Request) -> _PendingRequest:
        prompt_ids = await self._tokenizer.prompt_ids(request, self.context_tokens)
        row = BatchedPrompt(
            prompt_ids=prompt_ids,
            limit_tokens=room_for_answer(len(prompt_ids), request, self.context_tokens),
            stop=request.stop,
            sampling=request.sampling,
        )
        return _PendingRequest(request, row)

    async def _generate_waiting(self) -> None:
        jobs = self._waiting[: self._batch_size]
        rows = [job.row for job in jobs]
        try:
            # a cancelled caller does not wait; the others' rows are generated again
            generated = await anyio.to_thread.run_sync(self._run, rows, abandon_on_cancel=True)
        except _FAILURES as exc:
            self._note_failure(jobs, exc)
        else:
            for job, ids in zip(jobs, generated, strict=True):
                job.result = self._completion(job, ids)
        self._waiting = [job for job in self._waiting if job.result is None]

    def _note_failure(self, jobs: list[_PendingRequest], exc: Exception) -> None:
        """Halve the batch size until a request fails alone."""
        if len(jobs) > 1:
            self._batch_size = len(jobs) // 2
            logger.warning(
                "%s failed with %d concurrent requests (%s): at most %d from now on.",
                *(self.info.model, len(jobs), failure_line(exc), self._batch_size),
            )
            return
        self._batch_size = self._wanted_batch_size  # due to this request, not the batch size
        job = jobs[0]
        job.result = failure_of(exc, f"{self.info.model} in this process")
        job.result.__cause__ = exc

    def _run(self, rows: list[BatchedPrompt]) -> list[list[int]]:
        with self._model_in_use:
            return self._generator.generate(rows)

    def _completion(self, job: _PendingRequest, ids: list[int]) -> Completion:
        request, prefix = job.request, None
        spelt, stop = cut_after_stop(self._tokenizer.text(ids), request.stop)
        if request.keep_prefix and isinstance(request.prompt, str):
            prefix = self._tokenizer.prefix(request.prompt, job.row.prompt_ids, spelt, ids)
        return Completion(
            text=spelt.removesuffix(stop),
            finish_reason="stop" if stop or self._tokenizer.has_ended(ids) else "length",
            limit_tokens=job.row.limit_tokens,
            usage=Usage(prompt_tokens=len(job.row.prompt_ids), generated_tokens=len(ids)),
            latency_s=time.perf_counter() - job.started,
            prefix=prefix,
        )
