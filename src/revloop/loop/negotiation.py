"""Settle which parameters a server accepts, before a run's settings record them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.engines.base import Request
from revloop.engines.parameters import Negotiates
from revloop.options import chosen_sampling
from revloop.trajectory import Draft

if TYPE_CHECKING:
    from revloop.engines.base import Engine
    from revloop.options import LoopOptions
    from revloop.prompts import PromptSet


async def negotiate(engine: Engine, prompts: PromptSet, options: LoopOptions) -> None:
    """Let an engine find out which parameters of the run's requests its server accepts.

    Raises:
        SettingRefusedError: The prompt set begins replies, and the server cannot continue them.
    """
    if not isinstance(engine, Negotiates):
        return
    draft = Draft(response="Hello.", extra=dict.fromkeys(prompts.fields, "None."))
    await engine.negotiate(
        Request(
            prompt=prompts.critique_prompt(draft, draft.response),
            sampling=chosen_sampling(options, prompts),
            max_tokens=options.critique_max_tokens or prompts.settings.critique.max_tokens,
            stop=prompts.critique_stops(),
            prefill=draft.response if prompts.settings.begins_replies else "",
            thinking=options.thinking,
        )
    )
