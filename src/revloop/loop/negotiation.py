"""Settle which parameters a server accepts, before a run's settings record them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.engines.base import Request
from revloop.engines.parameters import Negotiates
from revloop.options import RunSettings
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
    # the checks, which are not open yet, change no parameter
    sampled = options.model_copy(update={"critique": "model"})
    settings = RunSettings.resolve(sampled, prompts, engine.info)
    await engine.negotiate(
        Request(
            prompt=prompts.critique_prompt(draft, draft.response),
            sampling=settings.sampling,
            max_tokens=settings.critique_max_tokens,
            stop=prompts.critique_stops(),
            prefill=draft.response if prompts.settings.begins_replies else "",
            thinking=settings.thinking,
        )
    )
