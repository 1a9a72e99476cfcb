"""Groq."""

from revloop.errors import (
    AuthenticationError,
    ContextFullError,
    ModelNotServedError,
    OverloadedError,
    SettingRefusedError,
)
from tests.dialects.dialect import (
    Answered,
    Case,
    Dialect,
    Fails,
    Serves,
    chat,
    models,
    openai_error,
    usage,
)

REFERENCE = "https://console.groq.com/docs/api-reference"
ERRORS = "https://console.groq.com/docs/errors"
MODEL = "qwen/qwen3-32b"

CASES = (
    Case(
        "models",
        f"{REFERENCE}#models",
        models(
            {
                "id": MODEL,
                "owned_by": "Alibaba Cloud",
                "active": True,
                "context_window": 131072,
                "max_completion_tokens": 40960,
            },
            {"id": "whisper-large-v3", "active": True, "context_window": 448},
        ),
        Serves(MODEL, named=MODEL, context_tokens=131072),
        path="models",
    ),
    Case(
        "chat",
        REFERENCE,
        chat(
            "So.",
            message={"reasoning": "Let me see."},
            choice={"logprobs": None},
            usage=usage(24, 9, queue_time=0.03, prompt_time=0.001, total_time=0.02),
            x_groq={"id": "req_x", "seed": 7},
        ),
        Answered("So.", tokens=(24, 9), thoughts="Let me see."),
    ),
    Case(
        "prompt too long",
        "https://github.com/OpenHands/OpenHands/issues/1902",
        openai_error(
            "Please reduce the length of the messages or completion.",
            code="context_length_exceeded",
            param="messages",
        ),
        Fails(ContextFullError, "Please reduce the length of the messages or completion."),
        status=400,
    ),
    Case(
        "prompt larger than a minute's tokens",
        "https://github.com/continuedev/continue/issues/10218",
        openai_error(
            "Request too large for model `qwen/qwen3-32b` in organization `org_x` service tier "
            "`on_demand` on tokens per minute (TPM): Limit 6000, Requested 14137, please reduce "
            "your message size and try again.",
            "tokens",
            code="rate_limit_exceeded",
        ),
        Fails(ContextFullError, "Prompt and answer need 14137 tokens, the limit is 6000."),
        status=413,
    ),
    Case(
        "too many tokens a minute",
        "https://github.com/elizaOS/eliza/issues/4040",
        openai_error(
            "Rate limit reached for model `qwen/qwen3-32b` in organization `org_x` service tier "
            "`on_demand` on tokens per minute (TPM): Limit 6000, Used 5034, Requested 1443. Please "
            "try again in 4.77s.",
            "tokens",
            code="rate_limit_exceeded",
        ),
        Fails(OverloadedError, "Please try again in 4.77s.", wait_s=5),
        status=429,
        headers={"retry-after": "5", "x-ratelimit-reset-tokens": "4.77s"},
    ),
    Case(
        "token limit above the model's",
        "https://github.com/skapadia3214/groq-moa/issues/8",
        openai_error("max_tokens for `qwen/qwen3-32b` must be less than or equal to 8000"),
        Fails(SettingRefusedError, "must be less than or equal to 8000"),
        status=400,
    ),
    Case(
        "wrong key",
        ERRORS,
        openai_error("Invalid API Key", code="invalid_api_key"),
        Fails(AuthenticationError, "Invalid API Key"),
        status=401,
    ),
    Case(
        "model withdrawn",
        "https://console.groq.com/docs/deprecations",
        openai_error(
            f"The model `{MODEL}` has been decommissioned and is no longer supported.",
            code="model_decommissioned",
        ),
        Fails(ModelNotServedError, "has been decommissioned"),
        status=400,
    ),
    Case(
        "no capacity",
        ERRORS,
        openai_error("Flex tier capacity exceeded.", "capacity_exceeded"),
        Fails(OverloadedError, "Flex tier capacity exceeded."),
        status=498,
    ),
)

GROQ = Dialect(
    name="Groq",
    address="https://api.groq.com/openai/v1",
    model=MODEL,
    root="/openai/v1",
    key="GROQ_API_KEY",
    cases=CASES,
)
