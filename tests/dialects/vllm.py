"""vLLM since 0.11, as its sources have it."""

from revloop.errors import (
    AuthenticationError,
    ContextFullError,
    ModelNotServedError,
    RejectedError,
    ServerFaultError,
    SettingRefusedError,
)
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

PROTOCOL = "vllm-project/vllm: vllm/entrypoints/serve/engine/protocol.py (0.32)"
CHAT = "vllm-project/vllm: vllm/entrypoints/openai/chat_completion/protocol.py (0.32)"
LENGTHS = "vllm-project/vllm: vllm/renderers/params.py (0.32)"
MODEL = "Qwen/Qwen3-8B"


def bad(message: str, param: str | None = None) -> object:
    return openai_error(message, "BadRequestError", code=400, param=param)


CASES = (
    Case(
        "models",
        PROTOCOL,
        models({"id": MODEL, "owned_by": "vllm", "root": "/srv/qwen3-8b", "max_model_len": 40960}),
        Serves(MODEL, context_tokens=40960),
        path="models",
    ),
    Case(
        "models with an adapter",
        "vllm-project/vllm: vllm/entrypoints/openai/models/serving.py (0.32)",
        models(
            {"id": MODEL, "owned_by": "vllm", "root": MODEL, "parent": None, "max_model_len": 8192},
            {"id": "critic", "owned_by": "vllm", "root": "/srv/lora", "parent": MODEL},
        ),
        Serves("critic", named="critic"),
        path="models",
    ),
    Case(
        "chat",
        CHAT,
        chat(
            "It is rayleigh scattering.",
            message={"refusal": None, "annotations": None, "audio": None, "function_call": None},
            choice={"logprobs": None, "stop_reason": None, "token_ids": None},
            usage=usage(31, 9, prompt_tokens_details=None),
            prompt_logprobs=None,
            kv_transfer_params=None,
        ),
        Answered("It is rayleigh scattering.", tokens=(31, 9)),
    ),
    Case(
        "chat, cached prompt",
        PROTOCOL,
        chat("So.", usage=usage(64, 2, prompt_tokens_details={"cached_tokens": 48})),
        Answered("So.", tokens=(64, 2), cached=48),
    ),
    Case(
        "chat, thoughts apart",
        CHAT,
        chat("So.", message={"reasoning": "Let me see."}, usage=usage(20, 12)),
        Answered("So.", tokens=(20, 12), thoughts="Let me see."),
    ),
    Case(
        "chat, cut while thinking",
        CHAT,
        chat(
            None,
            message={"reasoning": "Let me"},
            choice={"finish_reason": "length"},
            usage=usage(20, 16),
        ),
        Answered("", "length", (20, 16), thoughts="Let me"),
    ),
    Case(
        "chat, a tool called",
        CHAT,
        chat(
            None,
            message={
                "tool_calls": [
                    {"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ]
            },
            choice={"finish_reason": "tool_calls"},
            usage=usage(20, 8),
        ),
        Answered("", "tool_calls", (20, 8)),
    ),
    Case(
        "chat, cut",
        CHAT,
        chat("So it", choice={"finish_reason": "length"}, usage=usage(20, 16)),
        Answered("So it", "length", (20, 16)),
    ),
    Case(
        "completions",
        "vllm-project/vllm: vllm/entrypoints/openai/completion/protocol.py (0.32)",
        completion(" So.", choice={"logprobs": None, "stop_reason": 11}, usage=usage(20, 3)),
        Answered(" So.", tokens=(20, 3)),
        path="completions",
    ),
    Case(
        "prompt too long",
        LENGTHS,
        bad(
            "This model's maximum context length is 40960 tokens. However, your prompt contains "
            "at least 40961 input tokens, which exceeds this limit even without any output "
            "tokens. Please reduce the length of the input prompt.",
            "input_tokens",
        ),
        Fails(ContextFullError, "The prompt takes 40961 tokens, the limit is 40960."),
        status=400,
    ),
    Case(
        "prompt and answer too long",
        "vllm-project/vllm: vllm/renderers/params.py (before 0.32)",
        bad(
            "This model's maximum context length is 40960 tokens. However, you requested 2048 "
            "output tokens and your prompt contains 39000 input tokens, for a total of 41048 "
            "tokens. Please reduce the length of the input prompt or the number of requested "
            "output tokens.",
            "input_tokens",
        ),
        Fails(
            ContextFullError,
            "The prompt takes 39000 tokens, the answer may take 2048, the limit is 40960.",
        ),
        status=400,
    ),
    Case(
        "prompt of too many characters",
        LENGTHS,
        bad(
            "This model's maximum context length is 40960 tokens. However, your prompt contains "
            "9000000 characters (more than 5242880 characters, which is the upper bound for 40960 "
            "input tokens). Please reduce the length of the input prompt.",
            "input_text",
        ),
        Fails(ContextFullError, "The limit is 40960."),
        status=400,
    ),
    Case(
        "token ids too long",
        "vllm-project/vllm: vllm/v1/engine/input_processor.py (0.32)",
        bad(
            "The decoder prompt (length 5000) is longer than the maximum model length of 4096. "
            "Make sure that `max_model_len` is no smaller than the number of text tokens."
        ),
        Fails(ContextFullError, "The prompt takes 5000 tokens, the limit is 4096."),
        path="completions",
        status=400,
    ),
    Case(
        "unknown model",
        "vllm-project/vllm: vllm/entrypoints/serve/engine/serving.py (0.32)",
        openai_error(
            f"The model `{MODEL}` does not exist. Valid aliases: qwen.",
            "NotFoundError",
            code=404,
            param="model",
        ),
        Fails(ModelNotServedError, f"'{MODEL}' is not served"),
        status=404,
    ),
    Case(
        "wrong key",
        "vllm-project/vllm: vllm/entrypoints/serve/middleware/authenticate.py (0.32)",
        {"error": "Unauthorized"},
        Fails(AuthenticationError, "REVLOOP_API_KEY"),
        status=401,
    ),
    Case(
        "setting out of range",
        PROTOCOL,
        bad("temperature must be non-negative, got -1.0.", "temperature"),
        Fails(SettingRefusedError, "temperature must be non-negative"),
        status=400,
    ),
    Case(
        "message refused",
        PROTOCOL,
        bad("Unexpected message role."),
        Fails(RejectedError, "Unexpected message role."),
        status=400,
    ),
    Case(
        "engine dead",
        PROTOCOL,
        openai_error("EngineCore encountered an issue.", "InternalServerError", code=500),
        Fails(ServerFaultError, "EngineCore encountered an issue."),
        status=500,
    ),
)

VLLM = Dialect(
    name="vLLM",
    address="http://127.0.0.1:8000",
    model=MODEL,
    root="/v1",
    start=f"vllm serve {MODEL}",
    notes="Or `revloop serve`, with settings for this work.",
    cases=CASES,
)
