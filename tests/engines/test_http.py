"""The HTTP engine: connecting, what is sent, and what is read.

How it meets faults is in `test_engines_transport.py`; what a real vLLM server makes of its
requests, in `test_engines_contract.py`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from revloop.engines import Engine, HttpEngine, TokenPrefix
from revloop.engines.tokens import PromptTokenizer
from revloop.errors import (
    AuthenticationError,
    BadReplyError,
    ContextFullError,
    EngineError,
    InputError,
    ModelNotServedError,
    OverloadedError,
    UnreachableError,
    WrongAddressError,
)
from revloop.trajectory import Message, Sampling
from tests.helpers.http_engines import (
    AT_ONCE,
    BRIEF,
    KEY,
    MODEL,
    ONCE,
    PATIENT,
    PROMPT,
    ask,
    connected,
    failure,
)
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.stub_server import (
    CHAT,
    COMPLETIONS,
    MODELS,
    TEXT,
    VERSION,
    StubServer,
    answer,
    chat_completion,
    completion,
    error,
    hang,
    model_list,
    raw,
    redirect,
    reset,
)

if TYPE_CHECKING:
    from tests.helpers.stub_server import Behaviour

# connecting


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
async def test_an_address_may_end_with_a_slash_or_v1(server: StubServer, end: str) -> None:
    engine = await HttpEngine.connect(server.base_url + end)
    assert (await engine.generate(ask())).text == TEXT
    await engine.aclose()
    assert [request.path for request in server.requests] == [MODELS, COMPLETIONS]


async def test_it_is_an_engine(server: StubServer) -> None:
    async with connected(server) as engine:
        assert isinstance(engine, Engine)


async def test_the_only_model_is_taken(server: StubServer) -> None:
    async with connected(server) as engine:
        assert (engine.info.kind, engine.info.model, engine.info.version) == (
            "http",
            "critic",
            None,
        )


async def test_of_several_models_one_must_be_named() -> None:
    async with StubServer(models=["falcon", "vicuna"]) as server:
        with pytest.raises(InputError, match=r"these models: falcon, vicuna\. Name the one"):
            await HttpEngine.connect(server.base_url)


async def test_the_model_that_is_named_is_taken() -> None:
    async with StubServer(models=["falcon", "vicuna"]) as server:
        async with connected(server, model="vicuna") as engine:
            await engine.generate(ask())
        assert server.asked(COMPLETIONS)[0].body["model"] == "vicuna"


async def test_a_model_that_is_not_served_is_refused_with_those_that_are() -> None:
    async with StubServer(models=["falcon", "vicuna"]) as server:
        with pytest.raises(ModelNotServedError, match="'gpt-4'; it serves: falcon, vicuna"):
            await HttpEngine.connect(server.base_url, model="gpt-4")


async def test_a_server_without_a_list_of_models_wants_the_model_named(server: StubServer) -> None:
    server.on(MODELS, error(404))
    with pytest.raises(WrongAddressError, match=r"does not list its models: .* name the model"):
        await HttpEngine.connect(server.base_url)


async def test_a_server_without_a_list_of_models_is_taken_at_its_users_word(
    server: StubServer,
) -> None:
    server.on(MODELS, error(404))
    async with connected(server, model="falcon") as engine:
        assert (await engine.generate(ask())).text == TEXT
        assert engine.info.model == "falcon"
    assert server.asked(COMPLETIONS)[0].body["model"] == "falcon"


@pytest.mark.parametrize(
    "listing",
    [{}, {"data": None}, {"data": ["critic"]}, {"data": [{"object": "model"}]}],
    ids=["nothing", "null", "strings", "no-id"],
)
async def test_a_list_of_models_in_another_form_is_refused(
    server: StubServer, listing: dict[str, Any]
) -> None:
    server.on(MODELS, answer(listing))
    with pytest.raises(BadReplyError, match="models"):
        await HttpEngine.connect(server.base_url, retries=ONCE)


async def test_null_in_the_list_of_models_is_as_good_as_nothing(server: StubServer) -> None:
    server.on(MODELS, model_list({**MODEL, "root": None, "max_model_len": None}))
    async with connected(server) as engine:
        assert engine.context_tokens is None


async def test_names_of_models_cannot_steer_a_terminal() -> None:
    async with StubServer(models=["a\x1b[2J", "b\ud800"]) as server:
        with pytest.raises(InputError, match="these models: ") as caught:
            await HttpEngine.connect(server.base_url)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "address",
    [
        *("", "127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://.", "http://[::1"),
        *("http://h:x", "http://h:99999", "http://a\\b", "http://h/#here"),
    ],
)
async def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(InputError, match="is not a server address"):
        await HttpEngine.connect(address, retries=ONCE)


async def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="REVLOOP_API_KEY") as caught:
        await HttpEngine.connect(f"http://me:{KEY}@127.0.0.1:1", retries=ONCE)
    assert KEY not in str(caught.value)


async def test_a_server_that_is_down_cannot_be_reached() -> None:
    async with StubServer() as gone:
        address = gone.base_url
    with pytest.raises(UnreachableError, match=r"cannot be reached: .*Is the server running\?"):
        await HttpEngine.connect(address, retries=AT_ONCE)


async def test_a_server_that_never_answers_is_given_up_at_the_deadline(server: StubServer) -> None:
    server.on(MODELS, hang())
    with pytest.raises(UnreachableError, match=r"did not answer within 0\.05 s"):
        await HttpEngine.connect(server.base_url, retries=ONCE, deadlines=BRIEF)


async def test_a_server_that_comes_up_late_is_waited_for(server: StubServer) -> None:
    server.on(MODELS, reset(), error(503), model_list(MODEL))
    async with connected(server) as engine:
        assert engine.info.model == "critic"
    assert len(server.asked(MODELS)) == 3


async def test_a_server_that_stays_out_of_reach_is_given_up_after_three_tries(
    server: StubServer,
) -> None:
    server.on(MODELS, error(503))
    with pytest.raises(OverloadedError, match="answers 503"):
        await HttpEngine.connect(server.base_url, retries=PATIENT)
    assert len(server.asked(MODELS)) == 3


async def test_once_a_server_has_answered_it_is_tried_as_often_as_the_policy_says(
    server: StubServer,
) -> None:
    await failure(server, error(503), retries=PATIENT)
    assert len(server.asked(COMPLETIONS)) == PATIENT.attempts


# the key


async def test_the_key_is_sent_as_bearer_token(server: StubServer) -> None:
    async with connected(server, api_key=SecretStr(f" {KEY}\n")) as engine:
        await engine.generate(ask())
    sent = {request.headers["Authorization"] for request in server.requests}
    assert sent == {f"Bearer {KEY}"}


async def test_without_a_key_none_is_sent(server: StubServer) -> None:
    async with connected(server):
        assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed_and_the_key_stays_here(
    server: StubServer, status: int
) -> None:
    async with StubServer() as elsewhere:
        target = {"Location": elsewhere.base_url + MODELS}
        server.on(MODELS, answer("", status, target))
        with pytest.raises(EngineError, match=f"redirects to {elsewhere.base_url}"):
            await HttpEngine.connect(server.base_url, api_key=SecretStr(KEY), retries=AT_ONCE)
        assert elsewhere.requests == []


async def test_a_redirect_for_now_is_asked_again_where_it_came_from(server: StubServer) -> None:
    server.on(COMPLETIONS, redirect("http://elsewhere/sorry.html"), completion())
    async with connected(server) as engine:
        assert (await engine.generate(ask())).retries == 1


async def test_a_cookie_is_not_kept(server: StubServer) -> None:
    server.on(COMPLETIONS, answer(b"", 503, {"Set-Cookie": "track=me; Path=/"}), completion())
    async with connected(server) as engine:
        await engine.generate(ask())
    assert "Cookie" not in server.asked(COMPLETIONS)[-1].headers


async def test_nobody_asks_for_a_packed_answer(server: StubServer) -> None:
    async with connected(server):
        assert server.asked(MODELS)[-1].headers["Accept-Encoding"] == "identity"


async def test_where_a_redirect_leads_cannot_steer_a_terminal(server: StubServer) -> None:
    location = b"http://elsewhere/\xff\xc2\x9b2J"  # a stray byte, and an escape sequence
    head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
    assert str(await failure(server, raw(head), retries=ONCE)).isprintable()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_not_accepted_is_asked_for_and_not_shown(
    server: StubServer, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.on(MODELS, error(status, "Who are you?"))
    with pytest.raises(AuthenticationError, match=r"Who are you\?.*REVLOOP_API_KEY") as caught:
        await HttpEngine.connect(server.base_url, api_key=SecretStr(KEY))
    assert len(server.requests) == 1
    assert KEY not in f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"


async def test_a_key_that_the_server_repeats_is_not_shown(server: StubServer) -> None:
    server.on(MODELS, error(401, f"Incorrect API key: {KEY}."))
    with pytest.raises(AuthenticationError, match="Incorrect API key") as caught:
        await HttpEngine.connect(server.base_url, api_key=SecretStr(KEY))
    assert KEY not in str(caught.value)


async def test_the_key_is_not_part_of_the_engines_repr(server: StubServer) -> None:
    async with connected(server, api_key=SecretStr(KEY)) as engine:
        assert KEY not in f"{engine!r} {engine.info!r} {vars(engine)!r}"


@pytest.mark.parametrize("key", ["schlüssel", "two\r\nX-Header: lines", "tab\tbed"])
async def test_a_key_that_no_header_can_carry_is_refused_unseen(key: str) -> None:
    with pytest.raises(InputError, match="API key contains characters") as caught:
        await HttpEngine.connect("http://127.0.0.1:1", api_key=SecretStr(key))
    assert key not in str(caught.value)


# what is sent


async def test_a_text_is_sent_to_completions_with_its_settings(server: StubServer) -> None:
    sampling = Sampling(temperature=0.7, top_p=0.9, seed=11)
    async with connected(server) as engine:
        await engine.generate(ask(sampling=sampling, max_tokens=64, stop=("\n\n", "END")))
    assert server.requests[-1].body == {
        "model": "critic",
        "prompt": PROMPT,
        "max_tokens": 64,
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 11,
        "stop": ["\n\n", "END"],
    }


async def test_without_a_tokenizer_nothing_but_plain_openai_fields_is_sent(
    server: StubServer,
) -> None:
    async with connected(server) as engine:
        assert not engine.sends_token_ids
        assert engine.count_tokens(PROMPT) is None
        done = await engine.generate(ask(keep_prefix=True, prefix=TokenPrefix(PROMPT[:5], (1, 2))))
    body = server.requests[-1].body
    assert (body["prompt"], body.keys() & {"return_token_ids", "include_stop_str_in_output"}) == (
        PROMPT,
        set(),
    )
    assert done.prefix is None


async def test_messages_are_sent_to_chat_completions(server: StubServer) -> None:
    server.on(CHAT, chat_completion("Hello again."))
    messages = (Message(role="system", content="Be brief."), Message(role="user", content="Hello."))
    async with connected(server) as engine:
        done = await engine.generate(ask(messages))
    assert done.text == "Hello again."
    assert [request.path for request in server.requests] == [MODELS, CHAT]
    assert server.requests[-1].body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello."},
    ]


async def test_vllm_is_known_by_its_name_and_asked_for_its_version(vllm: StubServer) -> None:
    async with connected(vllm) as engine:
        assert (engine.info.version, engine.context_tokens) == ("0.32.0", 200)


@pytest.mark.parametrize("behaviour", [error(404), answer({})], ids=["404", "no-version"])
async def test_a_vllm_server_that_hides_its_version_is_used_all_the_same(
    vllm: StubServer, behaviour: Behaviour
) -> None:
    vllm.on(VERSION, behaviour)
    async with connected(vllm) as engine:
        assert engine.info.version is None


async def test_a_vllm_server_on_this_machine_gets_token_ids(vllm: StubServer) -> None:
    async with connected(vllm) as engine:
        await engine.generate(ask())
        assert engine.sends_token_ids
        assert engine.count_tokens(PROMPT) == len(_tokens(PROMPT))
    assert vllm.requests[-1].body["prompt"] == _tokens(PROMPT)


async def test_a_vllm_server_elsewhere_gets_token_ids_where_a_tokenizer_is_named() -> None:
    async with StubServer(vllm_root="org/model") as server:
        async with connected(server, tokenizer=TINY_CRITIC) as engine:
            await engine.generate(ask())
        assert server.requests[-1].body["prompt"] == _tokens(PROMPT)


async def test_a_vllm_server_elsewhere_gets_text_otherwise() -> None:
    async with StubServer(vllm_root="org/model") as server:
        async with connected(server) as engine:
            await engine.generate(ask())
        assert server.requests[-1].body["prompt"] == PROMPT


async def test_another_server_gets_text_even_where_a_tokenizer_is_named(server: StubServer) -> None:
    async with connected(server, tokenizer=TINY_CRITIC) as engine:
        await engine.generate(ask())
        assert engine.count_tokens("four") == 4
    assert server.requests[-1].body["prompt"] == PROMPT


async def test_a_served_folder_that_cannot_be_looked_up_here_does_no_harm() -> None:
    async with StubServer(vllm_root="/" + "far/" * 2000) as server, connected(server) as engine:
        assert not engine.sends_token_ids


async def test_a_tokenizer_that_happens_to_lie_here_is_not_taken_for_the_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(TINY_CRITIC)
    async with StubServer(vllm_root="") as server, connected(server) as engine:
        assert not engine.sends_token_ids


async def test_keep_prefix_asks_for_the_tokens_and_the_stop_text(vllm: StubServer) -> None:
    async with connected(vllm) as engine:
        await engine.generate(ask(keep_prefix=True))
    body = vllm.requests[-1].body
    assert (body["return_token_ids"], body["include_stop_str_in_output"]) == (True, True)


async def test_a_prefix_that_is_kept_covers_the_stop_text_that_the_text_leaves_out(
    vllm: StubServer,
) -> None:
    said = " Good.\nEND"
    vllm.on(COMPLETIONS, completion(said, stop_reason="END", token_ids=_tokens(said)))
    async with connected(vllm) as engine:
        done = await engine.generate(ask(keep_prefix=True, stop=("END",)))
    assert done.text == " Good.\n"
    assert done.prefix == TokenPrefix(PROMPT + said, (*_tokens(PROMPT), *_tokens(said)))


async def test_the_next_prompt_begins_with_the_tokens_of_its_prefix(vllm: StubServer) -> None:
    async with connected(vllm) as engine:
        await engine.generate(ask(PROMPT + " More.", prefix=TokenPrefix(PROMPT, (5, 6, 7))))
    assert vllm.requests[-1].body["prompt"] == [5, 6, 7, *_tokens(" More.")]


async def test_a_server_that_gives_no_tokens_gives_no_prefix(vllm: StubServer) -> None:
    async with connected(vllm) as engine:
        done = await engine.generate(ask(keep_prefix=True))
    assert (done.text, done.prefix) == (TEXT, None)


async def test_a_token_id_that_cannot_be_one_is_a_bad_reply(vllm: StubServer) -> None:
    behaviour = completion("x", token_ids=[-1])
    vllm.on(COMPLETIONS, behaviour)
    async with connected(vllm) as engine:
        with pytest.raises(BadReplyError, match="token_ids"):
            await engine.generate(ask(keep_prefix=True))


async def test_a_special_token_in_a_prompt_is_sent_as_the_letters_it_is(vllm: StubServer) -> None:
    async with connected(vllm) as engine:
        await engine.generate(ask("<|endoftext|>"))
    assert len(vllm.requests[-1].body["prompt"]) == len("<|endoftext|>")


async def test_an_answer_gets_what_the_context_leaves(vllm: StubServer) -> None:
    async with connected(vllm) as engine:
        done = await engine.generate(ask("x" * 120, max_tokens=500, reserve_tokens=30))
    assert (done.limit_tokens, vllm.requests[-1].body["max_tokens"]) == (50, 50)


async def test_a_prompt_that_leaves_too_little_room_is_not_sent(vllm: StubServer) -> None:
    async with connected(vllm) as engine:
        with pytest.raises(ContextFullError, match=r"150 of the model's 200 tokens.* 50 are left"):
            await engine.generate(ask("x" * 150, room_tokens=51))
    assert vllm.asked(COMPLETIONS) == []


# what is read


async def test_a_completion_is_read_in_full(server: StubServer) -> None:
    usage = {"prompt_tokens": 40, "completion_tokens": 9}
    usage_details = {"prompt_tokens_details": {"cached_tokens": 32}}
    behaviour = completion("So.", finish_reason="length", usage={**usage, **usage_details})
    server.on(COMPLETIONS, behaviour)
    async with connected(server) as engine:
        done = await engine.generate(ask())
    assert (done.text, done.finish_reason, done.limit_tokens) == ("So.", "length", 16)
    assert (done.usage.prompt_tokens, done.usage.generated_tokens) == (40, 9)
    assert done.usage.cached_tokens == 32
    assert (done.retries, done.prefix) == (0, None)
    assert done.latency_s > 0


@pytest.mark.parametrize("details", [{}, {"prompt_tokens_details": None}], ids=["absent", "null"])
async def test_cached_tokens_that_nobody_counted_are_none(
    server: StubServer, details: dict[str, Any]
) -> None:
    server.on(COMPLETIONS, completion(usage=details))
    async with connected(server) as engine:
        assert (await engine.generate(ask())).usage.cached_tokens is None


async def test_text_is_taken_to_the_letter(server: StubServer) -> None:
    said = " \n<|endoftext|> ${prompt} \u2028 \U0001f600 \x00 END \n"
    server.on(COMPLETIONS, completion(said))
    async with connected(server) as engine:
        assert (await engine.generate(ask(stop=("END",)))).text == said


def _tokens(text: str) -> list[int]:
    return PromptTokenizer.from_folder(TINY_CRITIC).encode(text)
