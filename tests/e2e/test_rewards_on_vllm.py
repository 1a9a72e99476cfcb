"""A reward model that a real vLLM server serves gives the rewards of the same model here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
import transformers

from revloop.engines.rewards.batching import Answered
from revloop.engines.rewards.endpoints import ENDPOINTS, turns
from revloop.engines.rewards.local import LocalRewardModel
from revloop.engines.rewards.server import RewardServer
from revloop.errors import ContextFullError, ModelConfigError
from revloop.evaluation import open_judge
from tests.helpers.reward_models import make_language_model, make_reward_model
from tests.helpers.vllm_servers import REWARDS, served

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(1800)]

TEXTS = [Answered("Why is it so?", f"It is {number * 'very '}so.") for number in range(20)]


async def test_every_endpoint_of_vllm_gives_the_rewards_of_the_model_in_this_process(
    tmp_path: Path,
) -> None:
    folder = make_reward_model(tmp_path / "reward")
    bare = make_reward_model(tmp_path / "bare", template=None)
    expected = {
        "messages": await LocalRewardModel.load(str(folder)).score(TEXTS),
        "plain": await LocalRewardModel.load(str(bare)).score(TEXTS),
    }
    with served(folder, tmp_path, "reward", *REWARDS) as address:
        found = await RewardServer.connect(address)
        assert (found.name, found.endpoint) == ("reward", ENDPOINTS[0])
        for endpoint in ENDPOINTS[:4]:
            found.endpoint = endpoint
            size = endpoint.most_texts
            parts = [TEXTS[start : start + size] for start in range(0, len(TEXTS), size)]
            rewards = [reward for part in parts for reward in await found.score(part)]
            assert rewards == pytest.approx(expected[endpoint.form], abs=1e-3)
        for endpoint in ENDPOINTS[-4:]:
            found.endpoint = endpoint
            rewards = await found.score(TEXTS)
            assert len({reward for reward in rewards if isinstance(reward, float)}) > 1
        (refused,) = await found.score([Answered("Why?", "very " * 300)])
        assert isinstance(refused, ContextFullError)
        await found.aclose()
        judge = await open_judge(f"reward:{address}#reward")
        left, right = expected["messages"][:2]
        assert isinstance(left, float)
        assert isinstance(right, float)
        verdict = await judge.judge(TEXTS[0].prompt, TEXTS[0].text, TEXTS[1].text)
        assert verdict.preference == ("first" if left > right else "second")
        await judge.aclose()


async def test_a_classifier_with_several_labels_is_refused(tmp_path: Path) -> None:
    folder = make_reward_model(tmp_path / "labels", outputs=3)
    with (
        served(folder, tmp_path, "reward", *REWARDS) as address,
        pytest.raises(ModelConfigError, match=r"gives 3 numbers for a text"),
    ):
        await open_judge(f"reward:{address}")


async def test_a_reward_that_is_the_logit_of_a_token_can_be_served(tmp_path: Path) -> None:
    folder = make_language_model(tmp_path / "logit")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    expected = []
    for text in TEXTS:
        rendered = tokenizer.apply_chat_template(turns(text), tokenize=False)
        ids = tokenizer(rendered, add_special_tokens=False, return_tensors="pt")
        with torch.inference_mode():
            expected.append(float(model(**ids).logits[0, -1, 0]))
    overrides = {
        "architectures": ["LlamaForSequenceClassification"],
        "classifier_from_token": [tokenizer.convert_ids_to_tokens(0)],
        "method": "no_post_processing",
    }
    hf = ("--hf-overrides", json.dumps(overrides))
    with served(folder, tmp_path, "reward", *REWARDS, *hf) as address:
        found = await RewardServer.connect(address)
        rewards = [reward for text in TEXTS for reward in await found.score([text])]
        assert rewards == pytest.approx(expected, abs=1e-2)
        await found.aclose()
