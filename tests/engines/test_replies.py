"""Reading any reply of a server: `revloop.engines.replies` and `revloop.engines.refusals`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from revloop.engines.classify import ServerError
from revloop.engines.rate_headers import retry_after_s
from revloop.engines.refusals import check_status, json_object
from revloop.engines.replies import read_completion, served
from revloop.errors import (
    AuthenticationError,
    BadReplyError,
    ContextFullError,
    EngineError,
    ModelNotServedError,
    OverloadedError,
    QuotaError,
    RejectedError,
    ServerFaultError,
    WrongAddressError,
)
from revloop.trajectory import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

WHERE = "http://127.0.0.1:8000/v1/completions"
FIELDS = """
    error message detail data id root owned_by vllm max_model_len choices text content stop length
    finish_reason stop_reason token_ids usage prompt_tokens completion_tokens cached_tokens
    prompt_tokens_details completion_tokens_details reasoning_tokens reasoning reasoning_content
    refusal tool_calls tool_use content_filter reasoning_details thinking
"""
LONGEST_MESSAGE = 310  # the quoted part of a server's words, and the ellipsis

any_text = st.text(st.characters())  # lone surrogates and control characters too
words = st.sampled_from(FIELDS.split())
scalars = st.none() | st.booleans() | st.integers() | st.floats() | any_text | words
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | any_text, inner),
    max_leaves=12,
)
json_bodies = st.builds(
    lambda value, codec: json.dumps(value).encode(codec),
    json_values,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-le"]),
)
unescaped_bodies = st.builds(
    lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"),
    json_values,
)
bodies = st.binary() | json_bodies | unescaped_bodies
completions = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {"finish_reason": st.sampled_from(["stop", "length"]) | scalars},
                optional={
                    "text": any_text | json_values,
                    "message": st.fixed_dictionaries({"content": any_text}) | json_values,
                    "stop_reason": scalars,
                    "token_ids": st.lists(st.integers()) | json_values,
                },
            )
        )
        | json_values
    },
    optional={
        "usage": st.fixed_dictionaries(
            {"prompt_tokens": st.integers() | json_values},
            optional={"completion_tokens": scalars, "prompt_tokens_details": json_values},
        )
        | json_values
    },
)
listings = st.fixed_dictionaries(
    {
        "data": st.lists(
            st.fixed_dictionaries(
                {"id": any_text},
                optional={"root": scalars, "owned_by": scalars, "max_model_len": scalars},
            )
            | json_values
        )
    }
)
numbers = st.integers(-(10**25), 10**25).map(str) | st.integers(0, 70).map(str)
dates = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Sun", "Fri", "Xyz"]),
    numbers,
    st.sampled_from(["Jan", "Feb", "Foo"]),
    numbers,
    numbers,
    numbers,
    numbers,
    st.sampled_from(["GMT", "-0000", "+0530"]) | numbers.map("+{}".format),
)


def complaint(read: Callable[[], object]) -> str:
    """The error for a bad reply; empty for a readable one."""
    try:
        read()
    except BadReplyError as fault:
        return str(fault)
    return ""


def completion(**choice: Any) -> dict[str, Any]:
    return {"choices": [{"text": "So.", "finish_reason": "stop"} | choice]}


# JSON


def test_a_json_object_is_read() -> None:
    assert json_object(b'{"a": [1, "\xc3\xa9"]}', WHERE) == {"a": [1, "é"]}


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        (b"", r"\(empty\)"),
        (b"<html>\n <h1>nginx</h1>", "<html> <h1>nginx</h1>"),
        (b'{"choices": [', r'\{"choices": \['),
        (b"\xff\xfe\x00", "\ufffd"),
        (b"1" * 5000, r"1{300} \.\.\."),
    ],
    ids=["empty", "html", "truncated", "bytes", "huge-number"],
)
def test_what_is_no_json_is_quoted(body: bytes, quoted: str) -> None:
    with pytest.raises(BadReplyError, match=f"{WHERE} does not answer in JSON: {quoted}"):
        json_object(body, WHERE)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"3"])
def test_json_that_is_no_object_is_quoted(body: bytes) -> None:
    with pytest.raises(BadReplyError, match="sent JSON that is not an object: ") as caught:
        json_object(body, WHERE)
    assert str(caught.value).endswith(body.decode())


@given(bodies)
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
def test_any_body_is_an_object_or_a_bad_reply(body: bytes) -> None:
    assert complaint(lambda: json_object(body, WHERE)).isprintable()


# the server's own words


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "Too long."}}, "Too long."),
        ({"error": "Too long."}, "Too long."),
        ({"message": "Too long."}, "Too long."),
        ({"detail": "Too long."}, "Too long."),
        ({"error": {"message": "", "detail": "Too long."}}, "Too long."),
        ({"detail": [{"msg": "Field required"}]}, "Field required"),
        (
            {"detail": [{"msg": "Field required", "loc": ["body", "model"]}]},
            "model: Field required",
        ),
        ({"error": {"message": "one\n  two\ttabs \x1b[31mred\u202e"}}, "one two tabs [31mred"),
        ({"error": {"message": "w " * 500}}, "w " * 150 + " ..."),
        ({"other": 1}, '{"other": 1}'),
        ({"error": {"message": "\n"}}, '{"error": {"message": "\\n"}}'),
        ([], "[]"),
    ],
)
def test_the_servers_words_are_found(body: Any, message: str) -> None:
    assert ServerError.read(400, json.dumps(body).encode()).message == message


@pytest.mark.parametrize(
    ("body", "message"), [(b"", "(empty)"), (b" \n", "(empty)"), (b"Bad\r\nGateway", "Bad Gateway")]
)
def test_words_that_are_no_json_are_taken_as_they_are(body: bytes, message: str) -> None:
    assert ServerError.read(400, body).message == message


@given(bodies)
@example(b"[" * 100_000)
@example(b'{"error":{"message":' + b"[" * 900 + b"1" + b"]" * 900 + b"}}")
@example(b'{"error": {"message": "\\u001b[2J\\ud83d"}}')
def test_a_message_is_one_short_line_that_cannot_steer_a_terminal(body: bytes) -> None:
    message = ServerError.read(400, body).message
    assert 0 < len(message) <= LONGEST_MESSAGE
    assert message.isprintable()
    message.encode()


# statuses


def status_error(status: int, body: bytes = b"", **headers: str) -> EngineError:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(EngineError, match=r"\w") as caught:
        check_status(status, sent, body, WHERE, model="critic")
    return caught.value


@pytest.mark.parametrize("status", [200, 201])
def test_a_good_status_is_no_error(status: int) -> None:
    check_status(status, {}, b"", WHERE, model="critic")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (202, RejectedError),
        (301, WrongAddressError),
        (307, BadReplyError),
        (400, RejectedError),
        (402, QuotaError),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, ModelNotServedError),
        (405, WrongAddressError),
        (408, OverloadedError),
        (409, OverloadedError),
        (413, ContextFullError),
        (418, RejectedError),
        (422, RejectedError),
        (425, OverloadedError),
        (429, OverloadedError),
        (500, ServerFaultError),
        (501, WrongAddressError),
        (502, OverloadedError),
        (503, OverloadedError),
        (504, OverloadedError),
        (529, OverloadedError),
        (599, ServerFaultError),
    ],
)
def test_a_status_says_what_kind_of_error_it_is(status: int, kind: type[EngineError]) -> None:
    fault = status_error(status, b"Oh dear.")
    assert type(fault) is kind
    assert str(fault).startswith(WHERE)


def test_a_busy_server_may_say_for_how_long() -> None:
    fault = status_error(429, Retry_After="8")
    assert isinstance(fault, OverloadedError)
    assert fault.retry_after_s == 8


def test_a_busy_server_may_keep_silent_about_how_long() -> None:
    fault = status_error(503)
    assert isinstance(fault, OverloadedError)
    assert fault.retry_after_s is None


def test_a_redirect_names_its_target() -> None:
    assert "redirects to https://elsewhere/v1. " in str(
        status_error(308, Location="https://elsewhere/v1")
    )


def test_a_redirect_to_nowhere_is_told_too() -> None:
    assert "redirects to another address. " in str(status_error(302))


def test_where_no_model_is_known_yet_a_404_names_none() -> None:
    with pytest.raises(ModelNotServedError, match=r"answers 404 \(no such address\): Oh dear"):
        check_status(404, {}, b"Oh dear.", WHERE, model="")


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 2048 tokens. However, you requested 2500 tokens.",
        "The prompt (length 3000) exceeds the MAXIMUM MODEL LENGTH of 2048.",
        "Input is longer than the context length.",
    ],
)
def test_a_400_that_speaks_of_the_context_means_that_it_is_full(message: str) -> None:
    fault = status_error(400, json.dumps({"error": {"message": message}}).encode())
    assert type(fault) is ContextFullError
    assert str(fault).endswith(message)


@given(st.integers(202, 599), bodies, any_text)
def test_every_other_status_is_an_engine_error_on_one_line(
    status: int, body: bytes, header: str
) -> None:
    fault = status_error(status, body, Location=header, Retry_After=header)
    assert str(fault).isprintable()


# Retry-After


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        (" 5 ", 5),
        ("", None),
        ("-1", None),
        ("1.5", 1.5),
        ("soon", None),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0),
        ("Mon, 01 Jan 2001 00:00:00", 0),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2001 00:00:00 +99999999999999999999", None),
    ],
)
def test_retry_after_is_read(header: str | None, wait_s: float | None) -> None:
    assert retry_after_s(header) == wait_s


@pytest.mark.parametrize("zone", [UTC, None], ids=["gmt", "no-zone"])
def test_a_date_to_come_gives_the_seconds_until_then(zone: Any) -> None:
    moment = (datetime.now(UTC) + timedelta(hours=2)).replace(tzinfo=zone)
    wait_s = retry_after_s(format_datetime(moment))
    assert wait_s is not None
    assert 7000 < wait_s <= 7200


@given(any_text | numbers | dates)
@example("9" * 500)
@example("\u0663")
def test_any_retry_after_gives_a_wait_or_none(header: str) -> None:
    wait_s = retry_after_s(header)
    assert wait_s is None or wait_s >= 0


# models


def test_models_are_listed_with_what_the_server_tells_of_them() -> None:
    told = {"id": "critic", "owned_by": "vllm", "root": "/models/critic", "max_model_len": 2048}
    (model,) = served({"data": [told]}, WHERE)
    assert (model.id, model.root, model.context_tokens) == ("critic", "/models/critic", 2048)
    assert model.is_vllm


def test_a_model_needs_nothing_but_its_id() -> None:
    (model,) = served({"data": [{"id": "gpt", "owned_by": "openai"}]}, WHERE)
    assert (model.id, model.context_tokens, model.is_vllm) == ("gpt", None, False)


@pytest.mark.parametrize("reply", [{}, {"data": {}}, {"data": "critic"}])
def test_what_is_no_list_of_models_is_refused(reply: Any) -> None:
    with pytest.raises(BadReplyError, match=f"{WHERE} sent no list of models"):
        served(reply, WHERE)


@pytest.mark.parametrize("entry", ["critic", None, 3, {}, {"id": 3}, [["id", "critic"]]])
def test_what_is_no_model_is_refused(entry: Any) -> None:
    with pytest.raises(BadReplyError, match="sent a malformed list of models"):
        served({"data": [entry]}, WHERE)


@given(listings | st.dictionaries(words, json_values))
def test_any_listing_is_read_or_a_bad_reply(reply: dict[str, Any]) -> None:
    assert complaint(lambda: served(reply, WHERE)).isprintable()


# completions


def test_a_completion_is_read() -> None:
    usage = {
        "prompt_tokens": 30,
        "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 16},
    }
    reply = {**completion(stop_reason="END", token_ids=[5, 6]), "usage": usage}
    answer = read_completion(reply, WHERE)
    assert (answer.text, answer.finish_reason) == ("So.", "stop")
    assert (answer.stop_text, answer.token_ids) == ("END", (5, 6))
    assert answer.usage.model_dump() == {
        "prompt_tokens": 30,
        "cached_tokens": 16,
        "generated_tokens": 4,
        "thinking_tokens": None,
    }


@pytest.mark.parametrize(
    ("usage", "cached"),
    [
        ({"prompt_tokens": 320, "prompt_tokens_details": {"cached_tokens": 192}}, 192),  # OpenAI
        ({"prompt_tokens": 320, "prompt_tokens_details": None}, None),  # vLLM without its flag
        (
            {
                "prompt_tokens": 320,
                "prompt_cache_hit_tokens": 256,
                "prompt_cache_miss_tokens": 64,
            },
            256,
        ),  # DeepSeek
        ({"prompt_tokens": 320, "prompt_cache_hit_tokens": 0}, 0),
        ({"prompt_tokens": 320, "cached_tokens": 128}, 128),  # Moonshot
        ({"prompt_tokens": 320, "cached_tokens": "many"}, None),
    ],
)
def test_cached_tokens_are_read_where_a_server_reports_them(
    usage: dict[str, object], cached: int | None
) -> None:
    reply = {**completion(), "usage": usage}
    assert read_completion(reply, WHERE).usage.cached_tokens == cached


def test_a_chat_completion_is_read() -> None:
    message = {"role": "assistant", "content": "Hello."}
    reply = {"choices": [{"message": message, "finish_reason": "length"}]}
    answer = read_completion(reply, WHERE)
    assert (answer.text, answer.finish_reason) == ("Hello.", "length")


def test_a_stop_token_is_no_stop_text() -> None:
    assert read_completion(completion(stop_reason=11), WHERE).stop_text is None


def test_what_may_be_absent_may_be_null() -> None:
    reply = {**completion(stop_reason=None, token_ids=None), "usage": None}
    answer = read_completion(reply, WHERE)
    assert (answer.stop_text, answer.token_ids) == (None, ())
    assert answer.usage.cached_tokens is None


@pytest.mark.parametrize(
    ("choice", "what"),
    [
        ({"text": 3}, "text: "),
        ({"text": "\ud83d"}, r"text: contains a lone surrogate \(U\+D83D"),
        ({"finish_reason": "abort"}, "finish_reason: 'abort' is not known"),
        ({"finish_reason": 3}, "finish_reason: a value is not known"),
        ({"finish_reason": "sk-12345678"}, "finish_reason: a value is not known"),
        ({"token_ids": ["a"]}, r"token_ids\.0: "),
        ({"token_ids": [-1]}, r"token_ids\.0: "),
        ({"token_ids": [2**32]}, r"token_ids\.0: "),
    ],
)
def test_a_part_of_a_completion_that_is_out_of_form_is_named(
    choice: dict[str, Any], what: str
) -> None:
    with pytest.raises(BadReplyError, match=f"{WHERE} sent a malformed reply: {what}"):
        read_completion(completion(**choice), WHERE)


@pytest.mark.parametrize(
    "reply",
    [
        *({}, {"choices": []}, {"choices": None}, {"choices": ["text"]}, {"choices": [{}]}),
        *({"choices": [{"message": {}}]}, {"choices": [{"message": {"content": 3}}]}),
        *({"choices": [{"message": {"content": [part]}}]} for part in ({}, 3, {"type": "text"})),
    ],
)
def test_a_completion_without_its_parts_is_a_bad_reply(reply: dict[str, Any]) -> None:
    with pytest.raises(BadReplyError, match="sent a malformed reply"):
        read_completion(reply, WHERE)


@pytest.mark.parametrize(
    ("reply", "lack"),
    [
        ({"model": "m", "done": True}, "it has no choices, but these fields: model, done"),
        ({"choices": []}, "it has no choices, but these fields: choices"),
        ({"choices": [{"delta": {}}]}, "neither a message nor a text, but these fields: delta"),
        ({"choices": [{"message": {"text": "x"}}]}, "no text that can be read, .* fields: text"),
    ],
)
def test_what_a_malformed_reply_lacks_is_told_in_words(reply: dict[str, Any], lack: str) -> None:
    with pytest.raises(BadReplyError, match=f"sent a malformed reply: .*{lack}"):
        read_completion(reply, WHERE)


def test_a_part_without_a_type_is_text() -> None:
    reply = {"choices": [{"message": {"content": [{"text": "Good "}, {"text": "day."}]}}]}
    assert read_completion(reply, WHERE).text == "Good day."


def test_an_empty_finish_reason_is_none() -> None:
    assert read_completion(completion(finish_reason=""), WHERE).finish_reason is None


SAID_STOP = ["stop", "eos", "eos_token", "end_turn", "stop_sequence", "STOP", "COMPLETE"]
SAID_LENGTH = ["length", "max_tokens", "model_length", "MAX_TOKENS"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [*((said, "stop") for said in SAID_STOP), *((said, "length") for said in SAID_LENGTH)],
)
def test_every_servers_words_for_the_end_of_an_answer_are_understood(said: str, meant: str) -> None:
    assert read_completion(completion(finish_reason=said), WHERE).finish_reason == meant


@pytest.mark.parametrize("choice", [{"text": "So."}, {"text": "So.", "finish_reason": None}])
def test_a_server_need_not_say_why_an_answer_ended(choice: dict[str, Any]) -> None:
    assert read_completion({"choices": [choice]}, WHERE).finish_reason is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("content_filter", "content_filter"),
        ("CONTENT_FILTERED", "content_filter"),
        ("content_filter: PROHIBITED_CONTENT", "content_filter"),
        ("SAFETY", "content_filter"),
        ("refusal", "refusal"),
    ],
)
def test_a_reply_that_was_cut_off_on_purpose_keeps_its_text(said: str, meant: str) -> None:
    answer = read_completion(completion(finish_reason=said), WHERE)
    assert (answer.text, answer.finish_reason) == ("So.", meant)


@pytest.mark.parametrize(
    ("message", "said", "text"),
    [
        ({"content": None, "refusal": "I cannot."}, "stop", "I cannot."),
        ({"content": [{"type": "refusal", "refusal": "I cannot."}]}, None, "I cannot."),
    ],
)
def test_a_models_own_refusal_is_told_from_an_answer(
    message: dict[str, Any], said: str | None, text: str
) -> None:
    reply = {"choices": [{"message": message, "finish_reason": said}]}
    answer = read_completion(reply, WHERE)
    assert (answer.text, answer.finish_reason) == (text, "refusal")


@pytest.mark.parametrize(
    ("message", "said", "meant"),
    [
        ({"content": None, "tool_calls": [{"id": "1"}]}, "tool_calls", "tool_calls"),
        ({"content": "I look it up.", "tool_calls": [{"id": "1"}]}, "stop", "tool_calls"),
        ({"content": None, "function_call": {"name": "f"}}, "function_call", "tool_calls"),
        ({"content": "", "tool_calls": []}, "tool_use", "tool_calls"),
        ({"content": "Good.", "tool_calls": []}, "tool_calls", "stop"),
        ({"content": "Good.", "tool_calls": None}, "stop", "stop"),
    ],
)
def test_a_call_of_a_tool_is_told_from_an_answer(
    message: dict[str, Any], said: str, meant: str
) -> None:
    reply = {"choices": [{"message": message, "finish_reason": said}]}
    assert read_completion(reply, WHERE).finish_reason == meant


PARTS = [{"type": "text", "text": "Hm, "}, {"type": "text", "text": "so."}]


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning": "Hm, so."},
        {"reasoning_content": "Hm, so."},
        {"reasoning_content": "Hm, so.", "reasoning": "Hm, so."},
        {"reasoning_content": None, "reasoning": "Hm, so."},
        {"reasoning": PARTS},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm, so."}]},
        {
            "reasoning_details": [
                {"type": "reasoning.text", "text": "Hm, so.", "signature": "x"},
                {"type": "reasoning.encrypted", "data": "AAAA"},
            ]
        },
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm, so.", "signature": "x"}]},
        {"content": [{"type": "thinking", "thinking": PARTS}, {"type": "text", "text": "Good."}]},
        {"content": [{"type": "thinking", "thinking": "Hm, so."}, "Good."]},
    ],
)
def test_thoughts_are_read_from_every_servers_fields_and_are_no_text(
    message: dict[str, Any],
) -> None:
    reply = {"choices": [{"message": {"content": "Good."} | message, "finish_reason": "stop"}]}
    answer = read_completion(reply, WHERE)
    assert (answer.text, answer.thoughts) == ("Good.", "Hm, so.")


@pytest.mark.parametrize("thoughts", [3, {"text": 3}, [None, []], {"other": "x"}, {}, [[["a"]]]])
def test_thoughts_in_an_unknown_form_cost_no_answer(thoughts: Any) -> None:
    message = {"content": "Good.", "reasoning": thoughts}
    assert read_completion({"choices": [{"message": message}]}, WHERE).text == "Good."


def test_thoughts_with_lone_surrogates_cost_no_answer() -> None:
    message = {"content": "Good.", "reasoning": "Hm\ud83d"}
    assert read_completion({"choices": [{"message": message}]}, WHERE).thoughts == "Hm?"


def test_tokens_of_thoughts_are_counted_apart() -> None:
    usage = {"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 7}}
    answer = read_completion({**completion(), "usage": usage}, WHERE)
    assert (answer.usage.generated_tokens, answer.usage.thinking_tokens) == (9, 7)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": None}, ""),
        ({"content": None, "reasoning_content": "Let me see ..."}, ""),
        ({"reasoning": "Let me see ..."}, ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "output_text", "text": "b"}]}, "ab"),
        ({"content": [{"type": "thinking", "thinking": "?"}, {"type": "text", "text": "b"}]}, "b"),
        ({"content": ["a", "b"]}, "ab"),
    ],
)
def test_what_a_message_says_is_read_in_all_its_forms(message: dict[str, Any], text: str) -> None:
    reply = {"choices": [{"message": message, "finish_reason": "length"}]}
    answer = read_completion(reply, WHERE)
    assert (answer.text, answer.finish_reason) == (text, "length")


@pytest.mark.parametrize(
    "usage",
    [
        *(None, "many", [], {"prompt_tokens": -1, "completion_tokens": None}),
        {"prompt_tokens": "many", "prompt_tokens_details": {"cached_tokens": -1}},
        {"prompt_tokens": 1.5, "prompt_tokens_details": "none"},
    ],
)
def test_counts_that_are_none_never_cost_a_good_answer(usage: Any) -> None:
    answer = read_completion({**completion(), "usage": usage}, WHERE)
    assert (answer.text, answer.usage) == ("So.", Usage())


@given(completions | st.dictionaries(words, json_values))
def test_any_reply_is_a_completion_that_can_be_stored_or_a_bad_reply(reply: dict[str, Any]) -> None:
    def read_and_store() -> None:
        answer = read_completion(reply, WHERE)
        assert answer.model_validate_json(answer.model_dump_json()) == answer

    assert complaint(read_and_store).isprintable()
