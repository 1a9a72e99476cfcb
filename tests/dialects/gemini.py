"""Gemini's endpoint for OpenAI's clients."""

from revloop.errors import (
    AuthenticationError,
    ContextFullError,
    ModelNotServedError,
    OverloadedError,
)
from tests.dialects.dialect import (
    Adapts,
    Answered,
    Case,
    Dialect,
    Fails,
    Serves,
    chat,
    models,
    usage,
)

DOCS = "https://ai.google.dev/gemini-api/docs/openai"
ERRORS = "https://ai.google.dev/gemini-api/docs/troubleshooting"
MODEL = "gemini-2.5-flash"


def said(code: int, message: str, status: str) -> object:
    """An error, which comes in a list."""
    return [{"error": {"code": code, "message": message, "status": status}}]


CASES = (
    Case(
        "models in a folder",
        DOCS,
        models(
            {"id": f"models/{MODEL}", "owned_by": "google"},
            {"id": "models/gemini-2.5-pro", "owned_by": "google"},
        ),
        Serves(f"models/{MODEL}", named=MODEL),
        path="models",
    ),
    Case("chat", DOCS, chat("So.", usage=usage(24, 3)), Answered("So.", tokens=(24, 3))),
    Case(
        "chat, cut while thinking",
        "https://ai.google.dev/gemini-api/docs/thinking",
        {
            **chat(None),
            "choices": [{"index": 0, "finish_reason": "length", "message": {"role": "assistant"}}],
            "usage": {"prompt_tokens": 24, "total_tokens": 40},
        },
        Answered("", "length", (24, 0)),
    ),
    Case(
        "chat, filtered",
        "https://ai.google.dev/gemini-api/docs/safety-settings",
        {
            **chat(None),
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "content_filter: PROHIBITED_CONTENT",
                    "message": {"role": "assistant"},
                }
            ],
        },
        Answered("", "content_filter"),
    ),
    Case(
        "prompt too long",
        ERRORS,
        said(
            400,
            "The input token count (1196265) exceeds the maximum number of tokens allowed "
            "(1048576).",
            "INVALID_ARGUMENT",
        ),
        Fails(ContextFullError, "The prompt takes 1196265 tokens, the limit is 1048576."),
        status=400,
    ),
    Case(
        "unknown parameter",
        "https://github.com/MinLL/SkyrimNet-GamePlugin/issues/77",
        said(
            400,
            'Invalid JSON payload received. Unknown name "seed": Cannot find field.',
            "INVALID_ARGUMENT",
        ),
        Adapts("seed"),
        status=400,
    ),
    Case(
        "wrong key",
        ERRORS,
        said(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"),
        Fails(AuthenticationError, "API key not valid."),
        status=400,
    ),
    Case(
        "unknown model",
        ERRORS,
        said(404, f"models/{MODEL} is not found for API version v1main", "NOT_FOUND"),
        Fails(ModelNotServedError, "is not found for API version"),
        status=404,
    ),
    Case(
        "too many requests, in words for no money",
        "https://ai.google.dev/gemini-api/docs/rate-limits",
        said(
            429,
            "You exceeded your current quota, please check your plan and billing details. Please "
            "retry in 20.9s.",
            "RESOURCE_EXHAUSTED",
        ),
        Fails(OverloadedError, "Please retry in 20.9s.", wait_s=20.9),
        status=429,
    ),
    Case(
        "overloaded",
        ERRORS,
        said(503, "The model is overloaded. Please try again later.", "UNAVAILABLE"),
        Fails(OverloadedError, "The model is overloaded."),
        status=503,
    ),
)

GEMINI = Dialect(
    name="Gemini",
    address="https://generativelanguage.googleapis.com/v1beta/openai",
    model=MODEL,
    root="/v1beta/openai",
    key="GEMINI_API_KEY",
    cases=CASES,
)
