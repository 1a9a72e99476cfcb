"""The keywords of ``revise`` and of revisers, for editors and type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from revloop.errors import InputError
from revloop.options import EngineOptions, LoopOptions
from revloop.values import nearest_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pydantic import SecretStr

    from revloop.checks.opening import CheckSource
    from revloop.engines.base import Engine
    from revloop.engines.retry import RetryPolicy
    from revloop.options import (
        CritiqueSource,
        EngineKind,
        Keep,
        OnBadEdits,
        Policy,
    )
    from revloop.prompts.guards import GuardName
    from revloop.trajectory import Judge

    JudgeSource = Judge | Callable[[], Awaitable[Judge]]


class ReviserOptions(TypedDict, total=False):
    """How a reviser works; everything may be left out.

    ``EngineOptions`` and ``LoopOptions`` of :mod:`revloop.options` describe their fields.

    Attributes:
        retries: When a request to a server is sent again after a passing fault.
        engine: An engine of your own, or the options of one as a model.
        loop: The options of the loop as a model.
        prompts: Name or folder of a prompt set.
        store: File that every version is committed to.
        new_run: Begin a new run in the store, whatever it holds.
        judge: Who compares versions: a judge, or an asynchronous function that opens one; or a
            sequence of several, whose majority decides.
        selector: Who compares candidates: a judge, or a function that opens one; None: as
            ``judge``.
        editor: Who revises after the critic's critiques: an engine, or the options of one. By
            default the critic.
        editor_prompts: The editor's prompt set; by default the critic's.
        fresh_editor: Show the editor prompt, response and critique, not the conversation of the
            critique.
        checks: What each version must pass: functions of a draft and a text, their names as
            ``module:function``, checkers, or what ``load_checks`` reads from a file.
    """

    retries: RetryPolicy | None
    engine: Engine | EngineOptions | None
    loop: LoopOptions
    prompts: str | Path
    store: str | Path | None
    new_run: bool
    judge: JudgeSource | Sequence[JudgeSource] | None
    selector: JudgeSource | None
    editor: Engine | EngineOptions | None
    editor_prompts: str | Path | None
    fresh_editor: bool
    checks: Sequence[CheckSource]
    base_url: str | None
    model: str | None
    kind: EngineKind | None
    api_key: str | SecretStr | None
    api_key_file: str | Path | None
    tokenizer: str | None
    tensor_parallel_size: int
    extra_body: Mapping[str, Any] | str | None
    header: Sequence[str]
    rpm: int | None
    tpm: int | None
    single_pass: bool
    temperature: float | None
    top_p: float | None
    top_k: int | None
    min_p: float | None
    repetition_penalty: float | None
    presence_penalty: float | None
    frequency_penalty: float | None
    critique_temperature: float | None
    edit_temperature: float | None
    seed: int
    critique_max_tokens: int | None
    revision_max_tokens: int | None
    early_stop: bool
    stop_score: float | None
    policy: Policy | str | Path | None
    tries: int | None
    retry_temperature: float | None
    thinking_tokens: int
    thinking: bool
    keep: Keep
    self_judge: bool
    critiques: int
    candidates: int
    on_bad_edits: OnBadEdits
    critique: CritiqueSource
    stop_verified: bool
    check_timeout_s: float
    no_guards: Sequence[GuardName]


_OF_A_CALL = ("response", "prompt", "iterations", "on_version")


def refuse_unknown(given: Iterable[str]) -> None:
    """Make sure that options have known names.

    Raises:
        InputError: One has not; the error tells the nearest, or where it belongs.
    """
    known = {
        *ReviserOptions.__annotations__,
        *EngineOptions.model_fields,
        *LoopOptions.model_fields,
    }
    for name in given:
        if name in _OF_A_CALL:
            raise InputError(f"'{name}' is no option of a reviser: give it to its revise().")
        if name not in known:
            near = nearest_name(name, [*known, *_OF_A_CALL])
            hint = "" if near is None else f" Did you mean '{near}'?"
            raise InputError(f"There is no option '{name}'.{hint}")
