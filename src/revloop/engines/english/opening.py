"""Opens the model `english`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.engines.english.engine import ENGLISH, ProofreadingEngine
from revloop.engines.english.installed import adapter_version, installed
from revloop.engines.english.likelihood import Likelihood
from revloop.engines.english.reader import Reader
from revloop.engines.english.spelling import vocabulary_of
from revloop.engines.transformers import TransformersEngine
from revloop.errors import InputError
from revloop.options import DEFAULT_PROMPTS
from revloop.prompts import PromptSet

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.options import EngineOptions


def open_proofreader() -> ProofreadingEngine:
    """Load the model as `revloop critic install` left it.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        ModelConfigError: It is not installed, or its folders cannot be used.
    """
    folders = installed()
    critic = TransformersEngine.from_model(str(folders.critic), name=ENGLISH)
    likelihood = Likelihood.load(folders.base)
    reader = Reader(critic, likelihood, vocabulary_of(likelihood.tokens))
    return ProofreadingEngine(reader, critic, version=adapter_version())


def is_proofreader(options: EngineOptions) -> bool:
    """Whether the options name the model in this process, not one of that name at a server."""
    return options.base_url is None and options.model == ENGLISH


def load_prompts(prompts: str | Path | None, options: EngineOptions) -> PromptSet:
    """The prompt set for a model: the proofreader answers its own alone.

    Args:
        prompts: The user's choice of a prompt set; None: the model's default.
        options: The user's choice of a model.

    Raises:
        PromptSetError: There is no such set, or it cannot be used.
        InputError: Another set than its own is chosen for the proofreader.
    """
    if not is_proofreader(options):
        return PromptSet.load(prompts or DEFAULT_PROMPTS)
    if prompts is not None and str(prompts) != ENGLISH:
        raise InputError(
            f"The model {ENGLISH} answers its own prompt set alone: leave --prompts {prompts} out "
            "(in Python prompts=; it may stand in revloop.toml or the policy too), or name a "
            "server or another model."
        )
    return PromptSet.load(ENGLISH)
