"""What every engine must do: the same tests for all three, with one tiny critic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from revloop import ContextFullError, PromptSet
from revloop.engines import Completion, Request
from revloop.errors import RejectedError, SettingRefusedError
from revloop.trajectory import Draft, Message, Sampling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import EngineAtHand

pytestmark = pytest.mark.vllm

CNR = PromptSet.load("cnr")
DRAFT = Draft(prompt="Why is the sky blue?", response="Because it mirrors the sea, as we all know.")
PROMPT = CNR.critique_prompt(DRAFT, DRAFT.response)
WARM = Sampling(temperature=1.5, seed=7)


@pytest.fixture(params=["http", "vllm", "transformers"])
def at_hand(
    request: pytest.FixtureRequest, engine_of: Callable[[str], EngineAtHand]
) -> EngineAtHand:
    """Each kind of engine."""
    return engine_of(request.param)


def ask(at_hand: EngineAtHand, *requests: Request) -> Sequence[Completion]:
    """All answers to concurrent requests."""
    if len(requests) == 1:
        return [at_hand.portal.call(at_hand.engine.generate, requests[0])]

    async def together() -> list[Completion]:
        answers: dict[int, Completion] = {}

        async def one(index: int) -> None:
            answers[index] = await at_hand.engine.generate(requests[index])

        async with anyio.create_task_group() as group:
            for index in range(len(requests)):
                group.start_soon(one, index)
        return [answers[index] for index in range(len(requests))]

    return at_hand.portal.call(together)


def critique_request(**changes: object) -> Request:
    """A request for a critique: greedy, with enough room, unless changed."""
    settings: dict[str, object] = {
        "prompt": PROMPT,
        "sampling": Sampling(),
        "max_tokens": 384,
        "stop": CNR.critique_stops(),
        **changes,
    }
    return Request(**settings)  # type: ignore[arg-type] # the keys are Request's own


def test_a_critique_ends_at_the_stop_text_which_is_no_part_of_it(at_hand: EngineAtHand) -> None:
    (answer,) = ask(at_hand, critique_request())
    assert answer.finish_reason == "stop"
    assert CNR.parse_critique(answer.text) is not None
    assert CNR.bridge not in answer.text


def test_a_completion_counts_its_tokens(at_hand: EngineAtHand) -> None:
    (answer,) = ask(at_hand, critique_request())
    assert isinstance(PROMPT, str)
    assert answer.usage.prompt_tokens == at_hand.engine.count_tokens(PROMPT)
    assert answer.usage.generated_tokens > 0
    assert answer.latency_s > 0


def test_a_token_limit_is_told_apart_from_an_end(at_hand: EngineAtHand) -> None:
    (answer,) = ask(at_hand, critique_request(max_tokens=5))
    assert answer.finish_reason == "length"
    assert (answer.limit_tokens, answer.usage.generated_tokens) == (5, 5)


def test_an_exact_request_goes_on_after_the_end_token(at_hand: EngineAtHand) -> None:
    (free,) = ask(at_hand, critique_request(stop=()))
    assert free.finish_reason == "stop"
    more = critique_request(exact=True, stop=(), max_tokens=free.usage.generated_tokens + 20)
    if at_hand.engine.info.kind == "transformers":
        with pytest.raises(RejectedError, match="Only vLLM"):
            ask(at_hand, more)
        return
    (answer,) = ask(at_hand, more)
    assert answer.usage.generated_tokens == more.max_tokens
    assert answer.finish_reason == "length"


def test_an_end_token_ends_the_answer_and_is_not_spelt(at_hand: EngineAtHand) -> None:
    (answer,) = ask(at_hand, critique_request(stop=()))
    assert answer.finish_reason == "stop"
    assert "<|endoftext|>" not in answer.text
    assert CNR.parse_single_pass(answer.text) is not None


def test_a_kept_prefix_and_the_revision_prompt_are_the_same_text(at_hand: EngineAtHand) -> None:
    (answer,) = ask(at_hand, critique_request(keep_prefix=True))
    assert answer.prefix is not None
    assert answer.prefix.text == CNR.revision_prompt(PROMPT, answer.text)
    prompt_tokens, generated = answer.usage.prompt_tokens, answer.usage.generated_tokens
    assert len(answer.prefix.token_ids) == prompt_tokens + generated


def test_two_passes_give_the_text_of_a_single_one(at_hand: EngineAtHand) -> None:
    (critique, both) = ask(at_hand, critique_request(keep_prefix=True), critique_request(stop=()))
    prompt = CNR.revision_prompt(PROMPT, critique.text)
    (revision,) = ask(at_hand, critique_request(prompt=prompt, stop=(), prefix=critique.prefix))
    assert both.text == critique.text + CNR.bridge + revision.text


def test_a_prompt_that_leaves_too_little_room_is_refused_before_it_is_sent(
    at_hand: EngineAtHand,
) -> None:
    context = at_hand.engine.context_tokens
    assert context is not None
    with pytest.raises(ContextFullError, match=f"of the model's {context} tokens"):
        ask(at_hand, critique_request(room_tokens=context))


def test_an_answer_is_limited_to_what_the_context_leaves(at_hand: EngineAtHand) -> None:
    context = at_hand.engine.context_tokens
    assert context is not None
    reserve = context - (at_hand.engine.count_tokens(str(PROMPT)) or 0) - 9
    (answer,) = ask(at_hand, critique_request(reserve_tokens=reserve))
    assert (answer.limit_tokens, answer.finish_reason) == (9, "length")


def test_a_seed_repeats_a_sample_and_another_one_does_not(at_hand: EngineAtHand) -> None:
    again = [critique_request(sampling=WARM, max_tokens=40) for _ in range(2)]
    other = critique_request(sampling=Sampling(temperature=1.5, seed=8), max_tokens=40)
    first, second, third = ask(at_hand, *again, other)
    assert first.text == second.text
    assert first.text != third.text


def test_requests_at_once_get_the_answers_that_they_get_alone(at_hand: EngineAtHand) -> None:
    limits = [3, 384, 20, 7]
    together = ask(at_hand, *(critique_request(max_tokens=limit) for limit in limits))
    alone = [ask(at_hand, critique_request(max_tokens=limit))[0] for limit in limits]
    assert [a.text for a in together] == [a.text for a in alone]
    assert [a.finish_reason for a in together] == [a.finish_reason for a in alone]


def test_special_tokens_in_a_prompt_are_read_as_letters(at_hand: EngineAtHand) -> None:
    text = "It ends with <|endoftext|>, as the manual says."
    prompt = CNR.critique_prompt(DRAFT, text)
    plain = CNR.critique_prompt(DRAFT, text.replace("<|endoftext|>", ""))
    with_token, without = ask(
        at_hand, critique_request(prompt=prompt), critique_request(prompt=plain)
    )
    extra = with_token.usage.prompt_tokens - without.usage.prompt_tokens
    assert extra == at_hand.engine.count_tokens("<|endoftext|>")
    assert extra > 1


def test_a_chat_is_refused_by_a_model_without_a_chat_template(at_hand: EngineAtHand) -> None:
    chat = (Message(role="user", content="Hello"),)
    with pytest.raises(SettingRefusedError, match="chat template"):
        ask(at_hand, critique_request(prompt=chat, stop=()))


def test_a_cancelled_request_leaves_the_engine_in_working_order(at_hand: EngineAtHand) -> None:
    finished: list[Completion] = []

    async def ask_and_keep() -> None:
        finished.append(await at_hand.engine.generate(critique_request(stop=())))

    async def give_up() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(ask_and_keep)
            # wait for one step of the event loop, not for a time: on the same cores, the server may
            # keep this process from running until it has written the complete answer
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()

    at_hand.portal.call(give_up)
    assert not finished
    (answer,) = ask(at_hand, critique_request())
    assert answer.finish_reason == "stop"
