"""Moonshot's Kimi."""

from revloop.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextFullError,
    ModelNotServedError,
    OverloadedError,
    QuotaError,
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

REFERENCE = "https://platform.moonshot.ai/docs/api/chat"
MODEL = "kimi-k2.6"


def said(message: str, type_: str) -> object:
    return {"error": {"message": message, "type": type_}}


CASES = (
    Case(
        "models",
        REFERENCE,
        models(
            {"id": MODEL, "owned_by": "moonshot", "context_length": 262144},
            {"id": "moonshot-v1-8k", "owned_by": "moonshot", "context_length": 8192},
        ),
        Serves(MODEL, named=MODEL, context_tokens=262144),
        path="models",
    ),
    Case(
        "chat",
        REFERENCE,
        chat(
            "So.",
            message={"reasoning_content": "Let me see."},
            usage=usage(24, 9, cached_tokens=16),
        ),
        Answered("So.", tokens=(24, 9), cached=16, thoughts="Let me see."),
    ),
    Case(
        "prompt and answer too long",
        "https://github.com/MoonshotAI/kimi-cli/issues/2011",
        said(
            "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)",
            "invalid_request_error",
        ),
        Fails(ContextFullError, "Prompt and answer need 269030 tokens, the limit is 262144."),
        status=400,
    ),
    Case(
        "one temperature only",
        "https://github.com/HKUDS/nanobot/pull/202",
        said("invalid temperature: only 1 is allowed for this model", "invalid_request_error"),
        Adapts("temperature"),
        status=400,
    ),
    Case(
        "wrong key",
        REFERENCE,
        said("Invalid Authentication", "invalid_authentication_error"),
        Fails(AuthenticationError, "Invalid Authentication"),
        status=401,
    ),
    Case(
        "no balance",
        "https://github.com/MoonshotAI/Kimi-K2/issues/5",
        said(
            "Your account org-x is not active, organization org-x exceeded current quota, please "
            "check your plan and billing details",
            "exceeded_current_quota_error",
        ),
        Fails(QuotaError, "exceeded current quota"),
        status=403,
    ),
    Case(
        "unknown model",
        REFERENCE,
        said(f"Not found the model {MODEL} or Permission denied", "resource_not_found_error"),
        Fails(ModelNotServedError, "Not found the model"),
        status=404,
    ),
    Case(
        "content filter",
        REFERENCE,
        said("The request was rejected because it was considered high risk", "content_filter"),
        Fails(ContentFilterError, "considered high risk"),
        status=400,
    ),
    Case(
        "overloaded",
        "https://github.com/MoonshotAI/kimi-cli/issues/2571",
        said(
            "The engine is currently overloaded, please try again later",
            "engine_overloaded_error",
        ),
        Fails(OverloadedError, "currently overloaded"),
        status=429,
    ),
)

MOONSHOT = Dialect(
    name="Moonshot",
    address="https://api.moonshot.ai/v1",
    model=MODEL,
    root="/v1",
    key="MOONSHOT_API_KEY",
    cases=CASES,
)
