"""Open a gateway: its upstream, its critic, its judges and its store."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from revloop.evaluation import reviser_keywords
from revloop.gateway.asked import MOST_ROUNDS, ServedDefaults
from revloop.gateway.revising import Revisers
from revloop.gateway.server import Gateway
from revloop.gateway.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from revloop.options import GatewayOptions, RunOptions, StoreOptions

_OWN_CRITIC_PROMPTS = "chat"
"""The prompt set of an upstream that reviews its own drafts: it was fine-tuned for no other."""


def settled(loop: RunOptions, gateway: GatewayOptions) -> RunOptions:
    """The loop's options with the gateway's defaults.

    A judge decides whether a version is kept, unless the user chose otherwise; and an upstream that
    is its own critic gets prompts for any instruction-tuned model.
    """
    given, changes = loop.model_fields_set, dict[str, object]()
    if loop.judge and "keep" not in given and loop.revisions_a_round == 1:
        changes["keep"] = "gate"
    if gateway.critic is None and "prompts" not in given:
        changes["prompts"] = _OWN_CRITIC_PROMPTS
    return loop.model_copy(update=changes)


@asynccontextmanager
async def open_gateway(
    gateway: GatewayOptions,
    loop: RunOptions,
    store: StoreOptions,
    **times_s: float,
) -> AsyncIterator[Gateway]:
    """A gateway that is up during the block.

    Args:
        gateway: Where drafts and critiques come from, and who may ask.
        loop: How drafts are revised.
        store: Where versions are kept.
        times_s: The times of :class:`~revloop.gateway.server.Gateway`.

    Raises:
        RevloopError: A server, a judge, the store or an option cannot be used.
    """
    gateway.check()
    loop = settled(loop, gateway)
    async with AsyncExitStack() as opened:
        upstream = await Upstream.connect(
            str(gateway.upstream), model=gateway.model, key=gateway.api_key
        )
        opened.push_async_callback(upstream.aclose)
        revisers = Revisers(
            loop,
            engine=gateway.critic_engine,
            **reviser_keywords(loop),
            store=store.store,
            new_run=store.new_run,
        )
        await opened.enter_async_context(revisers)
        defaults = ServedDefaults(
            model=gateway.model or upstream.model,
            iterations=min(loop.iterations, MOST_ROUNDS),
            deadline_s=gateway.deadline_s,
            has_judge=bool(loop.judge),
        )
        served = Gateway(gateway, upstream, revisers, defaults, **times_s)
        yield await opened.enter_async_context(served)
