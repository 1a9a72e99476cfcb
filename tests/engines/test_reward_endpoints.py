"""How replies of reward servers are read: `revloop.engines.rewards.endpoints`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.engines.rewards.endpoints import ENDPOINTS, RewardEndpoint
from revloop.errors import BadReplyError, ModelConfigError

if TYPE_CHECKING:
    import random

CLASSIFY = next(one for one in ENDPOINTS if one.path == "/classify" and one.form == "plain")
RERANK = next(one for one in ENDPOINTS if one.path == "/rerank")
PREDICT = next(one for one in ENDPOINTS if one.path == "/predict")

finite = st.floats(allow_nan=False, allow_infinity=False)
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.lists(finite, min_size=1), st.randoms(use_true_random=False))
def test_rewards_are_in_the_order_of_the_texts_however_they_are_sorted(
    rewards: list[float], order: random.Random
) -> None:
    results = [{"index": i, "relevance_score": reward} for i, reward in enumerate(rewards)]
    order.shuffle(results)
    assert RERANK.read({"results": results}, "http://x", len(rewards)) == rewards


@given(
    endpoint=st.sampled_from(ENDPOINTS),
    entry=json,
    name=st.sampled_from(["probs", "data", "embedding", "score"]),
)
def test_whatever_a_server_sends_is_a_number_or_an_error(
    endpoint: RewardEndpoint, entry: Any, name: str
) -> None:
    for said in (entry, {"index": 0, name: entry, "relevance_score": entry}):
        try:
            (reward,) = endpoint.read({endpoint.entries: [said]}, "http://x", 1)
        except (BadReplyError, ModelConfigError):
            continue
        assert isinstance(reward, float)


@pytest.mark.parametrize(
    "entries",
    [
        None,
        [],
        [{"probs": [1.0]}],
        [{"probs": [1.0]}, {"probs": [1.0]}, {"probs": [1.0]}],
        [{"index": 0, "probs": [1.0]}, {"index": 0, "probs": [2.0]}],
        [{"index": 0, "probs": [1.0]}, {"index": 2, "probs": [2.0]}],
        [{"probs": [1.0]}, "no"],
    ],
)
def test_a_reward_that_is_missing_is_a_bad_reply(entries: Any) -> None:
    with pytest.raises(BadReplyError):
        CLASSIFY.read({"data": entries}, "http://x", 2)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "0.5", None, []])
def test_a_reward_that_is_not_a_finite_number_is_a_bad_reply(value: Any) -> None:
    with pytest.raises(BadReplyError):
        CLASSIFY.read({"data": [{"probs": [value]}]}, "http://x", 1)


def test_two_labels_of_text_embeddings_inference_are_refused() -> None:
    labels = [{"score": 0.9, "label": "good"}, {"score": 0.1, "label": "bad"}]
    with pytest.raises(ModelConfigError, match="gives 2 numbers"):
        PREDICT.read({"data": [labels]}, "http://x", 1)
