"""Hostile text is data: revised, stored and shown like any other (`tests/helpers/hostile.py`)."""

from __future__ import annotations

import asyncio
import io
import json
import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from revloop import AsyncReviser, Draft, PromptSet, Trajectory, revise
from revloop.cli.output import print_json, print_text, printable
from revloop.cli.versions import print_trajectory
from revloop.engines.tokens import PromptTokenizer
from revloop.errors import BadReplyError, EngineError, InputError
from revloop.prompts import shipped_prompt_sets
from revloop.prompts.guards import GuardSettings, known_guards
from revloop.records import Record, RecordEntry, read_records
from revloop.store import Store
from revloop.trajectory import Message
from tests.helpers import hostile
from tests.helpers.command_line import revloop
from tests.helpers.http_engines import ask, connected
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.scripted_engine import Answer, ScriptedEngine, cnr_critique, plain
from tests.helpers.scripted_loop import revision_of
from tests.helpers.stub_server import COMPLETIONS, StubServer, answer, completion

if TYPE_CHECKING:
    from pathlib import Path


CNR = PromptSet.load("cnr")
GROUP = 8
GROUPS = [hostile.ALL[start : start + GROUP] for start in range(0, len(hostile.ALL), GROUP)]
any_text = st.text() | st.sampled_from(hostile.ALL)
responses = any_text.filter(lambda text: text.strip() != "")


def critique_of(text: str) -> str:
    return cnr_critique(3, positive=text, negative=text)


def draft_of(group: tuple[str, ...]) -> Draft:
    """A draft whose prompt holds every text of a group, one a turn."""
    turns = tuple(Message(role="user", content=text) for text in group)
    return Draft(id=group[0], messages=turns, response=group[0], extra={"all": list(group)})


JUDGEMENTS = tuple(
    name for name in known_guards() if name not in GuardSettings().chosen(is_chat=False)
)
"""The checks that compare a revision with the text before: here each text replaces any other."""


def script_of(group: tuple[str, ...], prompts: PromptSet) -> list[Answer]:
    """A round for each text: it is criticised with, and then it is the revision."""
    said = zip(map(critique_of, group), revisions_of(group, prompts), strict=True)
    return [Answer(text, "stop") for texts in said for text in texts]


def revisions_of(group: tuple[str, ...], prompts: PromptSet) -> list[str]:
    """A reply for each text as the next version, in the form of the prompt set."""
    pairs = pairwise([group[0], *group])
    return [revision_of(prompts, before, after) for before, after in pairs]


