"""Fireworks AI."""

from revloop.errors import (
    AuthenticationError,
    ContextFullError,
    ModelNotServedError,
    OverloadedError,
)
from tests.dialects.dialect import (
    Answered,
    Case,
    Dialect,
    Fails,
    Serves,
    chat,
    completion,
    models,
    usage,
)

REFERENCE = "https://docs.fireworks.ai/api-reference/post-chatcompletions"
ERRORS = "https://docs.fireworks.ai/guides/inference-error-codes"
MODEL = "accounts/fireworks/models/llama-v3p3-70b-instruct"


def said(message: str, code: str) -> object:
    return {"error": {"object": "error", "type": code, "code": code, "message": message}}


CASES = (
    Case(
        "models",
        "https://docs.fireworks.ai/api-reference/list-models",
        models({"id": MODEL, "owned_by": "fireworks", "kind": "HF", "context_length": 131072}),
        Serves(MODEL, context_tokens=131072),
        path="models",
    ),
    Case("chat", REFERENCE, chat("So.", usage=usage(24, 3)), Answered("So.", tokens=(24, 3))),
    Case(
        "completions",
        "https://docs.fireworks.ai/api-reference/post-completions",
        completion("So.", usage=usage(9, 2)),
        Answered("So.", tokens=(9, 2)),
        path="completions",
    ),
    Case(
        "prompt too long",
        "https://github.com/fw-ai/cookbook/issues/134",
        said(
            "The prompt is too long: 40177, model maximum context length: 32767",
            "invalid_request_error",
        ),
        Fails(ContextFullError, "The prompt takes 40177 tokens, the limit is 32767."),
        status=400,
    ),
    Case(
        "wrong key",
        ERRORS,
        said("The API key you provided is invalid.", "UNAUTHORIZED"),
        Fails(AuthenticationError, "The API key you provided is invalid."),
        status=401,
    ),
    Case(
        "unknown model",
        ERRORS,
        said("Model not found, inaccessible, and/or not deployed", "NOT_FOUND"),
        Fails(ModelNotServedError, "Model not found"),
        status=404,
    ),
    Case(
        "too many requests",
        ERRORS,
        said("Request didn't generate first token before the given deadline", "rate_limit"),
        Fails(OverloadedError, "first token"),
        status=429,
    ),
)

FIREWORKS = Dialect(
    name="Fireworks",
    address="https://api.fireworks.ai/inference/v1",
    model=MODEL,
    root="/inference/v1",
    key="FIREWORKS_API_KEY",
    cases=CASES,
)
