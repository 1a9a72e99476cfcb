"""Azure OpenAI."""

from revloop.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextFullError,
    ModelNotServedError,
    OverloadedError,
)
from tests.dialects.dialect import Adapts, Answered, Case, Dialect, Fails, chat, openai_error, usage

REFERENCE = "https://learn.microsoft.com/azure/ai-services/openai/reference"
FILTER = "https://github.com/openai/openai-dotnet/issues/55"
SAFE = {"hate": {"filtered": False, "severity": "safe"}, "jailbreak": {"filtered": False}}
VIOLENT = {"violence": {"filtered": True, "severity": "medium"}}


def said(code: str, message: str) -> object:
    return {"error": {"code": code, "message": message}}


CASES = (
    Case(
        "chat",
        REFERENCE,
        chat(
            "So.",
            choice={"content_filter_results": SAFE, "logprobs": None},
            prompt_filter_results=[{"prompt_index": 0, "content_filter_results": SAFE}],
            usage=usage(24, 3, prompt_tokens_details={"cached_tokens": 0}),
        ),
        Answered("So.", tokens=(24, 3), cached=0),
    ),
    Case(
        "chat, filtered",
        REFERENCE,
        chat(
            None,
            choice={"finish_reason": "content_filter", "content_filter_results": VIOLENT},
            usage=usage(24, 3),
        ),
        Answered("", "content_filter", (24, 3)),
    ),
    Case(
        "prompt too long",
        REFERENCE,
        openai_error(
            "This model's maximum context length is 16384 tokens. However, your messages resulted "
            "in 17121 tokens. Please reduce the length of the messages.",
            code="context_length_exceeded",
            param="messages",
        ),
        Fails(ContextFullError, "The prompt takes 17121 tokens, the limit is 16384."),
        status=400,
    ),
    Case(
        "token limit under another name",
        "https://github.com/jekalmin/extended_openai_conversation/issues/298",
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
        "prompt filtered",
        FILTER,
        {
            "error": {
                "message": "The response was filtered due to the prompt triggering Azure OpenAI's "
                "content management policy. Please modify your prompt and retry.",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {
                    "code": "ResponsibleAIPolicyViolation",
                    "content_filter_result": VIOLENT,
                },
            }
        },
        Fails(ContentFilterError, "content management policy"),
        status=400,
    ),
    Case(
        "wrong key",
        REFERENCE,
        said("401", "Access denied due to invalid subscription key or wrong API endpoint."),
        Fails(AuthenticationError, "Access denied"),
        status=401,
    ),
    Case(
        "unknown deployment",
        REFERENCE,
        said("DeploymentNotFound", "The API deployment for this resource does not exist."),
        Fails(ModelNotServedError, "The API deployment for this resource does not exist."),
        status=404,
    ),
    Case(
        "too many tokens a minute",
        "https://learn.microsoft.com/azure/ai-services/openai/how-to/quota",
        said(
            "429",
            "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version "
            "2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. "
            "Please retry after 26 seconds.",
        ),
        Fails(OverloadedError, "have exceeded token rate limit", wait_s=26),
        status=429,
        headers={"Retry-After": "26", "retry-after-ms": "26000"},
    ),
)

AZURE = Dialect(
    name="Azure OpenAI",
    address="https://name.openai.azure.com/openai/deployments/gpt-4o?api-version=2024-10-21",
    model="gpt-4o",
    root="/openai/deployments/gpt-4o",
    key="AZURE_OPENAI_API_KEY",
    notes="`name` is your resource's, `gpt-4o` your deployment's.",
    cases=CASES,
)
