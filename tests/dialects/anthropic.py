"""Anthropic's layer that is compatible with OpenAI's."""

from revloop.errors import (
    AuthenticationError,
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
    openai_error,
    usage,
)

COMPATIBILITY = "https://platform.claude.com/docs/en/api/openai-sdk"
ERRORS = "https://platform.claude.com/docs/en/api/errors"
MODEL = "claude-haiku-4-5"


def own(type_: str, message: str) -> object:
    """An error in the form of Anthropic's own API."""
    return {"type": "error", "error": {"type": type_, "message": message}, "request_id": "req_x"}


CASES = (
    Case(
        "models, which need another header",
        ERRORS,
        own("authentication_error", "x-api-key header is required"),
        Serves(MODEL, named=MODEL),
        path="models",
        status=401,
    ),
    Case(
        "chat",
        COMPATIBILITY,
        chat("So.", choice={"logprobs": None}, usage=usage(24, 3, prompt_tokens_details=None)),
        Answered("So.", tokens=(24, 3)),
    ),
    Case(
        "prompt too long",
        "https://github.com/stackblitz/bolt.new/issues/1339",
        openai_error("prompt is too long: 206640 tokens > 200000 maximum"),
        Fails(ContextFullError, "The prompt takes 206640 tokens, the limit is 200000."),
        status=400,
    ),
    Case(
        "prompt and answer too long",
        ERRORS,
        openai_error(
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease "
            "input length or `max_tokens` and try again"
        ),
        Fails(
            ContextFullError,
            "The prompt takes 190000 tokens, the answer may take 20000, the limit is 200000.",
        ),
        status=400,
    ),
    Case(
        "prompt of too many bytes",
        ERRORS,
        own("request_too_large", "Request exceeds the maximum allowed number of bytes."),
        Fails(ContextFullError, "Request exceeds the maximum allowed number of bytes."),
        status=413,
    ),
    Case(
        "temperature or top_p",
        COMPATIBILITY,
        openai_error(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only "
            "one."
        ),
        Adapts("top_p"),
        status=400,
    ),
    Case(
        "wrong key",
        ERRORS,
        own("authentication_error", "invalid x-api-key"),
        Fails(AuthenticationError, "invalid x-api-key"),
        status=401,
    ),
    Case(
        "unknown model",
        ERRORS,
        own("not_found_error", f"model: {MODEL}"),
        Fails(ModelNotServedError, f"'{MODEL}' is not served"),
        status=404,
    ),
    Case(
        "too many requests",
        "https://platform.claude.com/docs/en/api/rate-limits",
        own("rate_limit_error", "This request would exceed your organization's rate limit."),
        Fails(OverloadedError, "would exceed your organization's rate limit", wait_s=11),
        status=429,
        headers={"retry-after": "11", "anthropic-ratelimit-requests-remaining": "0"},
    ),
    Case(
        "no credit",
        ERRORS,
        own(
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.",
        ),
        Fails(QuotaError, "Your credit balance is too low"),
        status=400,
    ),
    Case(
        "overloaded",
        ERRORS,
        own("overloaded_error", "Overloaded"),
        Fails(OverloadedError, "Overloaded"),
        status=529,
    ),
)

ANTHROPIC = Dialect(
    name="Anthropic",
    address="https://api.anthropic.com/v1",
    model=MODEL,
    root="/v1",
    key="ANTHROPIC_API_KEY",
    notes="Its compatible layer, which ignores seeds and does not return thoughts.",
    cases=CASES,
)
