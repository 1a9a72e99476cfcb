"""OpenRouter."""

import json

from revloop.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextFullError,
    ModelNotServedError,
    OverloadedError,
    QuotaError,
    RejectedError,
)
from tests.dialects.dialect import (
    Adapts,
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

REFERENCE = "https://openrouter.ai/docs/api-reference/overview"
ERRORS = "https://openrouter.ai/docs/api-reference/errors"
MODEL = "qwen/qwen3-32b"


def said(code: int, message: str, **metadata: object) -> object:
    return {"error": {"code": code, "message": message, "metadata": metadata}, "user_id": "user_x"}


CASES = (
    Case(
        "models",
        "https://openrouter.ai/docs/api-reference/list-available-models",
        models(
            {
                "id": MODEL,
                "context_length": 40960,
                "top_provider": {"context_length": 40960, "max_completion_tokens": None},
                "pricing": {"prompt": "0.00000005", "completion": "0.0000002"},
            },
            {"id": "openai/gpt-4o-mini", "context_length": 128000},
        ),
        Serves(MODEL, named=MODEL, context_tokens=40960),
        path="models",
    ),
    Case(
        "chat",
        REFERENCE,
        chat(
            "So.",
            message={"refusal": None, "reasoning": "Let me see.", "reasoning_details": []},
            choice={"logprobs": None, "native_finish_reason": "stop"},
            provider="DeepInfra",
            usage=usage(24, 9, cost=0.0001, prompt_tokens_details={"cached_tokens": 16}),
        ),
        Answered("So.", tokens=(24, 9), cached=16, thoughts="Let me see."),
    ),
    Case(
        "chat after blank lines that keep the connection open",
        "https://github.com/OpenRouterTeam/typescript-sdk/issues/101",
        "\n         \n\n         \n" + json.dumps(chat("So.", usage=usage(24, 3))),
        Answered("So.", tokens=(24, 3)),
    ),
    Case(
        "completions",
        "https://github.com/OpenRouterTeam/typescript-sdk/issues/101",
        completion("So.", choice={"reasoning": None}, usage=usage(41, 9)),
        Answered("So.", tokens=(41, 9)),
        path="completions",
    ),
    Case(
        "prompt and answer too long",
        "https://github.com/OpenHands/OpenHands/issues/9937",
        said(
            400,
            "This endpoint's maximum context length is 131072 tokens. However, you requested "
            "about 138956 tokens (7884 of text input, 131072 in the output). Please reduce the "
            'length of either one, or use the "middle-out" transform to compress your prompt '
            "automatically.",
        ),
        Fails(
            ContextFullError,
            "The prompt takes 7884 tokens, the answer may take 131072, the limit is 131072.",
        ),
        status=400,
    ),
    Case(
        "prompt too long for a server behind it",
        "https://github.com/ai-christianson/RA.Aid/issues/41",
        said(
            502,
            'ConnectionError: {"object":"error","message":"This model\'s maximum context length '
            "is 16000 tokens. However, you requested 17165 tokens (13069 in the messages, 4096 in "
            'the completion).","code":400}',
            provider_name="DeepInfra",
        ),
        Fails(ContextFullError, "The prompt takes 13069 tokens, the answer may take 4096"),
    ),
    Case(
        "prompt too long, in the words of a server behind it",
        "https://github.com/reVrost/go-openrouter/pull/21",
        said(
            400,
            "Provider returned error",
            raw=json.dumps(
                {
                    "error": {
                        "message": "Input tokens exceed the configured limit of 272000 tokens. "
                        "Your messages resulted in 300000 tokens.",
                        "type": "invalid_request_error",
                        "code": "context_length_exceeded",
                    }
                }
            ),
            provider_name="OpenAI",
        ),
        Fails(ContextFullError, "The prompt takes 300000 tokens, the limit is 272000."),
        status=400,
    ),
    Case(
        "refused by a server behind it",
        "https://github.com/diegosouzapw/OmniRoute/issues/3044",
        said(
            400,
            "Provider returned error",
            raw='{"error":{"type":"invalid_request_error","message":"Too many messages."}}',
            provider_name="Crucible",
        ),
        Fails(RejectedError, "Too many messages. (Crucible)"),
        status=400,
    ),
    Case(
        "limit of a server behind it",
        "https://github.com/open-webui/computer/issues/293",
        said(
            429,
            "Provider returned error",
            raw="qwen/qwen3-32b is temporarily rate-limited upstream. Please retry shortly.",
            provider_name="BaseTen",
        ),
        Fails(OverloadedError, "is temporarily rate-limited upstream. Please retry shortly."),
        status=429,
    ),
    Case(
        "parameter refused by a server behind it",
        "https://github.com/reVrost/go-openrouter/pull/21",
        said(
            400,
            "Provider returned error",
            raw='{"error":{"message":"Unsupported parameter: \'top_p\' is not supported with this '
            'model.","type":"invalid_request_error","param":"top_p","code":null}}',
            provider_name="OpenAI",
        ),
        Adapts("top_p"),
        status=400,
    ),
    Case(
        "flagged",
        ERRORS,
        said(
            403,
            "Your chosen model requires moderation and your input was flagged",
            reasons=["violence"],
            flagged_input="...",
            provider_name="OpenAI",
        ),
        Fails(ContentFilterError, "your input was flagged"),
        status=403,
    ),
    Case(
        "no key",
        ERRORS,
        said(401, "No auth credentials found"),
        Fails(AuthenticationError, "No auth credentials found"),
        status=401,
    ),
    Case(
        "no credit",
        ERRORS,
        said(402, "Insufficient credits. Add more using https://openrouter.ai/settings/credits"),
        Fails(QuotaError, "Insufficient credits."),
        status=402,
    ),
    Case(
        "unknown model",
        ERRORS,
        said(400, f"{MODEL} is not a valid model ID"),
        Fails(ModelNotServedError, "is not a valid model ID"),
        status=400,
    ),
    Case(
        "failed after the answer began, with status 200",
        ERRORS,
        {
            **chat(""),
            "choices": [
                {
                    "finish_reason": "error",
                    "message": {"role": "assistant", "content": ""},
                    "error": {"code": 502, "message": "Upstream broke."},
                }
            ],
        },
        Fails(OverloadedError, "Upstream broke."),
    ),
    Case(
        "no server for the model",
        ERRORS,
        said(503, "No available model provider that meets your routing requirements"),
        Fails(OverloadedError, "No available model provider"),
        status=503,
    ),
)

OPENROUTER = Dialect(
    name="OpenRouter",
    address="https://openrouter.ai/api/v1",
    model=MODEL,
    root="/api/v1",
    key="OPENROUTER_API_KEY",
    cases=CASES,
)
