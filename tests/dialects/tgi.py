"""Hugging Face's Text Generation Inference."""

from revloop.errors import ContextFullError, OverloadedError, ServerFaultError, SettingRefusedError
from tests.dialects.dialect import (
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

LIBRARY = "huggingface/text-generation-inference: router/src/lib.rs"
VALIDATION = "huggingface/text-generation-inference: router/src/validation.rs"
INFER = "huggingface/text-generation-inference: router/src/infer/mod.rs"
MODEL = "HuggingFaceH4/zephyr-7b-beta"


def said(message: str, error_type: str) -> object:
    return {"error": message, "error_type": error_type}


CASES = (
    Case(
        "models",
        LIBRARY,
        models({"id": MODEL, "created": 0, "owned_by": MODEL}),
        Serves(MODEL),
        path="models",
    ),
    Case(
        "chat",
        LIBRARY,
        chat("So.", choice={"logprobs": None}, system_fingerprint="3.3.4", usage=usage(24, 3)),
        Answered("So.", tokens=(24, 3)),
    ),
    Case(
        "chat, another name of the end",
        LIBRARY,
        chat("So.", choice={"finish_reason": "eos_token"}, usage=usage(24, 3)),
        Answered("So.", tokens=(24, 3)),
    ),
    Case(
        "completions",
        LIBRARY,
        completion("So.", choice={"finish_reason": "stop_sequence"}, usage=usage(7, 2)),
        Answered("So.", tokens=(7, 2)),
        path="completions",
    ),
    Case(
        "prompt and answer too long",
        VALIDATION,
        said(
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: "
            "3997 `inputs` tokens and 512 `max_new_tokens`",
            "validation",
        ),
        Fails(
            ContextFullError,
            "The prompt takes 3997 tokens, the answer may take 512, the limit is 4096.",
        ),
        status=422,
    ),
    Case(
        "prompt too long",
        VALIDATION,
        said(
            "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000",
            "validation",
        ),
        Fails(ContextFullError, "The prompt takes 2000 tokens, the limit is 1024."),
        status=422,
    ),
    Case(
        "prompt too long, with status 200",
        "https://github.com/huggingface/text-generation-inference/issues/2749",
        {
            "error": {
                "message": "Input validation error: `inputs` must have less than 1024 tokens. "
                "Given: 2000",
                "http_status_code": 422,
            }
        },
        Fails(ContextFullError, "The prompt takes 2000 tokens, the limit is 1024."),
    ),
    Case(
        "setting out of range",
        VALIDATION,
        said("Input validation error: `temperature` must be strictly positive", "validation"),
        Fails(SettingRefusedError, "`temperature` must be strictly positive"),
        status=422,
    ),
    Case(
        "overloaded",
        INFER,
        said("Model is overloaded", "overloaded"),
        Fails(OverloadedError, "Model is overloaded"),
        status=429,
    ),
    Case(
        "generation failed",
        INFER,
        said("Request failed during generation: Server error: CUDA", "generation"),
        Fails(ServerFaultError, "CUDA"),
        status=424,
    ),
)

TGI = Dialect(
    name="TGI",
    address="http://127.0.0.1:8080",
    model=MODEL,
    root="/v1",
    start="docker run --gpus all --shm-size 1g -p 8080:80 "
    f"ghcr.io/huggingface/text-generation-inference:3.3.5 --model-id {MODEL}",
    notes="Some versions refuse a temperature of 0.",
    cases=CASES,
)
