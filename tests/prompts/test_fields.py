"""Fields of a draft in templates: what stands for them, and drafts that lack one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import InputError, MissingFieldError, PromptSetError
from revloop.prompts.fields import shown
from revloop.records import Record
from revloop.records.rendering import training_texts
from revloop.trajectory import Draft, Message
from revloop.values import read_json
from tests.helpers.prompt_folders import prompt_set

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.prompts import PromptSet, Rendered

ASKS = "Q: ${prompt}\nA: ${response}\nBy these: ${extra.rubric}"

plain = st.text(max_size=20) | st.integers() | st.booleans() | st.floats(allow_nan=False)
tricky = st.lists(
    st.sampled_from(["${prompt}", "$$", "$", "${extra.rubric}", "${", "{}", "\\1", "a"]), max_size=5
).map("".join)


def draft(**extra: Any) -> Draft:
    return Draft(id="d", prompt="2 + 2?", response="5", extra=extra)


def last_of(prompt: Rendered) -> str:
    return prompt if isinstance(prompt, str) else prompt[-1].content


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> PromptSet:
    return prompt_set(tmp_path_factory.mktemp("asking"), files={"critique.txt": ASKS})


class TestShown:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("Is it right?\n Is it short?", "Is it right?\n Is it short?"),
            (["right", "short"], "- right\n- short"),
            ([1, 2.5, True, None], "- 1\n- 2.5\n- true\n- null"),
            (
                [{"name": "right", "description": "4 is right."}, {"name": "short"}, "kind"],
                "- right: 4 is right.\n- short\n- kind",
            ),
            (
                [{"weight": 2, "name": "right", "must": True}],
                "- right (weight: 2, must: true)",
            ),
            ({"right": "4 is right.", "points": 3}, "- right: 4 is right.\n- points: 3"),
            (7, "7"),
            (0.5, "0.5"),
            (False, "false"),
        ],
    )
    def test_a_value_as_it_stands_in_a_prompt(self, value: Any, text: str) -> None:
        assert shown(value) == text

    def test_a_number_is_written_as_the_user_wrote_it(self) -> None:
        assert shown(read_json("[2.50, 1e400]")) == "- 2.50\n- 1e400"

    @pytest.mark.parametrize(
        ("value", "says"),
        [
            ([["a"]], "nested too deeply"),
            ([{"name": "a", "levels": [1]}], "nested too deeply"),
            ([{"name": ["a"]}], "nested too deeply"),
            ({"a": {"b": 1}}, "nested too deeply"),
            ([{"criterion": "a"}], "an object without a 'name'"),
            ([{"name": " "}], "an object without a 'name'"),
        ],
    )
    def test_what_cannot_be_shown_is_told(self, value: Any, says: str) -> None:
        with pytest.raises(ValueError, match=says):
            shown(value)

    @given(plain | st.lists(plain, max_size=4))
    def test_every_text_and_number_of_a_value_is_shown(self, value: Any) -> None:
        items = value if isinstance(value, list) else [value]
        text = shown(value)
        for item in items:
            assert (item if isinstance(item, str) else json.dumps(item).lower()) in text


class TestInTemplates:
    def test_a_field_stands_in_the_critique_prompt(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path, files={"critique.txt": ASKS})
        asked = prompts.critique_prompt(draft(rubric=["right", "short"]), "5")
        assert last_of(asked) == "Q: 2 + 2?\nA: 5\nBy these: - right\n- short"

    @given(tricky, tricky)
    def test_a_value_is_never_read_as_a_template(
        self, asking: PromptSet, rubric: str, prompt: str
    ) -> None:
        one = Draft(prompt=prompt, response="5", extra={"rubric": f"x{rubric}"})
        assert last_of(asking.critique_prompt(one, "5")) == (
            f"Q: {prompt}\nA: 5\nBy these: x{rubric}"
        )

    def test_bridge_rewrite_system_and_single_pass_see_fields_too(self, tmp_path: Path) -> None:
        prompts = prompt_set(
            tmp_path,
            revision='tags = { opening = "<r>", closing = "</r>" }',
            files={
                "bridge.txt": "Rewrite A by ${extra.rubric}.",
                "system.txt": "You know ${extra.reference answer} for $$5.",
                "single.txt": ASKS,
            },
        )
        one = draft(rubric="taste", **{"reference answer": "4"})
        asked = prompts.revision_prompt_of(one, "5", "Dull.")
        assert asked[0] == Message(role="system", content="You know 4 for $5.")
        assert asked[-1] == Message(role="user", content="Rewrite A by taste.")
        assert last_of(prompts.single_pass_prompt(one, "5")).endswith("By these: taste")

    def test_a_fresh_bridge_sees_them(self, tmp_path: Path) -> None:
        bridge = "Q: ${prompt} A: ${response} Notes: ${critique} Rubric: ${extra.rubric}"
        prompts = prompt_set(tmp_path, revision='context = "fresh"', files={"bridge.txt": bridge})
        asked = prompts.revision_prompt_of(draft(rubric="taste"), "5", "Dull.")
        assert last_of(asked) == "Q: 2 + 2? A: 5 Notes: Dull. Rubric: taste"

    def test_the_bridge_of_a_completion_set_is_the_same_for_all(self, tmp_path: Path) -> None:
        with pytest.raises(PromptSetError, match=r"bridge\.txt: \$\{extra\.rubric\} is unknown"):
            prompt_set(tmp_path, kind="completion", files={"bridge.txt": "${extra.rubric}"})

    def test_the_set_knows_its_fields(self, tmp_path: Path) -> None:
        assert prompt_set(tmp_path / "with", files={"critique.txt": ASKS}).fields == {"rubric"}
        assert prompt_set(tmp_path / "without").fields == frozenset()

    def test_training_texts_show_the_fields_of_the_record(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path, files={"critique.txt": ASKS})
        record = Record(prompt="2 + 2?", response="5", critique="No.", extra={"rubric": "right"})
        (text,) = training_texts(record, prompts)
        assert last_of(text.prompt).endswith("By these: right")
        with pytest.raises(InputError, match="no field 'rubric'"):
            training_texts(record.model_copy(update={"extra": {}}), prompts)


class TestMissing:
    @pytest.mark.parametrize("value", [None, "", " \n", [], {}])
    def test_a_null_or_blank_field_counts_as_missing(self, tmp_path: Path, value: Any) -> None:
        prompts = prompt_set(tmp_path, files={"critique.txt": ASKS})
        for one in (draft(rubric=value), draft()):
            with pytest.raises(
                MissingFieldError,
                match=r"draft \"d\" has no field 'rubric'.*fill it in, or.*\[fields\]",
            ):
                prompts.require_fields(one)

    @pytest.mark.parametrize("value", [0, False])
    def test_zero_and_false_are_values(self, tmp_path: Path, value: Any) -> None:
        prompt_set(tmp_path, files={"critique.txt": ASKS}).require_fields(draft(rubric=value))

    def test_a_value_that_cannot_be_shown_is_told_with_its_field(self, tmp_path: Path) -> None:
        prompts = prompt_set(tmp_path, files={"critique.txt": ASKS})
        with pytest.raises(MissingFieldError, match="field 'rubric' of draft \"d\" is nested too"):
            prompts.require_fields(draft(rubric=[[1]]))

    def test_the_default_stands_in(self, tmp_path: Path) -> None:
        defaults = '[fields]\nrubric = ["right", "short"]'
        prompts = prompt_set(tmp_path, files={"critique.txt": ASKS}, revision=defaults)
        assert last_of(prompts.critique_prompt(draft(rubric=None), "5")).endswith(
            "By these: - right\n- short"
        )
        own = last_of(prompts.critique_prompt(draft(rubric="kind"), "5"))
        assert own.endswith("By these: kind")

    def test_a_default_may_be_blank(self, tmp_path: Path) -> None:
        defaults = '[fields]\nrubric = ""'
        prompts = prompt_set(tmp_path, files={"critique.txt": ASKS}, revision=defaults)
        assert last_of(prompts.critique_prompt(draft(), "5")).endswith("By these: ")


class TestDefaults:
    def test_one_that_no_template_uses_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(PromptSetError, match=r"no template uses \$\{extra\.rubrik\}"):
            prompt_set(
                tmp_path, files={"critique.txt": ASKS}, revision='[fields]\nrubrik = "taste"'
            )

    def test_one_that_cannot_be_shown_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(PromptSetError, match=r"fields: 'rubric' is nested too deeply"):
            prompt_set(tmp_path, files={"critique.txt": ASKS}, revision="[fields]\nrubric = [[1]]")

    def test_they_change_the_digest(self, tmp_path: Path) -> None:
        digests = {
            prompt_set(
                tmp_path / str(number), files={"critique.txt": ASKS}, revision=f"[fields]\n{line}"
            ).digest
            for number, line in enumerate(["", 'rubric = "a"', 'rubric = "b"'])
        }
        assert len(digests) == 3
