"""Servers of reward models, each in its own dialect, over real HTTP.

    async with reward_server(VLLM) as server:
        ...  # talk to server.base_url
        assert server.asked("/classify")

The reward of a text is `worth` of it: its number of "good" and "+", less its number of "bad".
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.helpers.stub_server import MODELS, StubServer, answer, model_list

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.helpers.stub_server import Behaviour

    Respond = Callable[[Any], tuple[int, Any]]

MODEL = "reward"
CONTEXT_WORDS = 50
MOST_TEI_INPUTS = 4
NO_TEMPLATE = (
    "As of transformers v4.44, default chat template is no longer allowed, so you must provide a "
    "chat template if the tokenizer does not define one."
)


def worth(text: str) -> float:
    """The reward of a text."""
    return float(text.count("good") + text.count("+") - text.count("bad"))


@dataclass(frozen=True, slots=True)
class RewardDialect:
    """A server's way to score texts.

    Attributes:
        name: The server.
        source: Where its shape is from.
        path: The endpoint that it has.
        form: How prompt and response must be sent.
        respond: Status and reply to the body of a request.
        models: The entries of its list of models; None: it has no such list.
        others: Replies at other paths.
    """

    name: str
    source: str
    path: str
    form: str
    respond: Respond
    models: tuple[dict[str, Any], ...] | None = ({"id": MODEL},)
    others: tuple[tuple[str, Any], ...] = ()


@asynccontextmanager
async def reward_server(dialect: RewardDialect, *, port: int = 0) -> AsyncIterator[StubServer]:
    """A server that speaks a dialect, and has no other endpoint."""
    async with StubServer(port=port) as server:
        speak(server, dialect)
        yield server


def speak(server: StubServer, dialect: RewardDialect) -> None:
    """Let a server speak a dialect."""
    missing = answer({"detail": "Not Found"}, 404)
    entries = dialect.models
    server.on(MODELS, missing if entries is None else model_list(*entries))
    for path in ("/v1/completions", "/v1/chat/completions"):
        server.on(path, missing)
    for path, reply in dialect.others:
        server.on(path, answer(reply))
    server.on(dialect.path, responding(dialect.respond))


def responding(respond: Respond) -> Behaviour:
    """The behaviour that answers each request by a function of its body."""

    async def behave(request: web.Request) -> web.StreamResponse:
        status, reply = respond(await request.json())
        return web.json_response(reply, status=status)

    return behave


def error(message: str, status: int = 400) -> tuple[int, Any]:
    """An error in vLLM's form."""
    return status, {"error": {"message": message, "type": "BadRequestError", "code": status}}


def _too_long(texts: list[str]) -> bool:
    return any(len(text.split()) > CONTEXT_WORDS for text in texts)


def _context_error() -> tuple[int, Any]:
    return error(
        f"This model's maximum context length is {CONTEXT_WORDS} tokens. However, your prompt "
        f"contains at least {CONTEXT_WORDS + 1} input tokens, which exceeds this limit even "
        "without any output tokens. Please reduce the length of the input prompt. "
        f"(parameter=input_tokens, value={CONTEXT_WORDS + 1})"
    )


def _classified(texts: list[str]) -> tuple[int, Any]:
    data = [
        {"index": i, "label": "LABEL_0", "probs": [worth(text)], "num_classes": 1}
        for i, text in enumerate(texts)
    ]
    return 200, {"object": "list", "model": MODEL, "data": data, "usage": {"total_tokens": 9}}


def _vllm(body: Any) -> tuple[int, Any]:
    if "messages" not in body:
        return _vllm_plain(body)
    texts = [body["messages"][-1]["content"]]
    return _context_error() if _too_long(texts) else _classified(texts)


def _vllm_plain(body: Any) -> tuple[int, Any]:
    if "messages" in body:
        return error(NO_TEMPLATE)
    if "input" not in body:
        return error("2 validation errors: ... 'Field required'")
    return _context_error() if _too_long(body["input"]) else _classified(body["input"])


def _tokens(body: Any) -> tuple[int, Any]:
    reward = worth(body["messages"][-1]["content"])
    data = [{"index": 0, "object": "pooling", "data": [[0.5], [-3.0], [reward]]}]
    return 200, {"object": "list", "model": MODEL, "data": data}


