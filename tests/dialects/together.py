"""Together AI."""

from revloop.errors import (
    AuthenticationError,
    ContextFullError,
    ModelNotServedError,
    OverloadedError,
)
from tests.dialects.dialect import (
    Answered,
    Case,
    Dialect,
    Fails,
    Serves,
    chat,
    completion,
    openai_error,
    usage,
)

REFERENCE = "https://docs.together.ai/reference"
ERRORS = "https://docs.together.ai/docs/error-codes"
MODEL = "meta-llama/Llama-3.3-70B-Instruct-Turbo"

CASES = (
    Case(
        "models, without an object around them",
        f"{REFERENCE}/models-1",
        [
            {"id": MODEL, "object": "model", "type": "chat", "context_length": 131072},
            {"id": "BAAI/bge-base-en-v1.5", "object": "model", "type": "embedding"},
        ],
        Serves(MODEL, named=MODEL, context_tokens=131072),
        path="models",
    ),
    Case(
        "chat",
        f"{REFERENCE}/chat-completions-1",
        chat(
            "So.",
            message={"tool_calls": []},
            choice={"finish_reason": "eos", "logprobs": None, "seed": 5538147477163207000},
            prompt=[],
            usage=usage(24, 3, cached_tokens=0),
        ),
        Answered("So.", tokens=(24, 3), cached=0),
    ),
    Case(
        "chat, thoughts apart",
        "https://docs.together.ai/docs/deepseek-r1",
        chat("So.", message={"reasoning": "Let me see."}, usage=usage(24, 9)),
        Answered("So.", tokens=(24, 9), thoughts="Let me see."),
    ),
    Case(
        "completions",
        f"{REFERENCE}/completions-1",
        completion("So.", choice={"finish_reason": "length", "seed": 1}, usage=usage(9, 16)),
        Answered("So.", "length", (9, 16)),
        path="completions",
    ),
    Case(
        "prompt and answer too long",
        "https://github.com/stanford-crfm/helm/issues/2080",
        {
            "id": "x",
            **openai_error(
                "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. "
                "Given: 3997 `inputs` tokens and 100 `max_new_tokens`",
                param="max_tokens",
            ),
        },
        Fails(
            ContextFullError,
            "The prompt takes 3997 tokens, the answer may take 100, the limit is 4096.",
        ),
        status=422,
    ),
    Case(
        "prompt too long",
        "https://docs.together.ai/docs/error-codes (as quoted by its users)",
        openai_error(
            "The input (516368 tokens) is longer than the model's context length (262144 tokens)."
        ),
        Fails(ContextFullError, "The prompt takes 516368 tokens, the limit is 262144."),
        status=400,
    ),
    Case(
        "wrong key",
        ERRORS,
        openai_error("Invalid API key provided.", code="invalid_api_key"),
        Fails(AuthenticationError, "Invalid API key provided."),
        status=401,
    ),
    Case(
        "unknown model",
        ERRORS,
        openai_error(
            f"Unable to access model {MODEL}. Please visit https://api.together.ai/models to view "
            "the list of supported models.",
            code="model_not_available",
        ),
        Fails(ModelNotServedError, "Unable to access model"),
        status=404,
    ),
    Case(
        "too many requests",
        ERRORS,
        openai_error(
            "You have reached the rate limit specific to this model.",
            "model_rate_limit",
            code="rate_limit",
        ),
        Fails(OverloadedError, "You have reached the rate limit"),
        status=429,
        headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"},
    ),
    Case(
        "overloaded",
        ERRORS,
        openai_error("The server is overloaded or not ready yet.", "service_unavailable"),
        Fails(OverloadedError, "overloaded or not ready"),
        status=503,
    ),
)

TOGETHER = Dialect(
    name="Together",
    address="https://api.together.xyz/v1",
    model=MODEL,
    root="/v1",
    key="TOGETHER_API_KEY",
    cases=CASES,
)
