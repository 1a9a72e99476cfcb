"""Mistral's La Plateforme."""

import json

from revloop.errors import (
    AuthenticationError,
    BadReplyError,
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
    flat_error,
    models,
    usage,
)

REFERENCE = "https://docs.mistral.ai/api"
MODEL = "mistral-small-latest"
THOUGHTS = {"type": "thinking", "thinking": [{"type": "text", "text": "Let me see."}]}

REFUSED = {
    "detail": [
        {
            "type": "extra_forbidden",
            "loc": ["body", "seed"],
            "msg": "Extra inputs are not permitted",
            "input": 7,
        }
    ]
}

CASES = (
    Case(
        "models",
        REFERENCE,
        models(
            {
                "id": MODEL,
                "owned_by": "mistralai",
                "max_context_length": 131072,
                "capabilities": {"completion_chat": True},
                "aliases": ["mistral-small-2506"],
            },
            {"id": "mistral-embed", "owned_by": "mistralai", "max_context_length": 8192},
        ),
        Serves(MODEL, named=MODEL, context_tokens=131072),
        path="models",
    ),
    Case(
        "chat",
        REFERENCE,
        chat("So.", message={"tool_calls": None, "prefix": False}, usage=usage(24, 3)),
        Answered("So.", tokens=(24, 3)),
    ),
    Case(
        "chat, cut at the end of the context",
        REFERENCE,
        chat("So it", choice={"finish_reason": "model_length"}, usage=usage(24, 9)),
        Answered("So it", "length", (24, 9)),
    ),
    Case(
        "chat, thoughts as a part",
        "https://docs.mistral.ai/capabilities/reasoning",
        chat(
            None,
            message={"content": [THOUGHTS, {"type": "text", "text": "So."}]},
            usage=usage(24, 12),
        ),
        Answered("So.", tokens=(24, 12), thoughts="Let me see."),
    ),
    Case(
        "chat, failed",
        REFERENCE,
        chat("", choice={"finish_reason": "error"}),
        Fails(BadReplyError, "finish_reason"),
    ),
    Case(
        "prompt too long",
        f"{REFERENCE} (as quoted by its users)",
        flat_error(
            "Prompt contains 40500 tokens and 0 draft tokens, too large for model with 32768 "
            "maximum context length",
            "invalid_request_prompt",
            "3051",
        ),
        Fails(ContextFullError, "The prompt takes 40500 tokens, the limit is 32768."),
        status=400,
    ),
    Case(
        "seed under another name",
        "https://github.com/editor-code-assistant/eca/issues/231",
        flat_error(REFUSED, "invalid_request_error", 3001),
        Adapts("seed", "random_seed"),
        status=422,
    ),
    Case(
        "seed under another name, as a text",
        "https://github.com/mistralai/platform-docs-public/issues/7",
        flat_error(json.dumps(REFUSED), "internal_error_proxy", "1000"),
        Adapts("seed", "random_seed"),
        status=422,
    ),
    Case(
        "seed under another name, in detail",
        "https://github.com/partITech/php-mistral/issues/76",
        {"object": "Error", **REFUSED, "message": REFUSED["detail"], "code": 3001},
        Adapts("seed", "random_seed"),
        status=422,
    ),
    Case(
        "wrong key",
        REFERENCE,
        {"detail": "Unauthorized"},
        Fails(AuthenticationError, "answers 401: Unauthorized"),
        status=401,
    ),
    Case(
        "unknown model",
        REFERENCE,
        flat_error(f"Invalid model: {MODEL}", "invalid_model", "1500"),
        Fails(ModelNotServedError, "Invalid model"),
        status=400,
    ),
    Case(
        "no capacity",
        "https://docs.mistral.ai/deployment/laplateforme/tier",
        flat_error(
            "Service tier capacity exceeded for this model.",
            "service_tier_capacity_exceeded",
            "3505",
        ),
        Fails(OverloadedError, "Service tier capacity exceeded"),
        status=429,
    ),
    Case(
        "too many requests",
        REFERENCE,
        {"message": "Requests rate limit exceeded"},
        Fails(OverloadedError, "Requests rate limit exceeded"),
        status=429,
    ),
)
MISTRAL = Dialect(
    name="Mistral",
    address="https://api.mistral.ai/v1",
    model=MODEL,
    root="/v1",
    key="MISTRAL_API_KEY",
    cases=CASES,
)
