"""A reward model behind a server."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from revloop.engines.deadlines import Deadlines
from revloop.engines.discovery import ask_version, find_model
from revloop.engines.replies import ServedModel
from revloop.engines.retry import RetryPolicy
from revloop.engines.rewards.batching import Answered
from revloop.engines.rewards.endpoints import ENDPOINTS
from revloop.engines.transport import Transport
from revloop.errors import (
    AuthenticationError,
    BadReplyError,
    ContextFullError,
    EngineError,
    ModelNotServedError,
    QuotaError,
    RejectedError,
    ServerFaultError,
    UnusableEngineError,
    WrongAddressError,
)
from revloop.tracing import CLIENT, span
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from revloop.engines.outage import Waiting
    from revloop.engines.rewards.batching import Outcome
    from revloop.engines.rewards.endpoints import RewardEndpoint
    from revloop.trajectory import Spending

logger = logging.getLogger("revloop.engines")

_TOKENS_A_TEXT = 2
"""For the deadline: scoring a text takes no longer than generating this many tokens. More than 1,
which stands for a trial."""
_SMALL = Answered("Hello?", "Hello.")
_ALL_PATHS = ", ".join(dict.fromkeys(one.path.removeprefix("{root}") for one in ENDPOINTS))


class RewardServer:
    """A reward model behind a server. Create one with :meth:`connect`.

    Use and close it in the event loop that created it.

    Attributes:
        name: The name that the server gives the model.
        digest: Of the model's name and folder, the server's version and the endpoint.
        endpoint: The endpoint that scores.
        most_texts: Most texts in one request.
        most_batches: Most requests at the same time.
        has_one_prompt: Whether all texts of a request answer the same prompt.
    """

    def __init__(
        self,
        transport: Transport,
        model: ServedModel,
        endpoint: RewardEndpoint,
        *,
        version: str | None,
        retries: RetryPolicy,
    ) -> None:
        self.name = model.id
        self.endpoint = endpoint
        self.digest = digest_of(
            *("reward server", model.id, model.root, version, endpoint.path, endpoint.form)
        )
        self.most_texts = endpoint.most_texts
        self.most_batches = endpoint.most_batches
        self.has_one_prompt = endpoint.has_one_prompt
        self._transport = transport
        self._retries = retries

    @classmethod
    async def connect(
        cls,
        base_url: str,
        *,
        model: str | None = None,
        api_key: SecretStr | None = None,
        retries: RetryPolicy | None = None,
        deadlines: Deadlines | None = None,
    ) -> Self:
        """Connect to a server and find out which endpoint scores texts.

        Args:
            base_url: The server's address, with or without ``/v1``.
            model: The model to use; optional if the server serves only one.
            api_key: Sent to this server only, as bearer token.
            retries: When to send a request again.
            deadlines: When to give up a request.

        Raises:
            EngineError: The server cannot be reached, refuses the key, or scores no texts.
            InputError: The address is invalid, or the server serves several models and none is
                named.
            ModelConfigError: The model gives a text more than one number.
        """
        policy = retries or RetryPolicy()
        first = policy.for_first_contact()
        transport = Transport(base_url, api_key=api_key, deadlines=deadlines or Deadlines())
        try:
            served, version = await _identify(transport, model, first)
            endpoint = await _find_endpoint(transport, served.id, first)
        except BaseException:
            await transport.aclose()
            raise
        if endpoint.form == "plain":
            logger.warning(
                "%s renders no chat template for %s: prompt and response are sent as plain text, "
                "which a reward model for chats was not trained on.",
                *(transport.address, served.id),
            )
        return cls(transport, served, endpoint, version=version, retries=policy)

    async def score(self, texts: Sequence[Answered]) -> list[Outcome]:
        """The rewards of texts. If a request is refused, its texts are sent apart.

        Raises:
            EngineError: The server failed, or refuses every request.
            EngineGoneError: The server was unreachable past the wait limit.
        """
        about = {"gen_ai__operation__name": "score", "gen_ai__request__model": self.name}
        try:
            with span(f"score {self.name}", CLIENT, revloop__texts=len(texts), **about):
                return [
                    *await _ask(self._transport, self.name, self.endpoint, texts, self._retries)
                ]
        except (ContextFullError, RejectedError) as exc:
            if len(texts) == 1:
                return [exc]
        half = len(texts) // 2
        outcomes = [*await self.score(texts[:half]), *await self.score(texts[half:])]
        if all(isinstance(outcome, float) for outcome in outcomes):
            self.most_texts = min(self.most_texts, len(texts) - half)  # there were too many
        return outcomes

    def waiting(self) -> Waiting | None:
        """The current wait for the server; None while it answers, or without a wait limit."""
        return self._transport.waiting(self._retries)

    def spending(self) -> Spending:
        """What its requests took so far."""
        return self._transport.meter.spending(self.name)

    def held_back(self) -> int:
        """Number of requests that wait for a rate limit."""
        return self._transport.limiter.waiting

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


async def _ask(
    transport: Transport,
    model: str,
    endpoint: RewardEndpoint,
    texts: Sequence[Answered],
    retries: RetryPolicy,
) -> list[float]:
    def body(texts: Sequence[Answered]) -> dict[str, Any]:
        return {"model": model, **endpoint.fields(texts)}

    rewards, _ = await transport.ask(
        "POST",
        endpoint.path.format(root=transport.root),
        partial(endpoint.read, count=len(texts)),
        retries,
        body=body(texts),
        max_tokens=_TOKENS_A_TEXT * len(texts),
        small_body=lambda: body([_SMALL] * len(texts)),
    )
    return rewards


async def _identify(
    transport: Transport, requested: str | None, retries: RetryPolicy
) -> tuple[ServedModel, str | None]:
    """The model to use, and the version of what serves it; None if not reported."""
    try:
        model = await find_model(transport, requested, retries)
    except WrongAddressError:
        # Text Embeddings Inference lists no models: it serves one
        said = await _information(transport, retries)
        if not isinstance(said.get("model_id"), str):
            raise
        return ServedModel(id=said["model_id"], root=_text(said, "model_sha")), _text(
            said, "version"
        )
    if model.is_vllm:
        return model, await ask_version(transport, retries)
    return model, _text(await _information(transport, retries), "version")


async def _information(transport: Transport, retries: RetryPolicy) -> Mapping[str, Any]:
    """What Text Embeddings Inference tells about itself; empty for other servers."""
    try:
        reply, _ = await transport.ask("GET", "/info", lambda reply, _: reply, retries)
    except (UnusableEngineError, RejectedError, ServerFaultError, BadReplyError):
        return {}
    return reply


def _text(reply: Mapping[str, Any], name: str) -> str | None:
    found = reply.get(name)
    return found if isinstance(found, str) else None


async def _find_endpoint(transport: Transport, model: str, retries: RetryPolicy) -> RewardEndpoint:
    """The first endpoint that scores a small text."""
    missing: set[str] = set()
    refusal: EngineError | None = None
    for endpoint in ENDPOINTS:
        path = endpoint.path.format(root=transport.root)
        if path in missing:
            continue
        try:
            await _ask(transport, model, endpoint, [_SMALL], retries)
        except (AuthenticationError, QuotaError):
            raise
        except (ModelNotServedError, WrongAddressError):
            missing.add(path)
        except (UnusableEngineError, RejectedError, ServerFaultError, BadReplyError) as exc:
            refusal = exc
        else:
            return endpoint
    said = "" if refusal is None else f" The last refusal: {refusal}"
    raise WrongAddressError(
        f"{transport.address} scores no texts: {_ALL_PATHS} were tried.{said} Serve a reward "
        "model, for example: revloop serve MODEL -- --runner pooling --convert classify. For a "
        "model that compares in words, leave out 'reward:'."
    ) from refusal
