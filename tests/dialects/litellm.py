"""LiteLLM's proxy."""

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

PROXY = "BerriAI/litellm: litellm/proxy/proxy_server.py"
EXCEPTIONS = "BerriAI/litellm: litellm/exceptions.py"
MEASURED = "the proxy itself, 1.108.7, before a stub"
MODEL = "gpt-4o"
NO_FALLBACK = (
    "\n\nLiteLLM: model group 'gpt-4o' failed with the error above. No fallback was attempted."
)

CASES = (
    Case(
        "models",
        PROXY,
        models(
            {"id": MODEL, "created": 1677610602, "owned_by": "openai"},
            {"id": "claude", "created": 1677610602, "owned_by": "openai"},
        ),
        Serves(MODEL, named=MODEL),
        path="models",
    ),
    Case(
        "models by a wildcard",
        "https://docs.litellm.ai/docs/wildcard_routing",
        models({"id": "openai/*", "created": 1677610602, "owned_by": "openai"}),
        Serves("openai/gpt-4o", named="openai/gpt-4o"),
        path="models",
    ),
    Case(
        "chat",
        PROXY,
        chat(
            "So.",
            message={"tool_calls": None, "function_call": None, "provider_specific_fields": {}},
            system_fingerprint=None,
            usage=usage(24, 3, prompt_tokens_details={"audio_tokens": None, "cached_tokens": 8}),
        ),
        Answered("So.", tokens=(24, 3), cached=8),
    ),
    Case(
        "chat, thoughts of a vLLM server behind it",
        MEASURED,
        chat(
            "So.",
            message={
                "reasoning_content": "Let me see.",
                "provider_specific_fields": {"reasoning": "Let me see."},
            },
            choice={"provider_specific_fields": {}},
            usage=usage(24, 9, prompt_tokens_details={"cached_tokens": 8}),
        ),
        Answered("So.", tokens=(24, 9), cached=8, thoughts="Let me see."),
    ),
    Case(
        "chat, thoughts apart",
        "https://docs.litellm.ai/docs/reasoning_content",
        chat(
            "So.",
            message={"reasoning_content": "Let me see.", "thinking_blocks": [{"type": "thinking"}]},
            usage=usage(24, 9),
        ),
        Answered("So.", tokens=(24, 9), thoughts="Let me see."),
    ),
    Case(
        "chat, usage in part",
        "https://github.com/compl-ai/compl-ai/issues/20",
        chat("So.", usage={"total_tokens": 27, "prompt_tokens": None}),
        Answered("So."),
    ),
    Case(
        "chat, no usage",
        "https://github.com/compl-ai/compl-ai/issues/20",
        chat("So.", usage=None),
        Answered("So."),
    ),
    Case(
        "completions",
        PROXY,
        completion("So.", choice={"logprobs": None}, usage=usage(9, 2)),
        Answered("So.", tokens=(9, 2)),
        path="completions",
    ),
    Case(
        "prompt too long",
        EXCEPTIONS,
        openai_error(
            "litellm.ContextWindowExceededError: litellm.BadRequestError: "
            "ContextWindowExceededError: OpenAIException - This model's maximum context length is "
            "4097 tokens. However, your messages resulted in 6988 tokens. Please reduce the length "
            f"of the messages.{NO_FALLBACK}",
            None,
            code="400",
        ),
        Fails(ContextFullError, "The prompt takes 6988 tokens, the limit is 4097."),
        status=400,
    ),
    Case(
        "prompt too long for a vLLM server behind it",
        MEASURED,
        openai_error(
            "litellm.ContextWindowExceededError: litellm.BadRequestError: "
            'ContextWindowExceededError: Hosted_vllmException - {"error": {"message": "This '
            "model's maximum context length is 40960 tokens. However, your prompt contains at "
            "least 40961 input tokens, which exceeds this limit even without any output tokens. "
            'Please reduce the length of the input prompt.", "type": "BadRequestError", "param": '
            f'"input_tokens", "code": 400}}}}{NO_FALLBACK}',
            code="400",
        ),
        Fails(ContextFullError, "The prompt takes 40961 tokens, the limit is 40960."),
        status=400,
    ),
    Case(
        "prompt too long for a server behind it, after many words",
        EXCEPTIONS,
        openai_error(
            "litellm.BadRequestError: " + "Hosted_vllmException - " * 20 + "This model's maximum "
            "context length is 2048 tokens. However, you requested 2600 tokens (2088 in the "
            "messages, 512 in the completion).",
            None,
            code="400",
        ),
        Fails(ContextFullError, "The prompt takes 2088 tokens, the answer may take 512"),
        status=400,
    ),
    Case(
        "content filter of a server behind it",
        "https://github.com/BerriAI/litellm/pull/16231",
        openai_error(
            "litellm.BadRequestError: litellm.ContentPolicyViolationError: AzureException - The "
            "response was filtered due to the prompt triggering Azure OpenAI's content management "
            f"policy.{NO_FALLBACK}",
            None,
            code="400",
        ),
        Fails(ContentFilterError, "content management policy"),
        status=400,
    ),
    Case(
        "token limit under another name for a server behind it",
        MEASURED,
        openai_error(
            "litellm.BadRequestError: OpenAIException - Unsupported parameter: 'max_tokens' is not "
            f"supported with this model. Use 'max_completion_tokens' instead.{NO_FALLBACK}",
            code="400",
            param="max_tokens",
        ),
        Adapts("max_tokens", "max_completion_tokens"),
        status=400,
    ),
    Case(
        "parameter not supported by a server behind it",
        EXCEPTIONS,
        openai_error(
            "litellm.UnsupportedParamsError: bedrock does not support parameters: ['seed'], for "
            "model=claude. To drop these, set `litellm.drop_params=True`",
            None,
            code="400",
        ),
        Adapts("seed"),
        status=400,
    ),
    Case(
        "wrong key",
        "BerriAI/litellm: litellm/proxy/auth/user_api_key_auth.py",
        openai_error(
            "Authentication Error, Invalid proxy server token passed. Received API Key = "
            "sk-...-this, Key Hash (Token) =61def7. Unable to find token in cache or "
            "`LiteLLM_VerificationTokenTable`",
            "token_not_found_in_db",
            code="401",
            param="key",
        ),
        Fails(AuthenticationError, "Invalid proxy server token passed."),
        status=401,
    ),
    Case(
        "no budget",
        EXCEPTIONS,
        openai_error(
            "Budget has been exceeded! Current cost: 0.38, Max budget: 0.1",
            "budget_exceeded",
            code="400",
        ),
        Fails(QuotaError, "Budget has been exceeded!"),
        status=400,
    ),
    Case(
        "unknown model, without a database",
        MEASURED,
        openai_error(
            "litellm.BadRequestError: You passed in model=gpt-4o. There are no healthy deployments "
            f"for this model{NO_FALLBACK}",
            code="400",
        ),
        Fails(ModelNotServedError, "You passed in model=gpt-4o."),
        status=400,
    ),
    Case(
        "wrong key, without a database",
        MEASURED,
        openai_error("No connected db.", "no_db_connection", code="400"),
        Fails(AuthenticationError, "No connected db. Set the server's key"),
        status=400,
    ),
    Case(
        "unknown model",
        PROXY,
        openai_error(
            "/chat/completions: Invalid model name passed in model=gpt-4o. Call `/v1/models` to "
            "view available models for your key.",
            code="400",
            param="None",
        ),
        Fails(ModelNotServedError, "Invalid model name passed"),
        status=400,
    ),
    Case(
        "too many requests",
        EXCEPTIONS,
        openai_error(
            "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached.",
            "throttling_error",
            code="429",
        ),
        Fails(OverloadedError, "Rate limit reached.", wait_s=3),
        status=429,
        headers={"retry-after": "3"},
    ),
    Case(
        "fault",
        EXCEPTIONS,
        openai_error("litellm.APIConnectionError: APIConnectionError: boom", None, code="500"),
        Fails(ServerFaultError, "boom"),
        status=500,
    ),
)

LITELLM = Dialect(
    name="LiteLLM",
    address="http://127.0.0.1:4000",
    model=MODEL,
    root="/v1",
    start="litellm --config config.yaml",
    key="LITELLM_API_KEY",
    cases=CASES,
)
