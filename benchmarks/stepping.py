"""vLLM's engine stepped in a thread of this process, for comparison with ``AsyncLLM``.

There is no second process: requests go through a queue, and each step's finished outputs wake the
event loop once.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from revloop.engines import VllmEngine
from revloop.errors import BadReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from revloop.engines.vllm_stats import EngineStats


class Stepper:
    """Steps an ``LLMEngine`` in a thread while it has work."""

    def __init__(self, engine: Any) -> None:
        self.model_config = engine.model_config
        self._engine = engine
        self._calls: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="vllm-steps")
        self._thread.start()

    async def finished(self, prompt: Mapping[str, Any], params: object, name: str) -> Any:
        """The output of a request, which is aborted on cancellation."""
        future = self._waiting[name] = self._loop.create_future()
        self._calls.put(lambda: self._add(name, prompt, params))
        try:
            return await future
        finally:
            if self._waiting.pop(name, None) is not None:
                self._calls.put(lambda: self._engine.abort_request([name]))

    async def call(self, function: Callable[[Any], Any]) -> Any:
        """Call a function of the engine between two steps; its result."""
        future = self._loop.create_future()
        self._calls.put(
            lambda: self._loop.call_soon_threadsafe(future.set_result, function(self._engine))
        )
        return await future

    async def aclose(self) -> None:
        """End the thread and the engine."""
        self._calls.put(None)
        await anyio.to_thread.run_sync(self._thread.join)
        self._engine.engine_core.shutdown()

    def _run(self) -> None:
        while True:
            try:
                call = self._calls.get(block=not self._engine.has_unfinished_requests())
            except queue.Empty:
                self._step()
                continue
            if call is None:
                return
            call()

    def _add(self, name: str, prompt: Mapping[str, Any], params: object) -> None:
        try:
            self._engine.add_request(name, prompt, params)
        except ValueError as exc:
            self._loop.call_soon_threadsafe(self._fail, name, exc)

    def _step(self) -> None:
        done = [output for output in self._engine.step() if output.finished]
        if done:
            self._loop.call_soon_threadsafe(self._deliver, done)

    def _deliver(self, outputs: list[Any]) -> None:
        for output in outputs:
            future = self._waiting.pop(output.request_id, None)
            if future is not None and not future.done():
                future.set_result(output)

    def _fail(self, name: str, error: Exception) -> None:
        future = self._waiting.pop(name, None)
        if future is not None and not future.done():
            future.set_exception(error)


class SteppedEngine(VllmEngine):
    """vLLM in this process, stepped in a thread. Create it in a running event loop."""

    async def reset_prefix_cache(self) -> None:
        """Empty the prefix cache."""
        await self._llm.call(lambda engine: engine.reset_prefix_cache())

    async def aclose(self) -> None:
        """End the thread and the engine."""
        if self._llm is not None:
            llm, self._llm = self._llm, None
            await llm.aclose()

    @staticmethod
    def _started(settings: Mapping[str, Any], stats: EngineStats) -> Any:
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        from vllm.engine.arg_utils import EngineArgs  # heavy and optional
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.llm_engine import LLMEngine

        return Stepper(
            LLMEngine.from_engine_args(
                EngineArgs(**settings),
                usage_context=UsageContext.OPENAI_API_SERVER,
                stat_loggers=[stats.factory],
            )
        )

    async def _finished(self, prompt: Mapping[str, Any], params: object) -> Any:
        output = await self._llm.finished(prompt, params, f"stepped-{next(self._ids)}")
        if output.outputs[0].finish_reason not in {"stop", "length"}:
            raise BadReplyError("vLLM aborted the request.")
        return output
