"""LM Studio."""

from revloop.errors import ContextFullError, ModelNotServedError, WrongAddressError
from tests.dialects.dialect import (
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

DOCS = "https://lmstudio.ai/docs/developer/openai-compat"
REST = "https://lmstudio.ai/docs/developer/rest/endpoints"
OVERFLOW = "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/546"
MODEL = "qwen/qwen3-4b"

CASES = (
    Case(
        "models",
        DOCS,
        models(
            {"id": MODEL, "owned_by": "organization_owner"},
            {"id": "text-embedding-nomic-embed-text-v1.5", "owned_by": "organization_owner"},
        ),
        Serves(MODEL, named=MODEL),
        path="models",
    ),
    Case(
        "models of its own API",
        REST,
        models(
            {
                "id": MODEL,
                "type": "llm",
                "state": "loaded",
                "max_context_length": 32768,
                "loaded_context_length": 4096,
            }
        ),
        Serves(MODEL, context_tokens=4096),
        path="models",
    ),
    Case(
        "chat",
        REST,
        chat(
            "So.",
            choice={"logprobs": None},
            usage=usage(24, 3),
            stats={"tokens_per_second": 51.4, "stop_reason": "eosFound"},
            model_info={"arch": "qwen3", "context_length": 4096},
        ),
        Answered("So.", tokens=(24, 3)),
    ),
    Case(
        "chat, thoughts apart",
        "https://lmstudio.ai/docs/developer/api-changelog",
        chat("So.", message={"reasoning": "Let me see.", "tool_calls": []}, usage=usage(24, 9)),
        Answered("So.", tokens=(24, 9), thoughts="Let me see."),
    ),
    Case(
        "completions",
        DOCS,
        completion("So.", choice={"logprobs": None}, usage=usage(9, 2)),
        Answered("So.", tokens=(9, 2)),
        path="completions",
    ),
    Case(
        "prompt too long",
        OVERFLOW,
        {
            "error": "Trying to keep the first 111490 tokens when context the overflows. However, "
            "the model is loaded with context length of only 32768 tokens, which is not enough. "
            "Try to load the model with a larger context length, or provide a shorter input"
        },
        Fails(ContextFullError, "The prompt takes 111490 tokens, the limit is 32768."),
        status=400,
    ),
    Case(
        "prompt too long, as an event with status 200",
        "https://github.com/aaif-goose/goose/issues/11318",
        "\n\nevent: error\n"
        'data: {"error":{"message":"Input does not fit in context length. The input has 31430 '
        'tokens, but the context length only supports 30000 tokens."},"message":"Input does not '
        'fit in context length."}\n\n',
        Fails(ContextFullError, "The prompt takes 31430 tokens, the limit is 30000."),
        headers={"Content-Type": "text/event-stream"},
    ),
    Case(
        "unknown model",
        DOCS,
        openai_error(
            f'Invalid model identifier "{MODEL}". Please specify a valid downloaded model.',
            code="model_not_found",
            param="model",
        ),
        Fails(ModelNotServedError, "Please specify a valid downloaded model."),
        status=400,
    ),
    Case(
        "unknown path, with status 200",
        "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/1323",
        {"error": "Unexpected endpoint or method. (POST /v1/chat/completions)"},
        Fails(WrongAddressError, "Unexpected endpoint or method."),
    ),
)

LM_STUDIO = Dialect(
    name="LM Studio",
    address="http://127.0.0.1:1234",
    model=MODEL,
    root="/v1",
    start=f"lms server start && lms load {MODEL} --context-length 8192",
    notes="With `/api/v0` after the address, it also reports the context length.",
    cases=CASES,
)