async def revise_all(prompts: str, store: Path | None = None) -> list[Trajectory]:
    """Every text as turn of a prompt, critique, revision, and response of the round after."""
    chosen = PromptSet.load(prompts)
    script = [said for group in GROUPS for said in script_of(group, chosen)]
    engine = ScriptedEngine(script, counts=False)
    async with AsyncReviser(
        engine=engine, store=store, prompts=prompts, early_stop=False, no_guards=JUDGEMENTS
    ) as reviser:
        return [await reviser.revise(draft_of(g), iterations=len(g)) for g in GROUPS]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with every text."""
    path = tmp_path_factory.mktemp("hostile") / "versions.sqlite"
    asyncio.run(revise_all("cnr", path))
    return path


@pytest.fixture(scope="module")
def trajectories(store: Path) -> list[Trajectory]:
    with Store.open_to_read(store) as opened:
        return list(opened.trajectories())


# the corpus


def test_there_are_at_least_500_texts_of_many_kinds() -> None:
    assert len(hostile.ALL) >= 500
    assert len(hostile.TEXTS) >= 12
    assert min(len(texts) for texts in hostile.TEXTS.values()) >= 20


def test_every_text_can_be_a_response() -> None:
    assert [text for text in hostile.ALL if not text.strip()] == []
    assert not [text for text in hostile.BLANK if text.strip()]
    assert b"" not in [text.encode() for text in hostile.ALL]


# through the loop


def versions_of(group: tuple[str, ...], prompts: PromptSet) -> list[str]:
    """A rewrite that differs from the text before only in the white space around is that text."""
    expected = [group[0]]
    if prompts.has_edits:
        return expected + list(group)
    for text in group:
        expected.append(expected[-1] if text.strip() == expected[-1].strip() else text)
    return expected


def check(trajectory: Trajectory, group: tuple[str, ...], prompts: PromptSet = CNR) -> None:
    assert trajectory.draft == draft_of(group)
    assert [v.text for v in trajectory.versions] == versions_of(group, prompts)
    critiques = [v.critique.raw for v in trajectory.versions if v.critique is not None]
    assert critiques == [critique_of(text) for text in group]


def test_every_text_is_stored_to_the_letter(trajectories: list[Trajectory]) -> None:
    for trajectory, group in zip(trajectories, GROUPS, strict=True):
        check(trajectory, group)


@pytest.mark.parametrize("name", ["chat", "cnr-edits", "chat-edits"])
async def test_other_sets_take_every_text_as_well(name: str) -> None:
    for trajectory, group in zip(await revise_all(name), GROUPS, strict=True):
        check(trajectory, group, PromptSet.load(name))


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in shipped_prompt_sets()
        if (one := PromptSet.load(name)).single_pass and not one.fields
    ],
)
async def test_every_text_is_a_revision_of_a_single_pass(name: str) -> None:
    prompts = PromptSet.load(name)
    said = cnr_critique(3) + ("\n" if prompts.is_chat else prompts.bridge)
    script = [
        Answer(said + reply, "stop") for group in GROUPS for reply in revisions_of(group, prompts)
    ]
    engine = ScriptedEngine(script, counts=False)
    async with AsyncReviser(
        engine=engine, prompts=name, single_pass=True, early_stop=False, no_guards=JUDGEMENTS
    ) as reviser:
        for group in GROUPS:
            trajectory = await reviser.revise(draft_of(group), iterations=len(group))
            assert [v.text for v in trajectory.versions] == versions_of(group, prompts)


def test_every_text_can_be_an_id() -> None:
    for text in hostile.ALL:
        draft = Draft(id=text, prompt=text, response=text)
        assert Draft.model_validate_json(draft.model_dump_json()) == draft


@pytest.mark.parametrize("name", shipped_prompt_sets())
def test_every_text_stands_in_the_prompt_as_it_is(name: str) -> None:
    prompts = PromptSet.load(name)
    if prompts.settings.conversation.form == "turns":
        for text in (*hostile.ALL, *hostile.BLANK):
            asked = prompts.critique_prompt(Draft(prompt=text, response="x"), text)
            assert [m.content for m in asked if isinstance(m, Message)][:-1] == [text, text]
        return
    before, rest = prompts.templates["critique.txt"].split("${prompt}")
    between, after = rest.split("${response}")
    for text in (*hostile.ALL, *hostile.BLANK):
        extra = {name: text for name in prompts.fields if text.strip()}
        draft = Draft(prompt=text, response="x", extra=extra)
        if len(extra) < len(prompts.fields):
            continue  # a blank field counts as missing
        sent = plain(prompts.critique_prompt(draft, text)[-1:]) if prompts.is_chat else None
        shown = plain(prompts.critique_prompt(draft, text)) if sent is None else sent
        rest = after.replace("${checks}", "").replace("${extra.rubric}", text)
        assert shown == f"{before}{text}{between}{text}{rest}"


def test_no_text_makes_a_special_token() -> None:
    critic = PromptTokenizer.from_folder(TINY_CRITIC)
    spoilt = [text for text in hostile.ALL if critic.has_ended(critic.encode(text))]
    assert spoilt == []


@pytest.mark.parametrize("text", hostile.BLANK)
def test_a_blank_prompt_is_a_prompt_and_a_blank_response_is_refused(text: str) -> None:
    assert Draft(prompt=text, response="x").prompt == text
    with pytest.raises(InputError, match="the response is empty"):
        revise(text, engine=ScriptedEngine([]))


@pytest.mark.parametrize("text", hostile.SURROGATES)
def test_what_no_encoding_can_carry_is_refused_by_name(text: str) -> None:
    for draft in (
        {"response": text},
        {"response": "x", "prompt": text},
        {"response": "x", "id": text},
    ):
        with pytest.raises(InputError, match="lone surrogate"):
            revise(draft, engine=ScriptedEngine([]))


@pytest.mark.parametrize("text", hostile.SURROGATES)
async def test_a_server_that_sends_half_a_letter_gave_a_bad_reply(
    server: StubServer, text: str
) -> None:
    server.on(COMPLETIONS, completion(text))
    async with connected(server) as engine:
        with pytest.raises(BadReplyError, match="lone surrogate"):
            await engine.generate(ask())


async def test_every_text_goes_over_http_and_back_unchanged(server: StubServer) -> None:
    async def echo(request: Any) -> Any:
        return await completion(json.loads(await request.read())["prompt"])(request)

    server.on(COMPLETIONS, echo)
    async with connected(server) as engine:
        for text in (*hostile.ALL, *hostile.BLANK):
            assert (await engine.generate(ask(text))).text == text


async def test_no_error_of_a_server_reaches_a_message_raw(server: StubServer) -> None:
    async with connected(server) as engine:
        for text in hostile.ALL[::4]:
            server.on(COMPLETIONS, answer({"error": {"message": text}}, 400))
            with pytest.raises(EngineError) as caught:
                await engine.generate(ask())
            assert str(caught.value).isprintable()


async def test_a_word_of_ten_megabytes_is_a_word(tmp_path: Path) -> None:
    word = hostile.huge_word()
    script = ScriptedEngine([Answer(critique_of("x"), "stop"), Answer(f"{word}!", "stop")])
    path = tmp_path / "huge.sqlite"
    async with AsyncReviser(engine=script, store=path) as reviser:
        await reviser.revise(word, prompt=word, iterations=1)
    with Store.open_to_read(path) as opened:
        (trajectory,) = opened.trajectories()
    assert (trajectory.original, trajectory.final) == (word, f"{word}!")
    assert len(screen(trajectory)) > 3 * len(word)


# in files


def test_every_text_goes_through_a_file_of_records(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    records = [
        Record(id=text, prompt=text, response=text, critique=text, revision=f"{text} #")
        for text in hostile.ALL
    ]
    lines = [record.model_dump_json(exclude_defaults=True) for record in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    read = [entry.record for entry in read_records(path) if isinstance(entry, RecordEntry)]
    assert read == records


@given(st.lists(responses, min_size=1, max_size=5))
def test_any_texts_go_through_jsonl(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    records = [Record(response=text, revision=text, prompt=text) for text in texts]
    path.write_bytes(b"".join(record.model_dump_json().encode() + b"\n" for record in records))
    assert [e.record for e in read_records(path) if isinstance(e, RecordEntry)] == records


@settings(max_examples=25)
@given(any_text, responses, st.lists(responses, max_size=4), st.integers(0, 4))
def test_any_prefix_of_versions_goes_on_to_the_same_end(
    tmp_path_factory: pytest.TempPathFactory,
    prompt: str,
    response: str,
    revisions: list[str],
    kept: int,
) -> None:
    rounds = len(revisions) + 1
    turns = tuple(Message(role="user", content=text) for text in (prompt, *revisions))
    draft = Draft(messages=turns, response=response)
    script = [
        Answer(said, "stop")
        for number, revision in enumerate([*revisions, "The end."])
        for said in (critique_of(revision), f"{number} {revision}")
    ]
    whole = revise(draft, iterations=rounds, engine=ScriptedEngine(script), early_stop=False)
    done = min(kept, rounds)
    path = tmp_path_factory.mktemp("resume") / "versions.sqlite"
    if done:
        revise(
            draft,
            iterations=done,
            engine=ScriptedEngine(script[: 2 * done]),
            store=path,
            early_stop=False,
        )
    resumed = revise(
        draft,
        iterations=rounds,
        engine=ScriptedEngine(script[2 * done :]),
        store=path,
        early_stop=False,
    )
    assert [v.text for v in resumed.versions] == [v.text for v in whole.versions]
    assert [v.critique for v in resumed.versions] == [v.critique for v in whole.versions]


# on a screen


def screen(trajectory: Trajectory, *, colours: bool = False) -> str:
    """What a terminal is sent."""
    console = Console(
        file=io.StringIO(),
        force_terminal=colours,
        color_system="truecolor" if colours else None,
        width=100,
        soft_wrap=True,
        highlight=False,
        markup=False,
        emoji=False,
    )
    print_trajectory(trajectory, console=console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def acting(text: str) -> set[str]:
    """The letters in a text that could act on a terminal, or reorder what is shown."""
    return {
        letter
        for letter in set(text) - {"\n", "\t"}
        if unicodedata.category(letter) == "Cc"
        or unicodedata.bidirectional(letter) in {"LRE", "RLE", "LRO", "RLO", "PDF"}
        or unicodedata.bidirectional(letter) in {"LRI", "RLI", "FSI", "PDI"}
    }


def test_no_text_acts_on_a_terminal(trajectories: list[Trajectory]) -> None:
    assert set().union(*(acting(screen(trajectory)) for trajectory in trajectories)) == set()


def test_in_colours_nothing_acts_but_the_colours(trajectories: list[Trajectory]) -> None:
    for trajectory in trajectories[::7]:
        assert acting(re.sub(r"\x1b\[[\d;]*m", "", screen(trajectory, colours=True))) == set()


async def test_a_store_of_hostile_texts_is_listed_one_a_line(store: Path) -> None:
    listed = await revloop("show", str(store))
    assert (listed.code, listed.err) == (0, "")
    assert len(listed.out.split("\n")) == len(GROUPS) + 2
    assert acting(listed.out) == set()


async def test_as_json_everything_comes_back_and_nothing_acts(
    store: Path, trajectories: list[Trajectory]
) -> None:
    listed = await revloop("show", str(store), "--json")
    assert acting(listed.out) == set()
    lines = listed.out.split("\n")[:-1]
    assert [Trajectory.model_validate_json(line) for line in lines] == trajectories


@pytest.mark.parametrize("name", [GROUPS[n][0] for n in (3, 60)])
async def test_a_trajectory_is_shown_by_its_hostile_id(store: Path, name: str) -> None:
    shown = await revloop("show", str(store), "--", name)
    assert (shown.code, acting(shown.out)) == (0, set())
    assert printable(name) in shown.out


@pytest.mark.parametrize(
    "text", ["a\tb", "a\rb", "a\r\nb", "\x07\x08\x0b\x0c", "\x1b[2J", "é\u202e"]
)
def test_in_a_pipe_the_last_version_is_printed_to_the_letter(
    text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    print_text(text)
    out = capfd.readouterr().out
    assert out == f"{text}\n"


@given(any_text)
def test_json_is_the_same_json_with_nothing_in_it_that_acts(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out := io.StringIO())
        print_json(json.dumps({"text": text}, ensure_ascii=False))
    assert json.loads(out.getvalue()) == {"text": text}
    assert acting(out.getvalue()) == set()
