"""The endpoints of servers that score texts: what each is sent, and how its reply is read.

Sources: vLLM 0.32, ``vllm/entrypoints/pooling`` (``classify``, ``pooling`` and ``scoring``);
SGLang, ``EmbeddingReqInput`` in ``srt/managers/io_struct.py``; Text Embeddings Inference,
``router/src/http/types.rs``; llama.cpp, ``format_response_rerank`` in ``tools/server``, in the form
of Jina and Cohere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revloop.errors import BadReplyError, ModelConfigError

if TYPE_CHECKING:
    from revloop.engines.rewards.batching import Answered

_MOST_TEXTS = 32
"""Texts in one request: as many as Text Embeddings Inference takes by default."""
_MOST_BATCHES = 4
_MOST_CHATS = 64
"""Requests at the same time where each has one text; vLLM batches them itself."""

Reward = Callable[[Any], Any]
"""Finds the number, or the list of numbers, in the entry of one text."""


@dataclass(frozen=True, slots=True)
class RewardEndpoint:
    """An endpoint that scores texts.

    Attributes:
        path: Its path; ``{root}`` stands for the root of the API, such as ``/v1``.
        form: How prompt and response are sent: as messages, which the server renders with its chat
            template; as two texts, for a model that reads pairs; or as one plain text.
        fields: The body without the model's name.
        entries: The field of the reply that holds an entry for each text.
        reward: Finds the number in an entry.
        most_texts: Most texts in one request.
        most_batches: Most requests at the same time.
        has_one_prompt: Whether all texts of a request answer the same prompt.
    """

    path: str
    form: str
    fields: Callable[[Sequence[Answered]], dict[str, Any]]
    reward: Reward
    entries: str = "data"
    most_texts: int = _MOST_TEXTS
    most_batches: int = _MOST_BATCHES
    has_one_prompt: bool = False

    def read(self, reply: Mapping[str, Any], where: str, count: int) -> list[float]:
        """The rewards in a reply, in the order of the texts.

        Raises:
            ModelConfigError: The model gives a text more than one number.
            BadReplyError: The reply is malformed.
        """
        entries = reply.get(self.entries)
        if not isinstance(entries, list) or len(entries) != count:
            raise BadReplyError(f"{where} did not send one reward for each of {count} texts.")
        rewards: dict[int, float] = {}
        for place, entry in enumerate(entries):
            try:
                index = entry.get("index", place) if isinstance(entry, dict) else place
                rewards[index] = _one_number(self.reward(entry), where)
            except (KeyError, IndexError, TypeError) as exc:
                raise BadReplyError(f"{where} sent a malformed reward: {exc!r}.") from exc
        if rewards.keys() != set(range(count)):
            raise BadReplyError(f"{where} did not send one reward for each of {count} texts.")
        return [rewards[index] for index in range(count)]


def _one_number(found: Any, where: str) -> float:
    if isinstance(found, list) and found and all(isinstance(one, list) for one in found):
        found = found[-1]  # a number for each token: the last one has read the whole text
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if isinstance(found, list) and found:
        raise ModelConfigError(
            f"{where} gives {len(found)} numbers for a text, and a reward is one number. The model "
            "is a classifier with several labels, a process reward model or an embedding model. "
            "Serve a reward model: a sequence classifier with one output (num_labels: 1)."
        )
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise BadReplyError(f"{where} sent a reward that is not a finite number.")
    return float(found)


def plain(answered: Answered) -> str:
    """Prompt and response for a model without a chat template: an empty line between them."""
    return f"{answered.prompt}\n\n{answered.text}" if answered.prompt else answered.text


def turns(answered: Answered) -> list[dict[str, str]]:
    """Prompt and response as a conversation."""
    return [
        {"role": "user", "content": answered.prompt},
        {"role": "assistant", "content": answered.text},
    ]


def _messages(texts: Sequence[Answered]) -> dict[str, Any]:
    (answered,) = texts
    return {"messages": turns(answered), "use_activation": False}


def _input(texts: Sequence[Answered]) -> dict[str, Any]:
    return {"input": [plain(answered) for answered in texts], "use_activation": False}


def _text(texts: Sequence[Answered]) -> dict[str, Any]:
    return {"text": [plain(answered) for answered in texts]}


def _inputs(texts: Sequence[Answered]) -> dict[str, Any]:
    pairs = [[one.prompt, one.text] if one.prompt else [one.text] for one in texts]
    return {"inputs": pairs, "raw_scores": True}


def _pairs(texts: Sequence[Answered]) -> dict[str, Any]:
    return {
        "text_1": [answered.prompt for answered in texts],
        "text_2": [answered.text for answered in texts],
        "use_activation": False,
    }


def _documents(texts: Sequence[Answered]) -> dict[str, Any]:
    return {"query": texts[0].prompt, "documents": [answered.text for answered in texts]}


def _probs(entry: Any) -> Any:
    return entry["probs"]


def _data(entry: Any) -> Any:
    return entry["data"]


def _embedding(entry: Any) -> Any:
    return entry["embedding"]


def _scores(entry: Any) -> Any:
    return [label["score"] for label in entry]


def _score(entry: Any) -> Any:
    return entry["score"]


def _relevance(entry: Any) -> Any:
    return entry["relevance_score"]


def _chat(path: str, reward: Reward) -> RewardEndpoint:
    return RewardEndpoint(
        path, "messages", _messages, reward, most_texts=1, most_batches=_MOST_CHATS
    )


def _rerank(path: str) -> RewardEndpoint:
    return RewardEndpoint(
        path, "pairs", _documents, _relevance, entries="results", has_one_prompt=True
    )


ENDPOINTS = (
    _chat("/classify", _probs),
    RewardEndpoint("/classify", "plain", _input, _probs),
    _chat("/pooling", _data),
    RewardEndpoint("/pooling", "plain", _input, _data),
    RewardEndpoint("/classify", "plain", _text, _embedding),
    RewardEndpoint("/predict", "pairs", _inputs, _scores),
    RewardEndpoint("/score", "pairs", _pairs, _score),
    RewardEndpoint("{root}/score", "pairs", _pairs, _score),
    _rerank("/rerank"),
    _rerank("{root}/rerank"),
)
"""In the order in which a server is asked: vLLM for a classifier, with and without a chat template;
vLLM for a token classifier; SGLang; Text Embeddings Inference; vLLM for a model that reads pairs;
llama.cpp and other servers that rank documents. SGLang's ``/v1/classify`` is left out: it turns the
one output into a probability, which is always 1."""
