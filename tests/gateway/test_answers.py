"""Answers of the gateway: drafted by the upstream, revised, stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop.trajectory import StopReason
from tests.helpers.gateways import DRAFT, MODEL, QUESTION, Running, running
from tests.helpers.stub_server import CHAT, COMPLETIONS, StubServer, answer, chat_completion, error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CALL = {"id": "call-1", "type": "function", "function": {"name": "add", "arguments": "{}"}}


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway that does one round."""
    async with running(tmp_path) as made:
        yield made


def text_of(reply: dict[str, Any], number: int = 0) -> str:
    text = reply["choices"][number]["message"]["content"]
    assert isinstance(text, str)
    return text


async def test_an_answer_is_revised_and_every_version_is_in_the_store(up: Running) -> None:
    async with up.post(json={"model": MODEL, "messages": QUESTION}) as response:
        reply = await response.json()
    (about,) = reply["revloop"]["choices"]
    (stored,) = up.stored()
    assert [version.text for version in stored.versions] == [DRAFT, "Better +"]
    assert text_of(reply) == "Better +"
    assert (about["version"], about["rounds"], about["reason"]) == (1, 1, "rounds_done")
    assert (
        stored.draft.id == reply["id"] == about["draft_id"] == response.headers["X-Revloop-Draft"]
    )
    assert stored.id == about["trajectory_id"] == response.headers["X-Revloop-Trajectory"]
    assert stored.draft.extra == {"draft_model": MODEL}
    assert [turn.content for turn in stored.draft.conversation] == ["How are you?"]


@pytest.mark.parametrize(
    ("asked", "text", "rounds"),
    [
        ({"model": f"{MODEL}@0"}, DRAFT, 0),
        ({"model": f"{MODEL}@2"}, "Better ++", 2),
        ({"revloop": {"iterations": 2}}, "Better ++", 2),
        ({"model": f"{MODEL}@2", "revloop": {"iterations": 0}}, DRAFT, 0),
    ],
)
async def test_a_client_chooses_the_rounds(
    up: Running, asked: dict[str, Any], text: str, rounds: int
) -> None:
    reply = await up.ask(**asked)
    assert text_of(reply) == text
    assert reply["model"] == asked.get("model", MODEL)
    assert reply["revloop"]["choices"][0]["rounds"] == rounds
    (stored,) = up.stored()  # the draft is stored even if nothing is revised
    assert stored.rounds == rounds


async def test_thoughts_before_a_draft_are_not_revised(up: Running) -> None:
    thoughtful = f"<think>\nHm.\n</think>\n\n{DRAFT}"
    up.upstream.on(CHAT, chat_completion(thoughtful))
    assert text_of(await up.ask()) == "Better +"
    assert text_of(await up.ask(model=f"{MODEL}@0")) == thoughtful
    assert [one.original for one in up.stored()] == [DRAFT, DRAFT]


async def test_the_same_question_twice_is_answered_twice(up: Running) -> None:
    first, second = await up.ask(), await up.ask()
    assert first["id"] != second["id"]
    assert [one.draft.id for one in up.stored()] == [first["id"], second["id"]]


async def test_the_clients_own_parameters_go_to_the_upstream_and_ours_do_not(up: Running) -> None:
    own = {
        "temperature": 0.3,
        "max_completion_tokens": 50,
        "seed": 7,
        "tools": [{"type": "function", "function": {"name": "add"}}],
        "service_tier": "flex",
    }
    await up.ask(model=f"{MODEL}@1", revloop={"gate": False}, **own)
    (received,) = up.upstream.asked(CHAT)
    assert received.body == {"model": MODEL, "messages": QUESTION, **own}


async def test_usage_counts_all_calls_with_the_parts_beside_it(up: Running) -> None:
    reply = await up.ask(model=f"{MODEL}@2")
    calls = {"draft": 1, "critique": 2, "revision": 2, "judge": 0}
    for part, usage in reply["revloop"]["usage"].items():
        assert usage["total_tokens"] == 10 * calls[part]
    assert reply["usage"] == {"prompt_tokens": 35, "completion_tokens": 15, "total_tokens": 50}


