"""An editor in the Python API: how it is opened and closed, what is stored, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from revloop import AsyncReviser, Draft, InputError, PromptSetError, revise
from revloop.options import EngineOptions
from revloop.trajectory import EngineInfo
from tests.helpers.prompt_folders import prompt_set
from tests.helpers.scripted_engine import ScriptedEngine
from tests.helpers.scripted_loop import CHAT, CNR, SAID, tagged
from tests.helpers.stub_server import COMPLETIONS, StubServer, completion

if TYPE_CHECKING:
    from pathlib import Path

EDITOR = EngineInfo(kind="scripted", model="editor", version="1")


def critic(rounds: int = 5) -> ScriptedEngine:
    return ScriptedEngine([SAID] * rounds)


def editor(*replies: str, model: str = "editor") -> ScriptedEngine:
    return ScriptedEngine(replies, info=EDITOR.model_copy(update={"model": model}))


def test_an_editor_of_ones_own_revises_in_the_words_of_its_set() -> None:
    asked, reviser = critic(), editor(tagged("b"), tagged("c"))
    found = revise("a", iterations=2, engine=asked, editor=reviser, editor_prompts="chat")
    assert [version.text for version in found.versions] == ["a", "b", "c"]
    assert (len(asked.requests), len(reviser.requests)) == (2, 2)
    assert found.versions[2].editor == reviser.info
    assert not reviser.is_closed


def test_without_a_set_of_its_own_the_editor_has_the_critics() -> None:
    reviser = editor("b")
    found = revise("a", iterations=1, engine=critic(), editor=reviser)
    assert found.versions[1].editor_prompt_set == CNR.digest


def test_the_critics_model_may_edit_in_other_words() -> None:
    engine = ScriptedEngine([SAID, tagged("b")])
    found = revise("a", iterations=1, engine=engine, editor_prompts="chat")
    assert found.final == "b"
    assert (found.versions[1].editor, found.versions[1].editor_prompt_set) == (
        engine.info,
        CHAT.digest,
    )


def test_the_critic_with_its_own_set_is_no_editor() -> None:
    engine = ScriptedEngine([SAID, "b"])
    found = revise("a", iterations=1, engine=engine, editor=engine, editor_prompts="cnr")
    assert found.versions[1].editor is None
    assert engine.requests[1].prefix is not None


async def test_the_options_of_an_editor_open_its_server(server: StubServer) -> None:
    server.on(COMPLETIONS, completion("better"))
    options = EngineOptions(base_url=server.base_url, model="critic", api_key=SecretStr("hers"))
    async with AsyncReviser(engine=critic(), editor=options) as reviser:
        found = await reviser.revise("a", iterations=1)
        assert reviser.settings.editor is not None
        assert reviser.settings.editor.model == "critic"
        assert reviser.editor is not None
        assert reviser.editor.info.kind == "http"
    assert found.final == "better"
    (asked,) = server.asked(COMPLETIONS)
    assert asked.headers["Authorization"] == "Bearer hers"


def test_both_are_told_what_checks_found_each_in_its_own_words(tmp_path: Path) -> None:
    asks = {
        "critique.txt": "${prompt} ${response} Programs say: ${checks}",
        "checks.txt": "${checks}!",
    }
    prompts = prompt_set(tmp_path, files=asks)

    def is_long(draft: Draft, text: str) -> tuple[bool, str]:
        return len(text) > len(draft.response) + 5, "It is too short."

    asked, reviser = ScriptedEngine([SAID]), editor("b")
    revise(
        "a",
        iterations=1,
        engine=asked,
        prompts="chat",
        editor=reviser,
        editor_prompts=tmp_path,
        checks=[is_long],
    )
    assert prompts.templates["checks.txt"] == "${checks}!"
    assert "Programs have checked this response" in asked.prompts[0]
    assert "Programs say: - is_long: It is too short.!" in reviser.prompts[0] or (
        "Programs say: - It is too short.!" in reviser.prompts[0]
    )


class TestStored:
    def test_what_is_stored_is_asked_of_neither_again(self, tmp_path: Path) -> None:
        options: dict[str, Any] = {"store": tmp_path / "s.sqlite", "editor_prompts": "chat"}
        first = revise("a", iterations=1, engine=critic(), editor=editor(tagged("b")), **options)
        asked, reviser = critic(), editor(tagged("c"))
        found = revise("a", iterations=2, engine=asked, editor=reviser, **options)
        assert found.versions[:2] == first.versions
        assert (len(asked.requests), len(reviser.requests)) == (1, 1)

    async def test_another_editor_has_trajectories_of_its_own(self) -> None:
        async def name(**options: Any) -> str:
            async with AsyncReviser(engine=critic(), **options) as reviser:
                return (await reviser.begin(Draft(response="a"))).id

        version = EngineInfo(kind="scripted", model="editor", version="2")
        names = {
            await name(),
            await name(editor=editor()),
            await name(editor=editor(model="other")),
            await name(editor=ScriptedEngine([], info=version)),
            await name(editor_prompts="chat"),
        }
        assert len(names) == 5

    async def test_the_fields_of_both_sets_decide_a_trajectory(self, tmp_path: Path) -> None:
        prompt_set(tmp_path, files={"bridge.txt": "Rewrite A by ${extra.rubric}."})
        options: dict[str, Any] = {"engine": critic(), "editor_prompts": tmp_path}
        async with AsyncReviser(**options) as reviser:
            plain = Draft(id=1, response="a", extra={"rubric": "short"})
            other = plain.model_copy(update={"extra": {"rubric": "long"}})
            assert (await reviser.begin(plain)).id != (await reviser.begin(other)).id


class TestRefused:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"single_pass": True}, "leave --single-pass out, or the editor"),
            ({"critique": "checks", "checks": [len]}, "the main model is the editor"),
        ],
    )
    def test_an_editor_with_nothing_to_do(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError, match=message):
            AsyncReviser(engine=critic(), editor=editor(), **options)

    def test_jobs_of_a_batch_api(self) -> None:
        jobs = EngineOptions(kind="openai-batch", base_url="http://127.0.0.1:1", model="m")
        with pytest.raises(InputError, match="asks one model only"):
            AsyncReviser(engine=jobs, store="s.sqlite", editor=editor())
        with pytest.raises(InputError, match="an editor would wait hours"):
            AsyncReviser(engine=critic(), editor=jobs)

    def test_an_editor_without_a_name(self) -> None:
        with pytest.raises(InputError, match="No server and no model is named"):
            AsyncReviser(engine=critic(), editor=EngineOptions())

    def test_a_set_that_does_not_exist(self) -> None:
        with pytest.raises(PromptSetError, match="'none' does not exist"):
            revise("a", engine=critic(), editor=editor(), editor_prompts="none")
