"""Reward models as judges: a tiny random one in this process, and servers."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from revloop.engines import RetryPolicy
from revloop.engines.outage import WaitsForServer
from revloop.engines.rewards.batching import Answered
from revloop.engines.rewards.local import LocalRewardModel
from revloop.errors import (
    ContextFullError,
    EngineGoneError,
    JudgeError,
    ModelConfigError,
    RejectedError,
    UnreachableError,
)
from revloop.evaluation import RewardJudge, open_judge
from revloop.trajectory import Judge, compare
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.reward_models import make_encoder
from tests.helpers.reward_servers import (
    CONTEXT_WORDS,
    MODEL,
    REWARD_DIALECTS,
    VLLM,
    VLLM_PLAIN,
    RewardDialect,
    responding,
    reward_server,
)
from tests.helpers.stub_server import error

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

CONTEXT_TOKENS = 64
END = ("<|endoftext|>", 0)
TEMPLATE = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}"


def make(folder: Path, *, outputs: int = 1) -> Path:
    """A Falcon of two small layers with this many outputs, and the tiny critic's tokenizer."""
    import torch
    from transformers import FalconConfig, FalconForSequenceClassification

    torch.manual_seed(7)
    config = FalconConfig(
        vocab_size=4096,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        num_labels=outputs,
        pad_token_id=0,
    )
    model = FalconForSequenceClassification(config)
    torch.nn.init.normal_(model.score.weight)
    model.save_pretrained(folder)
    for file in TINY_CRITIC.glob("*token*"):
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("reward"))


@pytest.fixture(scope="module")
def judge(folder: Path) -> RewardJudge:
    return RewardJudge.load(str(folder))


@pytest.fixture(scope="module")
def model(folder: Path) -> LocalRewardModel:
    return LocalRewardModel.load(str(folder))


def test_it_is_a_judge(judge: RewardJudge) -> None:
    assert isinstance(judge, Judge)
    assert judge.info.kind == "reward"


async def test_the_text_with_the_higher_reward_wins_in_either_order(judge: RewardJudge) -> None:
    texts = ("Thanks for the scarf.", "It rains on Monday.")
    verdicts = [await judge.judge("Why?", *order) for order in (texts, texts[::-1])]
    assert {verdict.preference for verdict in verdicts} == {"first", "second"}
    left, right = (float(word) for word in str(verdicts[0].raw).split())
    assert verdicts[0].preference == ("first" if left > right else "second")


async def test_the_same_text_is_a_tie(judge: RewardJudge) -> None:
    assert (await judge.judge("Why?", "Thanks.", "Thanks.")).preference == "tie"


async def test_the_prompt_counts(judge: RewardJudge) -> None:
    one = await judge.judge("Why?", "Thanks.", "No.")
    other = await judge.judge("What is a scarf?", "Thanks.", "No.")
    assert one.raw != other.raw


async def test_a_text_that_does_not_fit_is_unparseable(judge: RewardJudge) -> None:
    verdict = await judge.judge("Why?", "Thanks for it. " * CONTEXT_TOKENS, "No.")
    assert verdict.preference == "unparseable"
    assert "does not fit" in str(verdict.reason)


TEXTS = [Answered("Why?", f"It is so, {number * 'very '}much.") for number in range(6)]


def passes(model: LocalRewardModel) -> list[tuple[int, ...]]:
    """The shapes of the inputs of each forward pass from now on."""
    shapes: list[tuple[int, ...]] = []

    def note(_: object, __: object, kwargs: dict[str, Any]) -> None:
        shapes.append(tuple(kwargs["input_ids"].shape))

    model._model.register_forward_pre_hook(note, with_kwargs=True)
    return shapes


async def test_texts_that_arrive_together_are_one_forward_pass(model: LocalRewardModel) -> None:
    one_by_one = [(await model.score([text]))[0] for text in TEXTS]
    shapes = passes(model)
    assert await model.score(TEXTS) == pytest.approx(one_by_one, abs=1e-4)
    ((rows, _),) = shapes
    assert rows == len(TEXTS)
    assert len(set(one_by_one)) == len(TEXTS)


