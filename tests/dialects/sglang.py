"""SGLang."""

from revloop.errors import ContextFullError, OverloadedError, RejectedError, ServerFaultError
from tests.dialects.dialect import (
    Answered,
    Case,
    Dialect,
    Fails,
    Serves,
    chat,
    completion,
    flat_error,
    models,
    usage,
)

PROTOCOL = "sgl-project/sglang: python/sglang/srt/entrypoints/openai/protocol.py"
SERVING = "sgl-project/sglang: python/sglang/srt/entrypoints/openai/serving_base.py"
MODEL = "qwen/qwen2.5-7b-instruct"

CASES = (
    Case(
        "models",
        PROTOCOL,
        models({"id": MODEL, "owned_by": "sglang", "root": MODEL, "max_model_len": 32768}),
        Serves(MODEL, context_tokens=32768),
        path="models",
    ),
    Case(
        "chat",
        PROTOCOL,
        chat(
            "So.",
            message={"reasoning_content": None, "tool_calls": None},
            choice={"logprobs": None, "matched_stop": 151645},
            usage=usage(30, 2, prompt_tokens_details=None),
            metadata={"weight_version": "default"},
        ),
        Answered("So.", tokens=(30, 2)),
    ),
    Case(
        "chat, thoughts apart",
        PROTOCOL,
        chat("So.", message={"reasoning_content": "Let me see."}, usage=usage(30, 8)),
        Answered("So.", tokens=(30, 8), thoughts="Let me see."),
    ),
    Case(
        "chat, cached prompt",
        SERVING,
        chat("So.", usage=usage(30, 2, prompt_tokens_details={"cached_tokens": 16})),
        Answered("So.", tokens=(30, 2), cached=16),
    ),
    Case(
        "completions",
        PROTOCOL,
        completion("So.", choice={"matched_stop": None, "finish_reason": "length"}),
        Answered("So.", "length"),
        path="completions",
    ),
    Case(
        "prompt too long",
        "sgl-project/sglang: python/sglang/srt/managers/tokenizer_manager.py",
        flat_error(
            "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
            "BadRequestError",
            400,
        ),
        Fails(ContextFullError, "The prompt takes 61709 tokens, the limit is 40960."),
        status=400,
    ),
    Case(
        "prompt too long, as a fault of the server",
        SERVING,
        flat_error(
            "Internal server error: The input (61709 tokens) is longer than the model's context "
            "length (40960 tokens).",
            "InternalServerError",
            500,
        ),
        Fails(ContextFullError, "The prompt takes 61709 tokens, the limit is 40960."),
        status=500,
    ),
    Case(
        "prompt and answer too long",
        "sgl-project/sglang: python/sglang/srt/managers/tokenizer_manager.py",
        flat_error(
            "Requested token count exceeds the model's maximum context length of 40960 tokens. "
            "You requested a total of 42709 tokens: 40661 tokens from the input messages and 2048 "
            "tokens for the completion. Please reduce the number of tokens in the input messages "
            "or the completion to fit within the limit.",
            "BadRequestError",
            400,
        ),
        Fails(
            ContextFullError,
            "The prompt takes 40661 tokens, the answer may take 2048, the limit is 40960.",
        ),
        status=400,
    ),
    Case(
        "queue full",
        "sgl-project/sglang: python/sglang/srt/managers/scheduler.py",
        flat_error("The request queue is full.", "ServiceUnavailableError", 503),
        Fails(OverloadedError, "The request queue is full."),
        status=503,
    ),
    Case(
        "invalid request",
        SERVING,
        flat_error("Messages cannot be empty", "BadRequestError", 400),
        Fails(RejectedError, "Messages cannot be empty"),
        status=400,
    ),
    Case(
        "fault",
        SERVING,
        flat_error("Internal server error: boom", "InternalServerError", 500),
        Fails(ServerFaultError, "boom"),
        status=500,
    ),
)

SGLANG = Dialect(
    name="SGLang",
    address="http://127.0.0.1:30000",
    model=MODEL,
    root="/v1",
    start=f"python -m sglang.launch_server --model-path {MODEL} --port 30000",
    cases=CASES,
)
