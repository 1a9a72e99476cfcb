"""vLLM before 0.11: errors without an envelope, thoughts as ``reasoning_content``."""

from revloop.errors import ContextFullError, ModelNotServedError, SettingRefusedError
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

SERVING = "vllm-project/vllm: vllm/entrypoints/openai/serving_engine.py (0.6)"
PROTOCOL = "vllm-project/vllm: vllm/entrypoints/openai/protocol.py (0.8)"
MODEL = "meta-llama/Llama-3.1-8B-Instruct"


def bad(message: str) -> object:
    return flat_error(message, "BadRequestError", 400)


CASES = (
    Case(
        "models",
        SERVING,
        models({"id": MODEL, "owned_by": "vllm", "root": MODEL, "max_model_len": 8192}),
        Serves(MODEL, context_tokens=8192),
        path="models",
    ),
    Case(
        "chat",
        PROTOCOL,
        chat(
            "So.",
            message={"tool_calls": []},
            choice={"stop_reason": 128009, "logprobs": None},
            usage=usage(25, 2),
        ),
        Answered("So.", tokens=(25, 2)),
    ),
    Case(
        "chat, thoughts apart",
        PROTOCOL,
        chat(
            "So.", message={"reasoning_content": "Let me see.", "tool_calls": []}, usage=usage(9, 9)
        ),
        Answered("So.", tokens=(9, 9), thoughts="Let me see."),
    ),
    Case(
        "completions",
        PROTOCOL,
        completion("So.", choice={"stop_reason": None}, usage=usage(8, 2)),
        Answered("So.", tokens=(8, 2)),
        path="completions",
    ),
    Case(
        "prompt and answer too long",
        SERVING,
        bad(
            "This model's maximum context length is 8192 tokens. However, you requested 8704 "
            "tokens (8192 in the messages, 512 in the completion). Please reduce the length of "
            "the messages or completion."
        ),
        Fails(
            ContextFullError,
            "The prompt takes 8192 tokens, the answer may take 512, the limit is 8192.",
        ),
        status=400,
    ),
    Case(
        "prompt too long",
        SERVING,
        bad(
            "This model's maximum context length is 8192 tokens. However, you requested 9000 "
            "tokens in the messages, Please reduce the length of the messages."
        ),
        Fails(ContextFullError, "The prompt takes 9000 tokens, the limit is 8192."),
        status=400,
    ),
    Case(
        "prompt too long, 0.7",
        "https://github.com/vllm-project/vllm/issues/12165",
        bad(
            "The prompt (total length 25938) is too long to fit into the model (context length "
            "4096). Make sure that `max_model_len` is no smaller than the number of text tokens "
            "plus multimodal tokens."
        ),
        Fails(ContextFullError, "The prompt takes 25938 tokens, the limit is 4096."),
        status=400,
    ),
    Case(
        "no room",
        "https://github.com/vllm-project/vllm/issues/4667",
        bad("max_tokens must be at least 1, got -186."),
        Fails(ContextFullError, "max_tokens must be at least 1, got -186."),
        status=400,
    ),
    Case(
        "unknown model",
        SERVING,
        flat_error(f"The model `{MODEL}` does not exist.", "NotFoundError", 404),
        Fails(ModelNotServedError, f"'{MODEL}' is not served"),
        status=404,
    ),
    Case(
        "extra field",
        "https://github.com/1Panel-dev/MaxKB/issues/2912",
        bad(
            "[{'type': 'extra_forbidden', 'loc': ('body', 'guided'), 'msg': 'Extra inputs are "
            "not permitted', 'input': 1}]"
        ),
        Fails(SettingRefusedError, "Extra inputs are not permitted"),
        status=400,
    ),
)

VLLM_BEFORE = Dialect(
    name="vLLM before 0.11",
    address="http://127.0.0.1:8000",
    model=MODEL,
    root="/v1",
    cases=CASES,
)