async def test_a_text_that_does_not_fit_does_not_cost_the_others_their_reward(
    model: LocalRewardModel,
) -> None:
    long = Answered("Why?", "Thanks for it. " * CONTEXT_TOKENS)
    alone = await model.score(TEXTS[:2])
    first, refused, second = await model.score([TEXTS[0], long, TEXTS[1]])
    assert [first, second] == pytest.approx(alone, abs=1e-4)
    assert isinstance(refused, ContextFullError)


async def test_a_batch_that_the_memory_cannot_hold_is_halved(folder: Path) -> None:
    model = LocalRewardModel.load(str(folder))

    def limit(_: object, __: object, kwargs: dict[str, Any]) -> None:
        if kwargs["input_ids"].shape[0] > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    expected = await model.score(TEXTS)
    model._model.register_forward_pre_hook(limit, with_kwargs=True)
    assert await model.score(TEXTS) == pytest.approx(expected, abs=1e-4)


async def test_a_model_that_fails_fails_the_judge(folder: Path) -> None:
    judge = RewardJudge.load(str(folder))

    def fail(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    judge._model._model.register_forward_pre_hook(fail)  # type: ignore[attr-defined]
    with pytest.raises(JudgeError, match="ran out of memory"):
        await judge.judge("Why?", "a", "b")


async def test_a_reward_that_is_not_finite_fails_the_judge(folder: Path) -> None:
    judge = RewardJudge.load(str(folder))
    judge._model._model.score.weight.data.fill_(float("nan"))  # type: ignore[attr-defined]
    with pytest.raises(JudgeError, match="gave a reward that is not finite"):
        await judge.judge("Why?", "a", "b")


async def test_an_encoder_does_not_see_the_padding(tmp_path: Path) -> None:
    model = LocalRewardModel.load(str(make_encoder(tmp_path / "encoder")))
    one_by_one = [(await model.score([text]))[0] for text in TEXTS]
    assert await model.score(TEXTS) == pytest.approx(one_by_one, abs=1e-4)


async def test_without_padding_texts_are_scored_one_by_one(tmp_path: Path) -> None:
    folder = make(tmp_path / "unpadded")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "pad_token_id": None}))
    model = LocalRewardModel.load(str(folder))
    assert model.most_texts == 1