@pytest.mark.parametrize(
    ("choice", "asked", "reason"),
    [
        (
            {"message": {"role": "assistant", "content": None, "tool_calls": [CALL]}},
            {},
            "tool_call",
        ),
        ({"message": {"role": "assistant", "content": None, "refusal": "No."}}, {}, "refusal"),
        ({"message": {"role": "assistant", "content": ""}}, {}, "empty"),
        ({"finish_reason": "length"}, {}, "length"),
        ({"finish_reason": "content_filter"}, {}, "content_filter"),
        ({}, {"response_format": {"type": "json_object"}}, "json"),
        ({}, {"structured_outputs": {"json": {"type": "object"}}}, "json"),
        ({}, {"guided_json": {"type": "object"}}, "json"),
        ({}, {"structured_outputs": {"regex": "[a-z]+"}}, "form"),
        ({}, {"guided_choice": ["yes", "no"]}, "form"),
        ({}, {"response_format": {"type": "structural_tag"}}, "form"),
    ],
)
async def test_what_is_no_finished_text_is_returned_as_it_is(
    up: Running, choice: dict[str, Any], asked: dict[str, Any], reason: str
) -> None:
    up.upstream.on(CHAT, chat_completion(DRAFT, **choice))
    reply = await up.ask(**asked)
    whole = {
        "index": 0,
        "message": {"role": "assistant", "content": DRAFT},
        "finish_reason": "stop",
    }
    assert reply["choices"] == [{**whole, **choice}]
    assert reply["revloop"]["choices"][0]["reason"] == reason
    assert up.critic.asked(COMPLETIONS) == []
    has_text = bool(reply["choices"][0]["message"]["content"])
    assert [one.rounds for one in up.stored()] == ([0] if has_text else [])


async def test_json_is_revised_under_its_schema_if_the_gateway_is_told_so(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["name"]}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    async with running(tmp_path, revise_json=True) as up:
        up.upstream.on(CHAT, chat_completion('{"name": "Teh"}'))
        replies = ['{"nome": "Teh"}', '{"name": "The"}', '{"nome": "The"}']

        async def behave(request: Any) -> Any:
            body = await request.json()
            critique = "Overall score: 4\nPositive aspects: a\nNegative aspects: b"
            text = (
                critique if body.get("stop") else replies.pop(0) if len(replies) > 1 else replies[0]
            )
            return await answer({"choices": [{"index": 0, "text": text, "finish_reason": "stop"}]})(
                request
            )

        up.critic.on(COMPLETIONS, behave)
        reply = await up.ask(model=f"{MODEL}@3", response_format=form)
        assert json.loads(text_of(reply)) == {"name": "The"}
        assert (
            reply["revloop"]["choices"][0] | {"version": 2, "rounds": 3}
            == (reply["revloop"]["choices"][0])
        )
        shown = [received.body["prompt"] for received in up.critic.asked(COMPLETIONS)]
        mark = '[response format] JSON that fits this schema: {"type":"object","required":["name"]}'
        assert all(f"How are you?\n\n{mark}" in prompt for prompt in shown)
        (asked,) = up.upstream.asked(CHAT)
        assert asked.body["messages"] == QUESTION
        error_ = await up.refused(
            400, response_format={**form, "json_schema": {"schema": {"type": 5}}}
        )
        assert error_["param"] == "response_format"


@pytest.mark.parametrize("revises", [True, False])
@pytest.mark.parametrize("kind", ["chat/completions", "completions"])
async def test_the_critic_is_told_of_json_if_it_is_to_revise_it(
    tmp_path: Path, kind: str, revises: bool
) -> None:
    own = {"prompt": "Hi."} if kind == "completions" else {"messages": QUESTION}
    body = {"model": MODEL, "response_format": {"type": "json_object"}, **own}
    async with running(tmp_path, revise_json=revises) as up:
        async with up.post(f"/v1/{kind}", json=body) as response:
            assert response.status == 200
        (stored,) = up.stored()
        assert ("\n\n[response format] JSON" in stored.draft.prompt_text) == revises


