"""Engines: whatever turns a prompt into text."""

from revloop.engines.base import Completion, Engine, Request, TokenPrefix
from revloop.engines.deadlines import Deadlines
from revloop.engines.factory import open_engine, open_local_engine
from revloop.engines.http import HttpEngine
from revloop.engines.retry import RetryPolicy
from revloop.engines.transformers import TransformersEngine
from revloop.engines.vllm import VllmEngine

__all__ = [
    "Completion",
    "Deadlines",
    "Engine",
    "HttpEngine",
    "Request",
    "RetryPolicy",
    "TokenPrefix",
    "TransformersEngine",
    "VllmEngine",
    "open_engine",
    "open_local_engine",
]