async def test_a_chat_template_renders_prompt_and_text(tmp_path: Path, folder: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    settings = copy / "tokenizer_config.json"
    settings.write_text(
        json.dumps({**json.loads(settings.read_text("utf-8")), "chat_template": TEMPLATE})
    )
    tokenizer = Tokenizer.from_file(str(copy / "tokenizer.json"))
    # adds a token in front of each text, as Llama's does: the template has it already
    tokenizer.post_processor = TemplateProcessing(single="<|endoftext|> $A", special_tokens=[END])
    tokenizer.save(str(copy / "tokenizer.json"))
    rendered = "[user] Why?\n[assistant] So.\n"
    (templated,) = await LocalRewardModel.load(str(copy)).score([Answered("Why?", "So.")])
    (plain,) = await LocalRewardModel.load(str(folder)).score([Answered("", rendered)])
    assert templated == pytest.approx(plain)


@pytest.mark.parametrize("dialect", REWARD_DIALECTS, ids=lambda dialect: dialect.name)
async def test_a_server_compares_by_its_rewards(dialect: RewardDialect) -> None:
    async with reward_server(dialect) as server:
        judge = await open_judge(f"reward:{server.base_url}")
        assert (judge.info.kind, judge.info.name) == ("reward", MODEL)
        verdict = await judge.judge("Why?", "good", "bad")
        assert (verdict.preference, verdict.raw) == ("first", "1 -1")
        assert (await judge.judge("Why?", "so", "good")).preference == "second"
        await judge.aclose()


async def test_the_second_order_costs_no_request() -> None:
    async with reward_server(VLLM_PLAIN) as server:
        judge = await RewardJudge.connect(server.base_url)
        before = len(server.requests)
        compared = await compare(judge, "Why?", ("bad", "good"), (0, 1))
        await compare(judge, "Why?", ("good", "bad"), (0, 1))
        assert compared.winner == 1
        assert [request.body["input"] for request in server.requests[before:]] == [
            ["Why?\n\nbad", "Why?\n\ngood"]
        ]
        await judge.aclose()


@pytest.mark.parametrize(
    ("left", "right", "preference"),
    [
        (0.5, 0.5009, "tie"),
        (0.5, 0.5011, "second"),
        (-20.0, -20.019, "tie"),
        (-20.0, -20.021, "first"),
    ],
)
async def test_rewards_within_the_margin_are_a_tie(
    left: float, right: float, preference: str
) -> None:
    def respond(body: Any) -> tuple[int, Any]:
        of = {"left": left, "right": right}
        return 200, {"data": [{"probs": [of.get(body["messages"][-1]["content"], 0.0)]}]}

    async with reward_server(VLLM) as server:
        server.on("/classify", responding(respond))
        judge = await RewardJudge.connect(server.base_url)
        assert (await judge.judge("Why?", "left", "right")).preference == preference
        await judge.aclose()


async def test_a_text_that_does_not_fit_a_server_is_unparseable() -> None:
    async with reward_server(VLLM) as server:
        judge = await RewardJudge.connect(server.base_url)
        verdict = await judge.judge("Why?", "good", "good " * (CONTEXT_WORDS + 1))
        assert verdict.preference == "unparseable"
        assert "the limit is 50" in str(verdict.reason)
        await judge.aclose()


async def test_a_server_has_the_judges_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVLOOP_API_KEY", "the critic's")
    monkeypatch.setenv("REVLOOP_JUDGE_API_KEY", "the judge's")
    async with reward_server(VLLM) as server:
        await (await open_judge(f"reward:{server.base_url}#{MODEL}")).aclose()
        assert server.asked("/classify")[0].headers["Authorization"] == "Bearer the judge's"


@pytest.mark.parametrize("kind", ["reward:", ""])
async def test_the_wait_for_a_judges_server_is_told(kind: str) -> None:
    patient = RetryPolicy(first_wait_s=0, longest_wait_s=0, wait_for_server_s=0.05)
    async with reward_server(VLLM) as server:
        judge = await open_judge(f"{kind}{server.base_url}", retries=patient)
        assert isinstance(judge, WaitsForServer)
        assert judge.waiting() is None
    with pytest.raises(EngineGoneError):
        await judge.judge("Why?", "a", "b")
    waiting = judge.waiting()
    assert waiting is not None
    assert waiting.limit_s == 0.05
    await judge.aclose()


async def test_a_server_that_fails_fails_the_judge() -> None:
    async with reward_server(VLLM) as server:
        judge = await RewardJudge.connect(server.base_url)
        server.on("/classify", error(400, "no"))
        with pytest.raises(RejectedError, match="no"):
            await judge.judge("Why?", "a", "b")
    with pytest.raises(UnreachableError):
        await RewardJudge.connect(server.base_url)
    await judge.aclose()


async def test_it_is_named_with_its_folder(folder: Path, judge: RewardJudge) -> None:
    opened = await open_judge(f"reward:{folder}")
    assert opened.info.name == f"reward:{folder}"
    assert await opened.judge("", "a", "b") == await judge.judge("", "a", "b")


def test_other_weights_are_another_judge(tmp_path: Path, folder: Path) -> None:
    same = RewardJudge.load(str(folder), name="r").info.digest
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert RewardJudge.load(str(copy), name="r").info.digest == same
    weights = copy / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    assert RewardJudge.load(str(copy), name="r").info.digest != same


def test_a_model_with_several_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match="has 3 outputs; a reward model has one"):
        RewardJudge.load(str(make(tmp_path / "three", outputs=3)))


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match="is no reward model"):
        RewardJudge.load(str(tmp_path))