async def test_each_of_several_choices_is_a_trajectory(up: Running) -> None:
    message = {"role": "assistant", "content": DRAFT}
    choices = [{"index": n, "message": message, "finish_reason": "stop"} for n in range(2)]
    up.upstream.on(CHAT, answer({"choices": choices}))
    reply = await up.ask(n=2)
    assert [text_of(reply, number) for number in range(2)] == ["Better +", "Better +"]
    names = {f"{reply['id']}-0", f"{reply['id']}-1"}
    assert {one.draft.id for one in up.stored()} == names


async def test_the_critic_sees_a_conversation_with_marks_for_images_and_calls(up: Running) -> None:
    turns = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call-1", "content": "7"},
    ]
    await up.ask(messages=turns)
    assert up.upstream.asked(CHAT)[0].body["messages"] == turns
    prompt = up.critic.asked(COMPLETIONS)[0].body["prompt"]
    for shown in ("Be brief.", "What is this?\n[image]", "[tool call] add({})", "[tool result]\n7"):
        assert shown in prompt
    assert "AAAA" not in prompt


async def test_completions_are_revised_too(up: Running) -> None:
    async with up.post("/v1/completions", json={"model": MODEL, "prompt": "Say hi."}) as response:
        reply = await response.json()
    assert reply["choices"][0]["text"] == "Better +"
    assert reply["id"].startswith("cmpl-")
    assert up.stored()[0].draft.prompt == "Say hi."


async def test_without_a_critic_the_answer_is_the_draft_and_the_reply_says_so(up: Running) -> None:
    up.critic.on(COMPLETIONS, error(400, "No."))
    reply = await up.ask()
    about = reply["revloop"]["choices"][0]
    assert (text_of(reply), about["version"]) == (DRAFT, 0)
    assert about["reason"] == StopReason.REJECTED
    assert "No." in about["detail"]


def prefers_drafts(prompt: str, first: str, second: str) -> str:
    """Judge."""
    return "first" if first == DRAFT else "second"


async def test_a_named_judge_decides_by_default_and_a_client_may_do_without(
    tmp_path: Path,
) -> None:
    judge = f"{__name__}:prefers_drafts"
    async with running(tmp_path, loop={"judge": (judge,)}) as up:
        kept, freely = await up.ask(), await up.ask(revloop={"gate": False})
        assert (text_of(kept), text_of(freely)) == (DRAFT, "Better +")
        assert (await up.ask())["revloop"]["choices"][0]["version"] == 0
        assert len(up.stored()) == 3
    async with running(tmp_path, loop={"judge": (judge,)}) as again:  # the runs are found again
        await again.ask()
        await again.ask(revloop={"gate": False})
        assert len(again.stored()) == 5


async def test_usage_counts_a_model_that_judges(tmp_path: Path) -> None:
    async with StubServer(models=("judge",)) as judge:
        judge.on(CHAT, chat_completion("Verdict: B"), chat_completion("Verdict: A"))
        async with running(tmp_path, loop={"judge": (judge.base_url,)}) as up:
            reply = await up.ask()
    assert text_of(reply) == "Better +"
    assert reply["revloop"]["usage"]["judge"]["total_tokens"] == 20
    assert reply["usage"]["total_tokens"] == 50


async def test_the_gate_needs_a_judge(up: Running) -> None:
    assert (await up.refused(400, revloop={"gate": True}))["param"] == "revloop.gate"


async def test_an_upstream_without_a_critic_beside_it_reviews_itself(tmp_path: Path) -> None:
    async with running(tmp_path, critic=None) as up:
        said = f"Drafts: {MODEL}. Critic: {MODEL}, prompt set chat. Rounds: 1."
        assert up.gateway.about == said
        up.upstream.on(
            CHAT,
            chat_completion(DRAFT),
            chat_completion("Overall score: 4\nPositive aspects: a\nNegative aspects: b"),
            chat_completion("<revised_response>The draft.</revised_response>"),
        )
        assert text_of(await up.ask()) == "The draft."
        assert len(up.upstream.asked(CHAT)) == 3
