"""OpenAI."""

from revloop.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextFullError,
    ModelNotServedError,
    OverloadedError,
    QuotaError,
    ServerFaultError,
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
    openai_error,
    usage,
)

REFERENCE = "https://platform.openai.com/docs/api-reference"
ERRORS = "https://platform.openai.com/docs/guides/error-codes"
REASONING = "https://platform.openai.com/docs/guides/reasoning"
MODEL = "gpt-4o-mini"
DETAILS = {
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "accepted_prediction_tokens": 0},
}

CASES = (
    Case(
        "models",
        REFERENCE,
        models(
            {"id": MODEL, "created": 1721172741, "owned_by": "system"},
            {"id": "gpt-4o", "created": 1715367049, "owned_by": "system"},
        ),
        Serves(MODEL, named=MODEL),
        path="models",
    ),
    Case(
        "chat",
        REFERENCE,
        chat(
            "So.",
            message={"refusal": None, "annotations": []},
            choice={"logprobs": None},
            usage=usage(1117, 3, **DETAILS),
            service_tier="default",
            system_fingerprint="fp_44709d6fcb",
        ),
        Answered("So.", tokens=(1117, 3), cached=1024, thinking=0),
    ),
    Case(
        "chat, cut",
        REFERENCE,
        chat("So it", choice={"finish_reason": "length"}, usage=usage(20, 16)),
        Answered("So it", "length", (20, 16)),
    ),
    Case(
        "chat, cut while thinking",
        "https://platform.openai.com/docs/guides/reasoning",
        chat(
            "",
            choice={"finish_reason": "length"},
            usage=usage(20, 16, completion_tokens_details={"reasoning_tokens": 16}),
        ),
        Answered("", "length", (20, 16), thinking=16),
    ),
    Case(
        "chat, refused by the model",
        REFERENCE,
        chat(None, message={"refusal": "I cannot help with that."}, usage=usage(20, 7)),
        Answered("I cannot help with that.", "refusal", (20, 7)),
    ),
    Case(
        "chat, filtered",
        REFERENCE,
        chat("So", choice={"finish_reason": "content_filter"}, usage=usage(20, 1)),
        Answered("So", "content_filter", (20, 1)),
    ),
    Case(
        "completions",
        REFERENCE,
        completion("So.", choice={"logprobs": None}, usage=usage(5, 2)),
        Answered("So.", tokens=(5, 2)),
        path="completions",
    ),
    Case(
        "prompt too long",
        "https://github.com/webtimemachine/wtm2/issues/579",
        openai_error(
            "This model's maximum context length is 128000 tokens. However, your messages "
            "resulted in 204308 tokens. Please reduce the length of the messages.",
            code="context_length_exceeded",
            param="messages",
        ),
        Fails(ContextFullError, "The prompt takes 204308 tokens, the limit is 128000."),
        status=400,
    ),
    Case(
        "prompt and answer too long",
        "https://github.com/mckaywrigley/chatbot-ui/issues/102",
        openai_error(
            "This model's maximum context length is 4097 tokens. However, you requested 4120 "
            "tokens (3120 in the messages, 1000 in the completion). Please reduce the length of "
            "the messages or completion.",
            code="context_length_exceeded",
            param="messages",
        ),
        Fails(
            ContextFullError,
            "The prompt takes 3120 tokens, the answer may take 1000, the limit is 4097.",
        ),
        status=400,
    ),
    Case(
        "prompt too long, newer models",
        "BerriAI/litellm: tests of its exception mapping",
        openai_error(
            "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in "
            "509178 tokens. Please reduce the length of the messages.",
            code="context_length_exceeded",
            param="messages",
        ),
        Fails(ContextFullError, "The prompt takes 509178 tokens, the limit is 272000."),
        status=400,
    ),
    Case(
        "prompt larger than a minute's tokens",
        ERRORS,
        openai_error(
            "Request too large for gpt-4o-mini in organization org-x on tokens per min (TPM): "
            "Limit 30000, Requested 45124. The input or output tokens must be reduced in order to "
            "run successfully.",
            "tokens",
            code="rate_limit_exceeded",
        ),
        Fails(ContextFullError, "Prompt and answer need 45124 tokens, the limit is 30000."),
        status=429,
    ),
    Case(
        "wrong key",
        ERRORS,
        openai_error(
            "Incorrect API key provided: sk-nobody-may-see-this. You can find your API key at "
            "https://platform.openai.com/account/api-keys.",
            code="invalid_api_key",
        ),
        Fails(AuthenticationError, "Incorrect API key provided: (the key)."),
        status=401,
    ),
    Case(
        "unknown model",
        ERRORS,
        openai_error(
            f"The model `{MODEL}` does not exist or you do not have access to it.",
            code="model_not_found",
        ),
        Fails(ModelNotServedError, f"'{MODEL}' is not served"),
        status=404,
    ),
    Case(
        "token limit under another name",
        "https://github.com/openai/openai-python/issues/2046",
        openai_error(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            code="unsupported_parameter",
            param="max_tokens",
        ),
        Adapts("max_tokens", "max_completion_tokens"),
        status=400,
    ),
    Case(
        "temperature not supported",
        REASONING,
        openai_error(
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default "
            "(1) value is supported.",
            code="unsupported_value",
            param="temperature",
        ),
        Adapts("temperature"),
        status=400,
    ),
    Case(
        "stop texts not supported",
        REASONING,
        openai_error(
            "Unsupported parameter: 'stop' is not supported with this model.",
            code="unsupported_parameter",
            param="stop",
        ),
        Adapts("stop"),
        status=400,
    ),
    Case(
        "too many requests",
        ERRORS,
        openai_error(
            "Rate limit reached for gpt-4o-mini in organization org-x on requests per min (RPM): "
            "Limit 500, Used 500, Requested 1. Please try again in 120ms.",
            "requests",
            code="rate_limit_exceeded",
        ),
        Fails(OverloadedError, "Rate limit reached", wait_s=1),
        status=429,
        headers={"retry-after": "1", "x-ratelimit-remaining-requests": "0"},
    ),
    Case(
        "no credit",
        ERRORS,
        openai_error(
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            code="insufficient_quota",
        ),
        Fails(QuotaError, "no credit or quota left"),
        status=429,
    ),
    Case(
        "prompt refused by the safety system",
        "https://github.com/openai/openai-openapi/issues/11",
        openai_error(
            "Your request was rejected as a result of our safety system. Your prompt may contain "
            "text that is not allowed by our safety system."
        ),
        Fails(ContentFilterError, "rejected as a result of our safety system"),
        status=400,
    ),
    Case(
        "overloaded",
        ERRORS,
        openai_error("The engine is currently overloaded, please try again later", "server_error"),
        Fails(OverloadedError, "currently overloaded"),
        status=503,
    ),
    Case(
        "fault",
        ERRORS,
        openai_error("The server had an error while processing your request.", "server_error"),
        Fails(ServerFaultError, "The server had an error"),
        status=500,
    ),
)

OPENAI = Dialect(
    name="OpenAI",
    address="https://api.openai.com/v1",
    model=MODEL,
    root="/v1",
    key="OPENAI_API_KEY",
    cases=CASES,
)
