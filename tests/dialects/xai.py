"""xAI."""

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

REFERENCE = "https://docs.x.ai/docs/api-reference"
MODEL = "grok-4"


def said(code: str, error: str) -> object:
    return {"code": code, "error": error}


INVALID = "Client specified an invalid argument"

CASES = (
    Case(
        "models",
        REFERENCE,
        models({"id": MODEL, "owned_by": "xai"}, {"id": "grok-3-mini", "owned_by": "xai"}),
        Serves(MODEL, named=MODEL),
        path="models",
    ),
    Case(
        "chat",
        REFERENCE,
        chat(
            "So.",
            message={"refusal": None, "reasoning_content": "Let me see."},
            usage=usage(
                *(24, 3),
                prompt_tokens_details={"text_tokens": 24, "cached_tokens": 4},
                completion_tokens_details={"reasoning_tokens": 90},
            ),
        ),
        Answered("So.", tokens=(24, 3), cached=4, thoughts="Let me see.", thinking=90),
    ),
    Case(
        "prompt too long",
        "https://github.com/chenyme/grok2api/issues/693",
        said(
            INVALID,
            "This model's maximum prompt length is 500000 but the request contains 907154 tokens.",
        ),
        Fails(ContextFullError, "The prompt takes 907154 tokens, the limit is 500000."),
        status=400,
    ),
    Case(
        "stop texts not supported",
        "https://github.com/yym68686/uni-api/issues/105",
        said(INVALID, "Argument not supported on this model: stop"),
        Adapts("stop"),
        status=400,
    ),
    Case(
        "wrong key",
        REFERENCE,
        said(INVALID, "Incorrect API key provided: sk***is. You can obtain an API key from x.ai."),
        Fails(AuthenticationError, "Incorrect API key provided"),
        status=400,
    ),
    Case(
        "unknown model",
        REFERENCE,
        said(
            "Some requested entity was not found",
            f"The model {MODEL} does not exist or your team does not have access to it.",
        ),
        Fails(ModelNotServedError, "does not exist or your team"),
        status=404,
    ),
    Case(
        "too many requests",
        REFERENCE,
        said("Some resource has been exhausted", "Too many requests for team x and model grok-4."),
        Fails(OverloadedError, "Too many requests"),
        status=429,
    ),
)

XAI = Dialect(
    name="xAI",
    address="https://api.x.ai/v1",
    model=MODEL,
    root="/v1",
    key="XAI_API_KEY",
    cases=CASES,
)
