"""Open the judge that a name stands for."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from pydantic import SecretStr

from revloop.checks import checkers_of
from revloop.engines import HttpEngine, Request, open_local_engine
from revloop.errors import InputError
from revloop.evaluation.functions import demo_judge, load_function
from revloop.evaluation.models import ModelJudge
from revloop.evaluation.prompts import JudgePrompts
from revloop.evaluation.rewards import RewardJudge
from revloop.functions import is_function_name
from revloop.options import DEFAULT_JUDGE_PROMPTS, HOW_TO_NAME_A_JUDGE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from revloop.engines.retry import RetryPolicy
    from revloop.options import RunOptions
    from revloop.trajectory import Judge

KEY_VARIABLE = "REVLOOP_JUDGE_API_KEY"
NTH_KEY_VARIABLE = "REVLOOP_JUDGE_N_API_KEY"
"""Of the second of several judges on, with its number for N."""
SELECTOR_KEY_VARIABLE = "REVLOOP_SELECTOR_API_KEY"


async def open_judge(
    spec: str,
    *,
    prompts: str | Path = DEFAULT_JUDGE_PROMPTS,
    retries: RetryPolicy | None = None,
    key_variable: str = KEY_VARIABLE,
) -> Judge:
    """Open a judge by its name.

    Args:
        spec: ``demo``, ``module:function``, a server's address with or without ``#MODEL``,
            ``model:FOLDER`` (in this process, on vLLM if installed), or ``reward:`` and a reward
            model's folder or server.
        prompts: The prompt set for a model.
        retries: When to send a request to a server again.
        key_variable: The environment variable that holds a server's key.

    Raises:
        InputError: The name is not a judge's.
        RevloopError: The judge cannot be opened; the class says why.
    """
    kind, _, rest = spec.partition(":")
    if spec == "demo":
        return demo_judge()
    if kind in {"http", "https"}:
        return await _served(spec, JudgePrompts.load(prompts), retries, _key(key_variable))
    if kind == "model" and rest:
        return ModelJudge(await open_local_engine(rest), JudgePrompts.load(prompts), name=spec)
    if kind == "reward" and rest.startswith(("http://", "https://")):
        address, _, model = rest.partition("#")
        return await RewardJudge.connect(
            address, model=model or None, api_key=_key(key_variable), retries=retries
        )
    if kind == "reward" and rest:
        load = partial(RewardJudge.load, rest, name=spec)
        return await anyio.to_thread.run_sync(load)
    if is_function_name(spec):
        return load_function(spec)
    raise InputError(f"'{spec}' names no judge. Name {HOW_TO_NAME_A_JUDGE}.")


def reviser_keywords(loop: RunOptions, *, retries: RetryPolicy | None = None) -> dict[str, Any]:
    """What the options name beside the critic, as keywords of a reviser.

    Prompt set, judges, selector, checks and editor; ``loop`` itself, the engine and the store are
    not among them.

    Raises:
        InputError: A check cannot be loaded.
        MissingExtraError: A check needs a package that is not installed.
    """
    return {
        "prompts": loop.chosen_prompts,
        "judge": judge_openers(loop, retries=retries),
        "selector": selector_opener(loop, retries=retries),
        "checks": checkers_of(loop),
        "retries": retries,
        **loop.editor_keywords,
    }


def judge_key_variable(number: int) -> str:
    """The environment variable with the key of the nth judge's server, counted from 1.

    Each server gets a key of its own: no key is sent to another judge's.
    """
    return KEY_VARIABLE if number == 1 else NTH_KEY_VARIABLE.replace("_N_", f"_{number}_")


def judge_openers(
    loop: RunOptions, *, retries: RetryPolicy | None = None
) -> list[Callable[[], Awaitable[Judge]]]:
    """What opens the judges that the options name, in the event loop that will use them."""
    return [
        partial(
            open_judge,
            spec,
            prompts=loop.judge_prompts,
            retries=retries,
            key_variable=judge_key_variable(number),
        )
        for number, spec in enumerate(loop.judge, start=1)
    ]


def selector_opener(
    loop: RunOptions, *, retries: RetryPolicy | None = None
) -> Callable[[], Awaitable[Judge]] | None:
    """The same for the selector of candidates, which has a key of its own."""
    if loop.selector is None:
        return None
    return partial(
        open_judge,
        loop.selector,
        prompts=loop.judge_prompts,
        retries=retries,
        key_variable=SELECTOR_KEY_VARIABLE,
    )


def _key(variable: str) -> SecretStr | None:
    key = os.environ.get(variable)
    return SecretStr(key) if key else None


async def _served(
    spec: str, prompts: JudgePrompts, retries: RetryPolicy | None, key: SecretStr | None
) -> ModelJudge:
    address, _, model = spec.partition("#")
    engine = await HttpEngine.connect(address, model=model or None, api_key=key, retries=retries)
    sample = Request(
        prompt=prompts.question("Hello?", "Hello.", "Hi.", dict.fromkeys(prompts.fields, "None.")),
        sampling=prompts.settings.sampling.with_seed(0),
        max_tokens=prompts.settings.max_tokens,
    )
    await engine.negotiate(sample)
    return ModelJudge(engine, prompts)
