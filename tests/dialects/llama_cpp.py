"""llama.cpp's llama-server."""

from revloop.errors import AuthenticationError, ContextFullError, OverloadedError, ServerFaultError
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

README = "ggml-org/llama.cpp: tools/server/README.md"
SERVER = "ggml-org/llama.cpp: tools/server/server.cpp"
MODEL = "ggml-org/gemma-3-1b-it-GGUF"


def said(code: int, message: str, type_: str, **fields: int) -> object:
    return {"error": {"code": code, "message": message, "type": type_, **fields}}


CASES = (
    Case(
        "models",
        README,
        models(
            {
                "id": MODEL,
                "created": 1735142223,
                "owned_by": "llamacpp",
                "meta": {"vocab_type": 2, "n_vocab": 262144, "n_ctx_train": 32768, "size": 800},
            },
            models=[{"name": MODEL, "model": MODEL, "capabilities": ["completion"]}],
        ),
        Serves(MODEL, context_tokens=32768),
        path="models",
    ),
    Case(
        "models by their files",
        README,
        models({"id": "../models/gemma-3-1b.gguf", "owned_by": "llamacpp", "meta": None}),
        Serves("../models/gemma-3-1b.gguf"),
        path="models",
    ),
    Case(
        "chat",
        SERVER,
        chat(
            "So.",
            system_fingerprint="b6527-7fe03e69",
            usage=usage(24, 3, prompt_tokens_details={"cached_tokens": 20}),
            timings={"cache_n": 20, "prompt_n": 4, "predicted_n": 3},
        ),
        Answered("So.", tokens=(24, 3), cached=20),
    ),
    Case(
        "chat, thoughts apart",
        README,
        chat("So.", message={"reasoning_content": "Let me see."}, usage=usage(24, 9)),
        Answered("So.", tokens=(24, 9), thoughts="Let me see."),
    ),
    Case(
        "completions",
        SERVER,
        completion("So.", choice={"logprobs": None, "finish_reason": "length"}, usage=usage(9, 16)),
        Answered("So.", "length", (9, 16)),
        path="completions",
    ),
    Case(
        "prompt too long",
        SERVER,
        said(
            400,
            "request (1407 tokens) exceeds the available context size (256 tokens), try "
            "increasing it",
            "exceed_context_size_error",
            n_prompt_tokens=1407,
            n_ctx=256,
        ),
        Fails(ContextFullError, "The prompt takes 1407 tokens, the limit is 256."),
        status=400,
    ),
    Case(
        "prompt too long, numbers apart, status 200",
        "https://github.com/oobabooga/textgen/issues/7257",
        said(
            400,
            "the request exceeds the available context size. try increasing the context size or "
            "enable context shift",
            "exceed_context_size_error",
            n_prompt_tokens=14429,
            n_ctx=8192,
        ),
        Fails(ContextFullError, "The prompt takes 14429 tokens, the limit is 8192."),
    ),
    Case(
        "loading",
        README,
        said(503, "Loading model", "unavailable_error"),
        Fails(OverloadedError, "Loading model"),
        status=503,
    ),
    Case(
        "wrong key",
        README,
        said(401, "Invalid API Key", "authentication_error"),
        Fails(AuthenticationError, "Invalid API Key"),
        status=401,
    ),
    Case(
        "fault",
        SERVER,
        said(500, "Compute error.", "server_error"),
        Fails(ServerFaultError, "Compute error."),
        status=500,
    ),
)

LLAMA_CPP = Dialect(
    name="llama.cpp",
    address="http://127.0.0.1:8080",
    model=MODEL,
    root="/v1",
    start=f"llama-server -hf {MODEL} --ctx-size 8192 --parallel 4",
    notes="Its slots share the context that the command gives. The length that it lists is the one "
    "of the model's training, not the one served.",
    cases=CASES,
)
