"""Opens the model `english`."""

from __future__ import annotations

from revloop.engines.english.engine import ENGLISH, ProofreadingEngine
from revloop.engines.english.installed import adapter_version, installed
from revloop.engines.english.likelihood import Likelihood
from revloop.engines.english.reader import Reader
from revloop.engines.transformers import TransformersEngine


def open_proofreader() -> ProofreadingEngine:
    """Load the model as `revloop critic install` left it.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        ModelConfigError: It is not installed, or its folders cannot be used.
    """
    folders = installed()
    critic = TransformersEngine.from_model(str(folders.critic), name=ENGLISH)
    reader = Reader(critic, Likelihood.load(folders.base))
    return ProofreadingEngine(reader, critic, version=adapter_version())
