"""Ollama."""

from revloop.errors import ContextFullError, ModelNotServedError, OverloadedError, ServerFaultError
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

OPENAI = "ollama/ollama: openai/openai.go"
LIST = models(
    {"id": "qwen3:8b", "created": 1753000000, "owned_by": "library"},
    {"id": "llama3.2:latest", "created": 1753000001, "owned_by": "library"},
)

CASES = (
    Case("models", OPENAI, LIST, Serves("qwen3:8b", named="qwen3:8b"), path="models"),
    Case(
        "models, tag left out",
        OPENAI,
        LIST,
        Serves("llama3.2:latest", named="llama3.2"),
        path="models",
    ),
    Case(
        "chat",
        OPENAI,
        chat("So.", system_fingerprint="fp_ollama", usage=usage(26, 3)),
        Answered("So.", tokens=(26, 3)),
    ),
    Case(
        "chat, thoughts apart",
        OPENAI,
        chat("So.", message={"reasoning": "Let me see."}, usage=usage(26, 9)),
        Answered("So.", tokens=(26, 9), thoughts="Let me see."),
    ),
    Case(
        "chat, prompt in the cache",
        OPENAI,
        chat("So.", usage=usage(0, 3)),
        Answered("So.", tokens=(0, 3)),
    ),
    Case(
        "chat, end not told",
        OPENAI,
        chat("So.", choice={"finish_reason": None}, usage=usage(26, 3)),
        Answered("So.", tokens=(26, 3)),
    ),
    Case(
        "completions",
        OPENAI,
        completion("So.", choice={"finish_reason": "length"}, usage=usage(9, 16)),
        Answered("So.", "length", (9, 16)),
        path="completions",
    ),
    Case(
        "prompt too long",
        "https://github.com/ollama/ollama/pull/17944",
        openai_error(
            "request (40123 tokens) exceeds the available context size (32768 tokens), try "
            "increasing it"
        ),
        Fails(ContextFullError, "The prompt takes 40123 tokens, the limit is 32768."),
        status=400,
    ),
    Case(
        "prompt too long, Ollama's cloud",
        "https://docs.ollama.com/cloud (as quoted by its users)",
        openai_error("The prompt is too long: 325881, model maximum context length: 262144"),
        Fails(ContextFullError, "The prompt takes 325881 tokens, the limit is 262144."),
        status=400,
    ),
    Case(
        "prompt too long, older",
        "ollama/ollama: server/routes.go",
        openai_error("the input length exceeds the context length"),
        Fails(ContextFullError, "the input length exceeds the context length"),
        status=400,
    ),
    Case(
        "unknown model",
        "ollama/ollama: server/routes.go",
        openai_error('model "qwen3:8b" not found, try pulling it first', "not_found_error"),
        Fails(ModelNotServedError, "try pulling it first"),
        status=404,
    ),
    Case(
        "queue full",
        "ollama/ollama: server/sched.go",
        openai_error(
            "server busy, please try again.  maximum pending requests exceeded", "api_error"
        ),
        Fails(OverloadedError, "maximum pending requests exceeded"),
        status=503,
    ),
    Case(
        "fault",
        "ollama/ollama: llm/server.go",
        openai_error("llama runner process has terminated: exit status 2", "api_error"),
        Fails(ServerFaultError, "llama runner process has terminated"),
        status=500,
    ),
)

OLLAMA = Dialect(
    name="Ollama",
    address="http://127.0.0.1:11434",
    model="qwen3:8b",
    root="/v1",
    start="OLLAMA_CONTEXT_LENGTH=16384 ollama serve",
    notes="Set `OLLAMA_CONTEXT_LENGTH`: by default some models get the start of a prompt that is "
    "too long cut off without an error.",
    cases=CASES,
)
