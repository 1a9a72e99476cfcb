"""The engine for an OpenAI-compatible server."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from revloop.engines.base import (
    Completion,
    Request,
    prompt_chars,
    refuse_too_long,
    room_for_answer,
)
from revloop.engines.bodies import body_of, small_body, with_extra
from revloop.engines.deadlines import Deadlines
from revloop.engines.discovery import ask_version, find_model
from revloop.engines.exact_tokens import find_tokenizer
from revloop.engines.metrics import Counters, ServerLoad, read_counters, read_load
from revloop.engines.parameters import Parameters
from revloop.engines.prepared import Prepared
from revloop.engines.replies import ServedModel, read_completion
from revloop.engines.retry import RetryPolicy
from revloop.engines.traced import traced
from revloop.engines.transport import Transport
from revloop.engines.vllm_server import reset_prefix_cache
from revloop.errors import (
    EngineError,
    SettingRefusedError,
)
from revloop.trajectory import EngineInfo
from revloop.values import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import SecretStr

    from revloop.engines.outage import Faults, Waiting
    from revloop.engines.rate_limit import RateLimits
    from revloop.engines.replies import Answer
    from revloop.engines.tokens import PromptTokenizer
    from revloop.engines.transport import Read, Reader
    from revloop.trajectory import Spending

logger = logging.getLogger("revloop.engines")

_LONGEST_TOKEN_CHARS = 256
"""No known vocabulary has longer entries; the longest are runs of 128 spaces."""
_SENT_ONCE_CHARS = 2**22
"""Longer prompts are not retried: a server that fails on megabytes will fail again."""
_ONCE = RetryPolicy(attempts=1)


class HttpEngine:
    """A model behind ``/v1/completions`` and ``/v1/chat/completions``.

    Create one with :meth:`connect`. Use and close it in the event loop that created it.

    Attributes:
        info: Kind, model and version, for the record.
        context_tokens: The server's ``max_model_len``; None if not reported.
        sends_token_ids: Whether completion prompts are sent as exact tokens.
    """

    def __init__(
        self,
        transport: Transport,
        model: ServedModel,
        *,
        version: str | None,
        tokenizer: PromptTokenizer | None,
        sends_token_ids: bool,
        retries: RetryPolicy,
        extra_body: str | None = None,
    ) -> None:
        self.info = EngineInfo(
            kind="http",
            model=model.id,
            version=version,
            complete_sampling=model.is_vllm,
            extra_body=extra_body,
            headers=transport.added_headers,
        )
        self.context_tokens = model.context_tokens
        self._transport = transport
        self._model = model
        self._tokenizer = tokenizer
        self.sends_token_ids = sends_token_ids
        self._retries = retries
        self._parameters = Parameters()
        self._extra_body = read_json(extra_body) if extra_body else {}

    @classmethod
    async def connect(
        cls,
        base_url: str,
        *,
        model: str | None = None,
        api_key: SecretStr | None = None,
        tokenizer: str | Path | None = None,
        retries: RetryPolicy | None = None,
        deadlines: Deadlines | None = None,
        limits: RateLimits | None = None,
        extra_body: str | None = None,
        headers: Mapping[str, SecretStr] | None = None,
    ) -> Self:
        """Connect to a server and find out what it serves.

        Args:
            base_url: The server's address, with or without ``/v1``; or with another path to the
                API, and a query that every request needs (Azure's ``?api-version=``).
            model: The model to use; optional if the server serves only one.
            api_key: Sent to this server only, as bearer token (and as ``api-key`` with Azure's
                ``?api-version=``): redirects are not followed.
            tokenizer: The model's folder, to send prompts as exact tokens to a vLLM server with the
                same tokenizer. Detected automatically if the server's model folder exists here.
            retries: When to send a request again.
            deadlines: When to give up a request.
            limits: Requests and tokens a minute; None: only those that the server reports.
            extra_body: A JSON object whose fields are added to each request.
            headers: Sent to this server only, with each request.

        Raises:
            EngineError: The server cannot be reached, refuses the key, or does not serve the model.
            InputError: The address is invalid, the server serves several models and none is named,
                or the tokenizer is not the server's.
            ModelConfigError: The tokenizer folder contains no tokenizer.
        """
        policy = retries or RetryPolicy()
        first_contact = policy.for_first_contact()
        transport = Transport(
            base_url,
            api_key=api_key,
            deadlines=deadlines or Deadlines(),
            limits=limits,
            headers=headers,
        )
        try:
            chosen = await find_model(transport, model, first_contact)
            version = await ask_version(transport, first_contact) if chosen.is_vllm else None
            found, exact = await find_tokenizer(transport, chosen, tokenizer, first_contact)
        except BaseException:
            await transport.aclose()
            raise
        return cls(
            *(transport, chosen),
            version=version,
            tokenizer=found,
            sends_token_ids=exact,
            retries=policy,
            extra_body=extra_body,
        )

    def count_tokens(self, text: str) -> int | None:
        """Number of tokens of ``text``; None without a tokenizer."""
        if self._tokenizer is None:
            return None
        return self._tokenizer.count(text, self.context_tokens)

    @property
    def address(self) -> str:
        """The server's address, without ``/v1``."""
        return self._transport.address

    @property
    def transport(self) -> Transport:
        """The connections to the server."""
        return self._transport

    @traced
    async def generate(self, request: Request) -> Completion:
        """Generate once, with retries. See :class:`~revloop.engines.base.Engine`."""
        prepared = await self.prepare(request)
        started = time.perf_counter()
        retries = self._retries if prompt_chars(request) <= _SENT_ONCE_CHARS else _ONCE
        answer, sent_again = await self._ask(
            prepared.body, read_completion, retries, max_tokens=prepared.limit_tokens
        )
        latency_s = time.perf_counter() - started
        return self.completion(request, prepared, answer, latency_s=latency_s, retries=sent_again)

    async def prepare(self, request: Request) -> Prepared:
        """What is sent for a request.

        Raises:
            ContextFullError: The prompt leaves less room than ``request.room_tokens``.
            SettingRefusedError: The server cannot continue the reply that the request begins.
        """
        self._refuse_prefill(request)
        prompt_ids = await self._prompt_ids(request)
        limit = request.max_tokens
        if prompt_ids is not None:
            limit = room_for_answer(len(prompt_ids), request, self.context_tokens)
        kind = "completions" if isinstance(request.prompt, str) else "chat/completions"
        body = self._body(request, prompt_ids, limit)
        return Prepared(kind, body, limit, prompt_ids)

    def completion(
        self,
        request: Request,
        prepared: Prepared,
        answer: Answer,
        *,
        latency_s: float,
        retries: int,
    ) -> Completion:
        """The completion of a request from the server's answer."""
        return prepared.completion(
            *(request, answer, self._tokenizer),
            unsent=self._parameters.unsent,
            latency_s=latency_s,
            retries=retries,
        )

    async def negotiate(self, sample: Request) -> None:
        """Find out which parameters of a request the server accepts.

        It costs one request for one token, and one more for each parameter that is refused. A vLLM
        server, whose parameters are known, gets none. If the request fails for another reason, it
        decides nothing: the run's own requests tell.

        Args:
            sample: A request such as will be sent; only its settings count.

        Raises:
            SettingRefusedError: The server cannot continue the reply that the request begins.
        """
        self._refuse_prefill(sample)
        if self._model.is_vllm:
            return
        body = small_body(self._body(sample, None, limit_tokens=1))
        with suppress(EngineError):
            await self._ask(body, lambda *_: None, self._retries.for_first_contact(), max_tokens=1)

    async def load(self) -> ServerLoad:
        """The server's load: by vLLM's metrics, and by the requests it turned away."""
        transport = self._transport
        load = read_load(await self._metrics() or "", transport.refused)
        if not (held_back := transport.crowding.waiting):
            return load
        running = transport.crowding.open if load.running is None else load.running
        return replace(load, running=running, waiting=(load.waiting or 0) + held_back)

    async def counters(self) -> Counters | None:
        """The counters of vLLM's metrics; None if not reported."""
        return read_counters(await self._metrics() or "")

    async def reset_prefix_cache(self) -> None:
        """Empty the server's prefix cache, for benchmarks.

        Raises:
            RejectedError: The server does not offer it, or running requests use the cache.
            EngineError: The server cannot be reached, or refuses the key.
        """
        await reset_prefix_cache(self._transport, self._retries)

    def waiting(self) -> Waiting | None:
        """The current wait for the server; None while it answers, or without a wait limit."""
        return self._transport.waiting(self._retries)

    def held_back(self) -> int:
        """Number of requests that wait for a rate limit."""
        return self._transport.limiter.waiting

    def spending(self) -> Spending:
        """What its requests took so far."""
        return self._transport.meter.spending(self._model.id)

    def faults(self) -> Faults | None:
        """The faults after which requests were sent again; None without any."""
        return self._transport.faults

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    def _refuse_prefill(self, request: Request) -> None:
        if request.prefill and not self._model.continues_replies:
            raise SettingRefusedError(
                f"{self._transport.address} is not known to continue a reply that was begun, and "
                "the prompt set begins it (prefill). vLLM, SGLang and llama.cpp can, and a model "
                "in this process (--model) can. Or use a prompt set without prefill."
            )

    def _body(
        self, request: Request, prompt_ids: list[int] | None, limit_tokens: int
    ) -> dict[str, Any]:
        body = body_of(
            *(request, self._model),
            address=self._transport.address,
            prompt_ids=prompt_ids,
            limit_tokens=limit_tokens,
        )
        return with_extra(self._parameters.shape(body), self._extra_body)

    async def _ask(
        self,
        body: Mapping[str, Any],
        read: Reader[Read],
        retries: RetryPolicy,
        *,
        max_tokens: int,
    ) -> tuple[Read, int]:
        """Send a request; again if the server refuses a parameter that it can do without."""
        kind = "chat/completions" if "messages" in body else "completions"
        while True:
            shaped = self._parameters.shape(body)
            try:
                return await self._transport.ask(
                    "POST",
                    f"{self._transport.root}/{kind}",
                    read,
                    retries,
                    body=shaped,
                    max_tokens=max_tokens,
                    small_body=partial(small_body, shaped),
                )
            except SettingRefusedError as exc:
                if exc.parameter not in shaped:
                    raise
                self._adapt(exc.parameter, exc)

    def _adapt(self, parameter: str, error: SettingRefusedError) -> None:
        if changed := self._parameters.adapt(parameter, error.other_name):
            logger.warning("%s %s", error, changed)
            self.info = self.info.model_copy(update={"unsent": self._parameters.unsent})

    async def _metrics(self) -> str | None:
        return await self._transport.text("/metrics") if self._model.is_vllm else None

    async def _prompt_ids(self, request: Request) -> list[int] | None:
        is_text = isinstance(request.prompt, str)
        if self.sends_token_ids and self._tokenizer is not None and is_text:
            return await self._tokenizer.prompt_ids(request, self.context_tokens)
        # a server would need minutes to tokenise a text that cannot fit with any tokenizer
        least = prompt_chars(request) // _LONGEST_TOKEN_CHARS
        refuse_too_long(least, request, self.context_tokens)
        return None