def _sglang(body: Any) -> tuple[int, Any]:
    if "text" not in body:
        said = "At least one of text, input_ids, or image should be provided"
        return 400, {"error": {"message": said}}
    meta = {"id": "x", "finish_reason": None, "prompt_tokens": 9}
    return 200, [{"embedding": [worth(text)], "meta_info": meta} for text in body["text"]]


def _tei(body: Any) -> tuple[int, Any]:
    count = len(body["inputs"])
    if count > MOST_TEI_INPUTS:
        said = f"batch size {count} > maximum allowed batch size {MOST_TEI_INPUTS}"
        return 413, {"error": said, "error_type": "Validation"}
    return 200, [[{"score": worth(pair[-1]), "label": "LABEL_0"}] for pair in body["inputs"]]


def _vllm_score(body: Any) -> tuple[int, Any]:
    texts = body["text_2"]
    if len(body["text_1"]) != len(texts):
        return error("Input lengths must be either 1:1, 1:N or N:N")
    data = [{"index": i, "object": "score", "score": worth(text)} for i, text in enumerate(texts)]
    return 200, {"object": "list", "model": MODEL, "data": data}


def _rerank(body: Any) -> tuple[int, Any]:
    results = [
        {"index": i, "relevance_score": worth(text)} for i, text in enumerate(body["documents"])
    ]
    results.sort(key=lambda result: -result["relevance_score"])
    return 200, {"model": MODEL, "object": "list", "results": results, "usage": {}}


_VLLM_ENTRY = {"id": MODEL, "owned_by": "vllm", "root": "/models/reward", "max_model_len": 50}
_VLLM_OTHERS = (("/version", {"version": "0.32.0"}),)

VLLM = RewardDialect(
    name="vLLM",
    source="taken from a server of vLLM 0.32.0",
    path="/classify",
    form="messages",
    respond=_vllm,
    models=(_VLLM_ENTRY,),
    others=_VLLM_OTHERS,
)
VLLM_PLAIN = RewardDialect(
    name="vLLM without a chat template",
    source="vllm-project/vllm: vllm/renderers/hf.py",
    path="/classify",
    form="plain",
    respond=_vllm_plain,
    models=(_VLLM_ENTRY,),
    others=_VLLM_OTHERS,
)
VLLM_TOKENS = RewardDialect(
    name="vLLM, a token classifier",
    source="vllm-project/vllm: docs/models/pooling_models/reward.md",
    path="/pooling",
    form="messages",
    respond=_tokens,
    models=(_VLLM_ENTRY,),
    others=_VLLM_OTHERS,
)
VLLM_SCORE = RewardDialect(
    name="vLLM, /score only",
    source="vllm-project/vllm: vllm/entrypoints/pooling/scoring/protocol.py",
    path="/score",
    form="pairs",
    respond=_vllm_score,
    models=(_VLLM_ENTRY,),
    others=_VLLM_OTHERS,
)
SGLANG = RewardDialect(
    name="SGLang",
    source="sgl-project/sglang: python/sglang/srt/entrypoints/http_server.py",
    path="/classify",
    form="plain",
    respond=_sglang,
    models=({"id": MODEL, "owned_by": "sglang", "root": MODEL, "max_model_len": 4096},),
)
TEI = RewardDialect(
    name="Text Embeddings Inference",
    source="huggingface/text-embeddings-inference: router/src/http/types.rs",
    path="/predict",
    form="pairs",
    respond=_tei,
    models=None,
    others=(("/info", {"model_id": MODEL, "model_sha": "ab12", "version": "1.8.2"}),),
)
LLAMA_CPP = RewardDialect(
    name="llama.cpp",
    source="ggml-org/llama.cpp: tools/server/server-common.cpp",
    path="/rerank",
    form="pairs",
    respond=_rerank,
    models=({"id": MODEL, "owned_by": "llamacpp", "meta": {"n_ctx": 4096}},),
)
HOSTED = RewardDialect(
    name="a proxy that forwards /v1 only",
    source="https://docs.together.ai/reference/rerank",
    path="/v1/rerank",
    form="pairs",
    respond=_rerank,
)
REWARD_DIALECTS = (*(VLLM, VLLM_PLAIN, VLLM_TOKENS, VLLM_SCORE, SGLANG, TEI, LLAMA_CPP, HOSTED),)
