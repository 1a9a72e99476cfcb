"""vLLM inside this process: the server's engine without HTTP."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import anyio.to_thread

from revloop.engines.base import Completion, Request, room_for_answer
from revloop.engines.failures import failure_of, not_loaded
from revloop.engines.local_tokens import LocalTokenizer, warn_once_of_unused_sampling
from revloop.engines.metering import Meter
from revloop.engines.traced import traced
from revloop.engines.vllm_stats import EngineStats
from revloop.errors import (
    BadReplyError,
    ModelConfigError,
    RejectedError,
    UnusableEngineError,
    needs,
)
from revloop.models.account import account_environment
from revloop.models.config import known_shape, read_config
from revloop.models.cpu import BLOCK_TOKENS, cpu_environment, vllm_runs_on_cpu
from revloop.models.memory import ran_out_of_memory
from revloop.trajectory import EngineInfo, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from revloop.engines.metrics import Counters, ServerLoad
    from revloop.trajectory import Spending

_SHUTDOWN_S = 15.0


@contextmanager
def _in_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for child processes, except those already set."""
    added = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


class VllmEngine:
    """vLLM's ``AsyncLLM``, without streaming.

    Create one with :meth:`from_model`. Use and close it in the event loop that created it.

    Attributes:
        info: Kind, model and version, for the record.
        context_tokens: The ``max_model_len`` of vLLM.
    """

    def __init__(
        self, llm: Any, tokenizer: LocalTokenizer, stats: EngineStats, *, model: str, version: str
    ) -> None:
        self.info = EngineInfo(kind="vllm", model=model, version=version, complete_sampling=True)
        self.context_tokens: int = llm.model_config.max_model_len
        self._llm = llm
        self._tokenizer = tokenizer
        self._stats = stats
        self._ids = itertools.count()
        self._meter = Meter()

    @classmethod
    def from_model(
        cls, model: str, *, tensor_parallel_size: int = 1, options: Mapping[str, Any] | None = None
    ) -> Self:
        """Load a model from safetensors, in half a minute or more depending on its size.

        Args:
            model: A model folder or hub id.
            tensor_parallel_size: Number of GPUs (on a CPU: cores) to split the model over.
            options: Other engine arguments of vLLM, by their Python names.

        Raises:
            MissingExtraError: vLLM is not installed.
            ModelConfigError: There is no such model, or vLLM cannot load it.
            DoesNotFitError: The memory does not suffice.
        """
        shape = known_shape(read_config(model), model)
        tokenizer = LocalTokenizer.from_model(model)
        warn_once_of_unused_sampling(model)
        settings: dict[str, Any] = {
            "model": model,
            "tensor_parallel_size": tensor_parallel_size,
            "load_format": "safetensors",  # other weight files may run code
            "generation_config": "vllm",  # each request sets its sampling
        }
        environment = {"VLLM_LOGGING_LEVEL": "ERROR"} | account_environment(os.environ)
        if vllm_runs_on_cpu():
            settings["block_size"] = BLOCK_TOKENS
            # vLLM 0.32 ends with an error when it divides the prompt of a request with a seed
            settings["enable_chunked_prefill"] = False
            environment |= cpu_environment(shape, tensor_parallel_size, os.environ)
        with _in_environment(environment):
            return cls._loaded(settings | dict(options or {}), tokenizer)

    @classmethod
    def _loaded(cls, settings: Mapping[str, Any], tokenizer: LocalTokenizer) -> Self:
        with needs("vLLM is not installed: pip install 'revloop[vllm]' (GPU) or 'revloop[cpu]'."):
            import vllm  # slow and optional
        model, stats, version = settings["model"], EngineStats(), vllm.__version__
        try:
            # not in a variable: an exception that vLLM keeps holds this frame, so that a variable
            # would outlive the engine
            return cls(
                cls._started(settings, stats), tokenizer, stats, model=model, version=version
            )
        except (RuntimeError, ValueError, OSError, TypeError, MemoryError) as exc:
            if ran_out_of_memory(exc):
                raise not_loaded(exc, model) from exc
            raise ModelConfigError(
                f"vLLM cannot load {model}: {exc}\nvLLM starts processes that import the script "
                "again: in a script, put the call under `if __name__ == '__main__':`."
            ) from exc

    def count_tokens(self, text: str) -> int:
        """Number of tokens of ``text``."""
        return self._tokenizer.count(text, self.context_tokens)

    @traced
    async def generate(self, request: Request) -> Completion:
        """Generate once. See :class:`~revloop.engines.base.Engine`."""
        from vllm import SamplingParams  # slow and optional
        from vllm.sampling_params import RequestOutputKind

        prompt_ids = await self._tokenizer.prompt_ids(request, self.context_tokens)
        limit = room_for_answer(len(prompt_ids), request, self.context_tokens)
        params = SamplingParams(
            max_tokens=limit,
            **request.sampling.parameters(complete=True),
            stop=list(request.stop),
            ignore_eos=request.exact,
            min_tokens=limit if request.exact else 0,
            include_stop_str_in_output=request.keep_prefix,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        started = time.perf_counter()
        self._meter.requests += 1
        output = await self._finished({"type": "token", "prompt_token_ids": prompt_ids}, params)
        completion = self._completion(request, output, limit, time.perf_counter() - started)
        self._meter.note(completion.usage)
        return completion

    def spending(self) -> Spending:
        """What its requests took so far."""
        return self._meter.spending(self.info.model)

    async def load(self) -> ServerLoad:
        """The load after the engine's last step."""
        return self._stats.load

    async def counters(self) -> Counters:
        """The counters so far."""
        return self._stats.counters

    async def reset_prefix_cache(self) -> None:
        """Empty the prefix cache.

        Raises:
            RejectedError: Running requests use the cache.
            UnusableEngineError: The engine has ended.
        """
        from vllm.v1.engine.exceptions import EngineDeadError  # slow and optional

        try:
            done = await self._llm.reset_prefix_cache()
        except EngineDeadError as exc:
            raise UnusableEngineError(f"vLLM's engine has ended: {exc}") from exc
        if not done:
            raise RejectedError("vLLM did not empty its prefix cache: running requests use it.")

    async def aclose(self) -> None:
        """End vLLM's processes and wait for them."""
        if self._llm is not None:
            llm, self._llm = self._llm, None
            if llm.output_handler is not None:
                # otherwise it reports the end of the engine as a failure
                llm.output_handler.cancel()
                await asyncio.wait([llm.output_handler])
            await anyio.to_thread.run_sync(partial(llm.shutdown, timeout=_SHUTDOWN_S))
            del llm
            gc.collect()  # its finaliser fails with a traceback when the interpreter ends

    @staticmethod
    def _started(settings: Mapping[str, Any], stats: EngineStats) -> Any:
        from vllm.engine.arg_utils import AsyncEngineArgs  # slow and optional
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.async_llm import AsyncLLM

        return AsyncLLM.from_engine_args(
            AsyncEngineArgs(**settings),
            # as many sequences and tokens per step as a server, not 128 and 2,048 as by default
            usage_context=UsageContext.OPENAI_API_SERVER,
            stat_loggers=[stats.factory],
        )

    async def _finished(self, prompt: Mapping[str, Any], params: object) -> Any:
        from vllm.exceptions import VLLMValidationError  # slow and optional
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        outputs = self._llm.generate(prompt, params, f"revloop-{next(self._ids)}")
        try:
            finished = [output async for output in outputs]
        except (VLLMValidationError, ValueError) as exc:
            raise RejectedError(f"vLLM refuses the request: {exc}") from exc
        except EngineDeadError as exc:
            raise UnusableEngineError(
                f"vLLM's engine has ended: {exc} If it ran out of memory, use a smaller KV cache "
                "or a smaller model."
            ) from exc
        except (EngineGenerateError, RuntimeError, MemoryError) as exc:
            raise failure_of(exc.__cause__ or exc, f"vLLM with {self.info.model}") from exc
        if not finished or finished[-1].outputs[0].finish_reason not in {"stop", "length"}:
            raise BadReplyError("vLLM ended the request before it was finished.")
        return finished[-1]

    def _completion(
        self, request: Request, output: Any, limit: int, latency_s: float
    ) -> Completion:
        answer, prefix, text = output.outputs[0], None, output.outputs[0].text
        if request.keep_prefix and isinstance(request.prompt, str):
            ids = output.prompt_token_ids
            prefix = self._tokenizer.prefix(request.prompt, ids, text, answer.token_ids)
            if isinstance(answer.stop_reason, str):
                text = text.removesuffix(answer.stop_reason)
        else:
            stop = answer.stop_reason if isinstance(answer.stop_reason, str) else ""
            text = self._tokenizer.with_marks(answer.token_ids, text, stop)
        return Completion(
            text=text,
            finish_reason=answer.finish_reason,
            limit_tokens=limit,
            usage=Usage(
                prompt_tokens=len(output.prompt_token_ids),
                cached_tokens=output.num_cached_tokens,
                generated_tokens=len(answer.token_ids),
            ),
            latency_s=latency_s,
            prefix=prefix,
        )
