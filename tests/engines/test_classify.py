"""The errors of many servers and their classes: `revloop.engines.classify`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.engines.classify import ServerError
from revloop.engines.refusals import check_reply, check_status
from revloop.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextFullError,
    EngineError,
    ModelNotServedError,
    OverloadedError,
    QuotaError,
    RejectedError,
    ServerFaultError,
    SettingRefusedError,
    TransientError,
    UnusableEngineError,
    WrongAddressError,
)

WHERE = "http://127.0.0.1:8000/v1/chat/completions"
Said = tuple[str, int, Any, type[EngineError]]


def openai(message: str, code: str | None = None, type_: str = "invalid_request_error") -> Any:
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}


def bad_request(message: str) -> Any:
    """The format of some versions of vLLM and SGLang."""
    return {"object": "error", "message": message, "type": "BadRequestError", "code": 400}


TOO_LONG: list[Said] = [
    (
        "vllm",
        400,
        bad_request(
            "This model's maximum context length is 2048 tokens. However, you requested 2600 "
            "tokens (2088 in the messages, 512 in the completion). Please reduce the length."
        ),
        ContextFullError,
    ),
    (
        "vllm, newer",
        400,
        {
            "error": {
                "message": "Input length (11680) exceeds model's maximum context length (4096).",
                "type": "BadRequestError",
                "param": "input_tokens",
                "code": 400,
            }
        },
        ContextFullError,
    ),
    (
        "vllm, prompt alone",
        400,
        bad_request("The decoder prompt (length 3000) is longer than the maximum model length."),
        ContextFullError,
    ),
    (
        "vllm, no room",
        400,
        bad_request("max_tokens must be at least 1, got -186."),
        ContextFullError,
    ),
    (
        "llama.cpp",
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 1407,
                "n_ctx": 256,
            }
        },
        ContextFullError,
    ),
    (
        "llama.cpp, older",
        500,
        {"error": {"code": 500, "message": "too much", "type": "exceed_context_size_error"}},
        ContextFullError,
    ),
    (
        "llama-cpp-python",
        500,
        openai("Requested tokens (2285) exceed context window of 2048", None, "server_error"),
        ContextFullError,
    ),
    (
        "tgi",
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. "
            "Given: 8740 `inputs` tokens and 500 `max_new_tokens`",
            "error_type": "validation",
        },
        ContextFullError,
    ),
    (
        "tgi, prompt alone",
        422,
        {"error": "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000"},
        ContextFullError,
    ),
    (
        "tgi, with 200",
        200,
        {
            "error": {
                "message": "Input validation error: `inputs` tokens + `max_new_tokens` must be "
                "<= 4096.",
                "http_status_code": 422,
            }
        },
        ContextFullError,
    ),
    ("openai", 400, openai("Too much.", "context_length_exceeded"), ContextFullError),
    (
        "openai, tokens a minute",
        429,
        openai("Request too large for gpt-4o on tokens per min.", "rate_limit_exceeded", "tokens"),
        ContextFullError,
    ),
    (
        "groq",
        413,
        openai("Request too large for model: Limit 6000, Requested 12328", "rate_limit_exceeded"),
        ContextFullError,
    ),
    (
        "sglang",
        400,
        bad_request("The input (61709 tokens) is longer than the model's context length (40960)."),
        ContextFullError,
    ),
    ("fastchat", 400, {"object": "error", "message": "No.", "code": 40303}, ContextFullError),
    (
        "ollama",
        400,
        {"error": "the input length exceeds the context length"},
        ContextFullError,
    ),
    (
        "mistral",
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum "
            "context length",
            "type": "invalid_request_prompt",
            "code": "3051",
        },
        ContextFullError,
    ),
    (
        "litellm",
        400,
        openai("litellm.ContextWindowExceededError: prompt is too long: 9 > 8", "400"),
        ContextFullError,
    ),
    (
        "gemini",
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (1200000) exceeds the maximum number of "
                    "tokens allowed (1048576).",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        ContextFullError,
    ),
    (
        "anthropic",
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "prompt is too long: 210000 tokens > 200000 maximum",
            },
        },
        ContextFullError,
    ),
    ("nginx", 413, "<html><h1>413 Request Entity Too Large</h1></html>", ContextFullError),
]

THIS_ROW: list[Said] = [
    (
        "azure",
        400,
        {
            "error": {
                "message": "The response was filtered due to the prompt triggering the policy.",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        ContentFilterError,
    ),
    (
        "azure, by the inner code",
        400,
        {"error": {"message": "No.", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
        ContentFilterError,
    ),
    (
        "litellm",
        400,
        openai("litellm.ContentPolicyViolationError: ... content management policy ...", "400"),
        ContentFilterError,
    ),
    (
        "openrouter",
        403,
        {
            "error": {
                "code": 403,
                "message": "Your chosen model requires moderation and your input was flagged",
            }
        },
        ContentFilterError,
    ),
    ("any", 400, openai("messages[0].name is not valid."), RejectedError),
    ("with 200", 200, {"error": {"code": 400, "message": "Nope."}}, RejectedError),
]

THE_RUN: list[Said] = [
    ("openai", 401, openai("Incorrect API key.", "invalid_api_key"), AuthenticationError),
    (
        "gemini",
        400,
        [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}],
        AuthenticationError,
    ),
    (
        "anthropic",
        401,
        {
            "type": "error",
            "error": {"type": "authentication_error", "message": "invalid x-api-key"},
        },
        AuthenticationError,
    ),
    ("openai, quota", 429, openai("Pay.", "insufficient_quota", "insufficient_quota"), QuotaError),
    (
        "openai, quota by its type",
        429,
        openai("You exceeded your current quota.", None, "insufficient_quota"),
        QuotaError,
    ),
    (
        "openrouter, credits",
        402,
        {"error": {"code": 402, "message": "Insufficient credits."}},
        QuotaError,
    ),
    (
        "openrouter, credits with 200",
        200,
        {"error": {"code": 402, "message": "Add more credits."}},
        QuotaError,
    ),
    (
        "litellm, budget",
        400,
        openai("Budget has been exceeded! Current cost: 0.38", "400", "budget_exceeded"),
        QuotaError,
    ),
    (
        "litellm, budget by its words",
        400,
        openai("litellm.BadRequestError: Budget has been exceeded! Current cost: 14", "400"),
        QuotaError,
    ),
    ("deepseek", 402, openai("Insufficient Balance", "invalid_request_error"), QuotaError),
    ("openai, model", 404, openai("No.", "model_not_found"), ModelNotServedError),
    ("openai, model with 403", 403, openai("No.", "model_not_found"), ModelNotServedError),
    (
        "ollama",
        404,
        {"error": {"message": "model 'llama2' not found, try pulling it first"}},
        ModelNotServedError,
    ),
    ("openrouter", 400, {"error": {"message": "x is not a valid model ID"}}, ModelNotServedError),
    (
        "litellm, model",
        400,
        openai("Invalid model name passed in model=x. Call `/v1/models`", "400"),
        ModelNotServedError,
    ),
    (
        "openai, setting",
        400,
        openai("Use 'max_completion_tokens' instead.", "unsupported_parameter"),
        SettingRefusedError,
    ),
    (
        "mistral, setting",
        422,
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Not permitted"}]},
        SettingRefusedError,
    ),
    (
        "a setting out of range",
        400,
        {"error": {"message": "temperature must be at most 1", "param": "temperature"}},
        SettingRefusedError,
    ),
    (
        "vllm, no chat template",
        400,
        openai("so you must provide a chat template if the tokenizer does not define one."),
        SettingRefusedError,
    ),
    ("no such method", 405, "Method Not Allowed", WrongAddressError),
]

PASSING: list[Said] = [
    ("llama.cpp", 503, {"error": {"code": 503, "type": "unavailable_error"}}, OverloadedError),
    ("openai", 429, openai("Slow down.", "rate_limit_exceeded", "requests"), OverloadedError),
    (
        "gemini, whose words are those for no money",
        429,
        [
            {
                "error": {
                    "code": 429,
                    "message": "You exceeded your current quota, please check your plan and "
                    "billing details. Please retry in 20.9s.",
                    "status": "RESOURCE_EXHAUSTED",
                }
            }
        ],
        OverloadedError,
    ),
    ("anthropic", 529, {"error": {"type": "overloaded_error", "message": "Over"}}, OverloadedError),
    ("tgi", 429, {"error": "Model is overloaded", "error_type": "overloaded"}, OverloadedError),
    ("openrouter", 200, {"error": {"code": 502, "message": "Down."}}, OverloadedError),
    ("openrouter, busy", 200, {"error": {"code": 429, "message": "Busy."}}, OverloadedError),
    ("tgi, failed", 424, {"error": "CUDA", "error_type": "generation"}, ServerFaultError),
    ("vllm, dead", 500, {"error": {"type": "InternalServerError", "code": 500}}, ServerFaultError),
    ("unknown, with 200", 200, {"error": {"message": "no"}}, ServerFaultError),
    ("litellm", 500, openai("litellm.APIError: boom", "500"), ServerFaultError),
]

ALL = [*TOO_LONG, *THIS_ROW, *THE_RUN, *PASSING]


def raised(status: int, said: Any, **headers: str) -> EngineError:
    body = said.encode() if isinstance(said, str) else json.dumps(said).encode()
    try:
        check_status(status, headers, body, WHERE, model="critic")
        check_reply(said, WHERE, model="critic")
    except EngineError as fault:
        return fault
    raise AssertionError("no error was found")


@pytest.mark.parametrize(
    ("status", "said", "kind"), [one[1:] for one in ALL], ids=[f"{o[0]}-{o[1]}" for o in ALL]
)
def test_an_error_is_of_the_kind_that_its_server_means(
    status: int, said: Any, kind: type[EngineError]
) -> None:
    assert type(raised(status, said)) is kind


@pytest.mark.parametrize(
    ("cases", "kind"),
    [(THE_RUN, UnusableEngineError), (PASSING, TransientError), (THIS_ROW, RejectedError)],
)
def test_every_kind_is_of_its_class(cases: list[Said], kind: type[EngineError]) -> None:
    assert all(issubclass(case[3], kind) for case in cases)


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (200, {"error": {"code": 402, "message": "Add credits."}}, "error: Add credits. (The acc"),
        (200, {"object": "error", "message": "Boom.", "code": 500}, "with an error: Boom."),
        (200, {"choices": [], "error": "Boom."}, "with an error: Boom."),
        (429, openai("Pay.", "insufficient_quota"), "429: Pay. (The account has no credit"),
        (400, openai("Bad name."), "answers 400: Bad name."),
    ],
)
def test_the_words_of_the_server_are_kept(status: int, said: Any, words: str) -> None:
    fault = str(raised(status, said))
    assert fault.startswith(WHERE)
    assert words in fault


def test_an_error_of_the_one_choice_is_an_error() -> None:
    choice = {"finish_reason": "error", "error": {"code": 502, "message": "Upstream broke."}}
    fault = raised(200, {"choices": [choice]})
    assert type(fault) is OverloadedError
    assert str(fault) == f"{WHERE} answers with an error: Upstream broke."


def test_no_error_is_found_in_a_good_reply() -> None:
    check_reply({"choices": [{"text": "So.", "error": None}], "error": None}, WHERE, model="")


def test_a_quota_that_names_a_time_is_a_limit_that_passes() -> None:
    fault = raised(429, {"error": {"message": "Insufficient quota."}}, **{"Retry-After": "30"})
    assert type(fault) is OverloadedError
    assert fault.retry_after_s == 30


@pytest.mark.parametrize(
    ("words", "wait_s"),
    [
        ("Please try again in 120ms.", 0.12),
        ("Please try again in 4.77s. Need more?", 4.77),
        ("Please try again in 1m26.4s.", 86.4),
        ("Please try again in 2h3m4s.", 7384),
        ("Please try again in 12m.", 720),
        ("Please retry after 26 seconds.", 26),
        ("Please retry in 20.9s.", 20.9),
        ("Please try again in a while.", None),
        ("Please try again in 5 rows.", None),
        ("Retry later.", None),
    ],
)
def test_a_wait_is_read_from_the_words(words: str, wait_s: float | None) -> None:
    body = json.dumps(openai(words, "rate_limit_exceeded")).encode()
    assert ServerError.read(429, body).wait_s == pytest.approx(wait_s)


@given(st.integers(400, 599), st.binary() | st.text().map(str.encode))
def test_any_body_of_an_error_has_a_kind(status: int, body: bytes) -> None:
    assert issubclass(ServerError.read(status, body).kind(), EngineError)


json_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
fields = st.sampled_from(["error", "code", "type", "status", "message", "detail", "innererror"])


@given(
    st.integers(200, 599),
    st.recursive(
        json_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner)
    ),
)
def test_any_json_of_an_error_has_a_kind(status: int, said: Any) -> None:
    error = ServerError.read(status, json.dumps(said).encode())
    assert issubclass(error.kind(), EngineError)
    assert error.message.isprintable()
