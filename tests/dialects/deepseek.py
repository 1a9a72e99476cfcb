"""DeepSeek."""

from revloop.errors import (
    AuthenticationError,
    BadReplyError,
    ContentFilterError,
    ContextFullError,
    OverloadedError,
    QuotaError,
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

REFERENCE = "https://api-docs.deepseek.com/api/create-chat-completion"
ERRORS = "https://api-docs.deepseek.com/quick_start/error_codes"
MODEL = "deepseek-chat"


def said(message: str, type_: str = "invalid_request_error") -> object:
    return openai_error(message, type_, code="invalid_request_error")


CASES = (
    Case(
        "models",
        "https://api-docs.deepseek.com/api/list-models",
        models(
            {"id": MODEL, "owned_by": "deepseek"},
            {"id": "deepseek-reasoner", "owned_by": "deepseek"},
        ),
        Serves(MODEL, named=MODEL),
        path="models",
    ),
    Case(
        "chat",
        REFERENCE,
        chat(
            "So.",
            message={"reasoning_content": "Let me see."},
            choice={"logprobs": None},
            usage=usage(
                *(128, 9),
                prompt_tokens_details={"cached_tokens": 64},
                prompt_cache_hit_tokens=64,
                prompt_cache_miss_tokens=64,
                completion_tokens_details={"reasoning_tokens": 6},
            ),
            system_fingerprint="fp_x",
        ),
        Answered("So.", tokens=(128, 9), cached=64, thoughts="Let me see.", thinking=6),
    ),
    Case(
        "chat, given up",
        REFERENCE,
        chat("So", choice={"finish_reason": "insufficient_system_resource"}),
        Fails(BadReplyError, "finish_reason"),
    ),
    Case(
        "prompt and answer too long",
        "https://github.com/evalstate/fast-agent/issues/621",
        said(
            "This model's maximum context length is 131072 tokens. However, you requested 131134 "
            "tokens (122942 in the messages, 8192 in the completion). Please reduce the length of "
            "the messages or completion."
        ),
        Fails(
            ContextFullError,
            "The prompt takes 122942 tokens, the answer may take 8192, the limit is 131072.",
        ),
        status=400,
    ),
    Case(
        "content filter",
        "https://github.com/666ghj/BettaFish/issues/108",
        said("Content Exists Risk"),
        Fails(ContentFilterError, "Content Exists Risk"),
        status=400,
    ),
    Case(
        "wrong key",
        ERRORS,
        said("Authentication Fails, Your api key is invalid", "authentication_error"),
        Fails(AuthenticationError, "Authentication Fails"),
        status=401,
    ),
    Case(
        "no balance",
        "https://github.com/continuedev/continue/issues/11787",
        said("Insufficient Balance", "unknown_error"),
        Fails(QuotaError, "Insufficient Balance"),
        status=402,
    ),
    Case(
        "busy",
        ERRORS,
        said("Service is too busy. We advise users to temporarily switch.", "service_unavailable"),
        Fails(OverloadedError, "Service is too busy."),
        status=503,
    ),
)

DEEPSEEK = Dialect(
    name="DeepSeek",
    address="https://api.deepseek.com",
    model=MODEL,
    root="/v1",
    key="DEEPSEEK_API_KEY",
    cases=CASES,
)
