"""Options and settings: the user's choices, the prompt set's, and the environment's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from pydantic import SecretStr, ValidationError

from revloop import reviser
from revloop.engines.base import Engine
from revloop.engines.retry import RetryPolicy
from revloop.errors import InputError
from revloop.options import (
    CritiqueSource,
    EngineKind,
    EngineOptions,
    Keep,
    LoopOptions,
    OnBadEdits,
    Policy,
    RunSettings,
)
from revloop.prompts import PromptSet
from revloop.prompts.guards import GuardName
from revloop.reviser.options import ReviserOptions
from revloop.trajectory import EngineInfo, JudgeInfo, Sampling, SamplingDefaults
from revloop.values import digest_of

ENGINE = EngineInfo(kind="http", model="falcon-40b-cnr", version="0.32.0")
PROMPTS = PromptSet.load("cnr")


def resolved(**options: Any) -> RunSettings:
    return RunSettings.resolve(LoopOptions(**options), PROMPTS, ENGINE)


class TestLoopOptions:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"temperature": -0.5},
            {"temperature": math.nan},
            {"top_p": 0},
            {"top_k": -2},
            {"min_p": 1.5},
            {"repetition_penalty": 0},
            {"presence_penalty": 2.5},
            {"frequency_penalty": -3},
            {"seed": -1},
            {"seed": 2**31},
            {"critique_max_tokens": 0},
            {"revision_max_tokens": 0},
            {"tries": 0},
            {"tries": 101},
            {"retry_temperature": -1},
            {"stop_score": "high"},
        ],
    )
    def test_a_value_out_of_bounds_is_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            LoopOptions(**wrong)

    def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            LoopOptions.model_validate({"temprature": 1})

    def test_it_knows_which_options_were_given(self) -> None:
        assert LoopOptions().given == {}
        assert LoopOptions(seed=0, top_p=0.5).given == {"seed": 0, "top_p": 0.5}


class TestRunSettings:
    def test_the_prompt_set_decides_what_the_user_leaves_open(self) -> None:
        settings = resolved()
        assert settings.critique_max_tokens == PROMPTS.settings.critique.max_tokens
        assert settings.revision_max_tokens == PROMPTS.settings.revision.max_tokens
        assert settings.sampling.temperature == PROMPTS.settings.sampling.temperature
        assert settings.sampling.top_p == PROMPTS.settings.sampling.top_p

    def test_checks_are_the_sets_without_those_switched_off(self) -> None:
        settings = resolved(no_guards=["meta", "lost_list"])
        assert settings.guards == tuple(name for name in PROMPTS.guards if name != "meta")
        assert settings.digest != resolved().digest
        assert resolved().guards == PROMPTS.guards
        with pytest.raises(ValidationError, match="no_guards"):
            resolved(no_guards=["metta"])

    def test_a_run_without_a_judge_is_named_as_before_there_were_judges(self) -> None:
        before = resolved().model_dump(
            mode="json",
            exclude={
                *(
                    "keep",
                    "judge",
                    "judges",
                    "candidates",
                    "complete_sampling",
                    "guards",
                    "no_guards",
                ),
                *(
                    "selector",
                    "checks",
                    "critique",
                    "critiques",
                    "stop_verified",
                    "check_timeout_s",
                ),
                *("editor", "critique_temperature", "edit_temperature"),
                *("on_bad_edits", "policy", "no_change"),
                *("thinking", "thinking_tokens", "unsent", "extra_body", "headers"),
            },
        )
        assert resolved().digest == digest_of(before)

    def test_the_way_to_keep_and_the_judge_are_part_of_the_name(self) -> None:
        judge = JudgeInfo(kind="function", name="demo", digest="1")
        other = judge.model_copy(update={"digest": "2"})
        digests = {
            RunSettings.resolve(LoopOptions(keep=keep), PROMPTS, ENGINE, [by]).digest
            for keep, by in (("best", judge), ("gate", judge), ("gate", other))
        }
        assert len(digests | {resolved().digest, resolved(candidates=2).digest}) == 5

    def test_the_users_choice_goes_first(self) -> None:
        settings = resolved(
            temperature=0.0, top_p=0.5, seed=7, critique_max_tokens=1, revision_max_tokens=2
        )
        assert settings.sampling.model_dump() == {"temperature": 0.0, "top_p": 0.5, "seed": 7}
        assert (settings.critique_max_tokens, settings.revision_max_tokens) == (1, 2)

    def test_the_prompt_sets_penalties_hold_unless_the_user_chooses_others(self) -> None:
        sampling = SamplingDefaults(repetition_penalty=1.1, min_p=0.05)
        own = PROMPTS.settings.model_copy(update={"sampling": sampling})
        prompts = PromptSet("own", own, PROMPTS.templates, "digest")
        settings = RunSettings.resolve(LoopOptions(repetition_penalty=1), prompts, ENGINE)
        assert settings.sampling == Sampling(min_p=0.05)

    def test_a_temperature_of_zero_is_a_choice(self) -> None:
        warm = PROMPTS.settings.model_copy(
            update={"sampling": PROMPTS.settings.sampling.model_copy(update={"temperature": 0.9})}
        )
        prompts = PromptSet("warm", warm, PROMPTS.templates, "digest")
        settings = RunSettings.resolve(LoopOptions(temperature=0), prompts, ENGINE)
        assert settings.sampling.temperature == 0

    def test_model_and_prompt_set_are_named(self) -> None:
        settings = resolved()
        assert (settings.model, settings.prompt_set) == ("falcon-40b-cnr", "cnr")
        assert settings.prompt_set_digest == PROMPTS.digest

    def test_the_same_choices_have_the_same_digest(self) -> None:
        assert resolved(seed=3).digest == resolved(seed=3).digest

    @pytest.mark.parametrize(
        "choice",
        [
            {"single_pass": True},
            {"temperature": 0.1},
            {"top_p": 0.9},
            {"top_k": 20},
            {"min_p": 0.1},
            {"repetition_penalty": 1.1},
            {"presence_penalty": 0.5},
            {"frequency_penalty": 0.5},
            {"seed": 1},
            {"critique_max_tokens": 5},
            {"revision_max_tokens": 5},
            {"early_stop": False},
            {"stop_score": 9},
            {"tries": 1},
            {"retry_temperature": 0.8},
            {"policy": {"rounds": 5}},
        ],
    )
    def test_each_choice_changes_the_digest(self, choice: dict[str, Any]) -> None:
        assert resolved(**choice).digest != resolved().digest

    @pytest.mark.parametrize("field", ["model", "prompt_set_digest"])
    def test_another_model_or_prompt_set_changes_the_digest(self, field: str) -> None:
        assert resolved().model_copy(update={field: "another"}).digest != resolved().digest

    def test_they_come_back_from_json_without_loss(self) -> None:
        settings = resolved(temperature=0.1, stop_score=8.5)
        assert RunSettings.model_validate_json(settings.model_dump_json()) == settings

    def test_equal_settings_do_not_differ(self) -> None:
        assert resolved().differences(resolved()) == []

    def test_differences_name_both_values(self) -> None:
        assert resolved(tries=1, early_stop=False).differences(resolved()) == [
            "early_stop: False, not True",
            "tries: 1, not 3",
        ]


class TestEngineOptions:
    def test_without_an_environment_nothing_is_named(self) -> None:
        options = EngineOptions.from_environment()
        assert (options.base_url, options.model, options.api_key) == (None, None, None)

    def test_the_environment_fills_what_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REVLOOP_BASE_URL", "http://localhost:8000")
        monkeypatch.setenv("REVLOOP_MODEL", "falcon")
        monkeypatch.setenv("REVLOOP_API_KEY", "sk-1")
        options = EngineOptions.from_environment(base_url=None, model=None, api_key=None)
        assert (options.base_url, options.model) == ("http://localhost:8000", "falcon")
        assert options.api_key == SecretStr("sk-1")

    def test_what_is_given_goes_before_the_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REVLOOP_BASE_URL", "http://other")
        monkeypatch.setenv("REVLOOP_MODEL", "other")
        monkeypatch.setenv("REVLOOP_API_KEY", "other")
        options = EngineOptions.from_environment(base_url="http://a", model="m", api_key="k")
        assert (options.base_url, options.model) == ("http://a", "m")
        assert options.api_key == SecretStr("k")

    def test_an_empty_variable_is_a_missing_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("REVLOOP_BASE_URL", "REVLOOP_MODEL", "REVLOOP_API_KEY"):
            monkeypatch.setenv(name, "")
        assert EngineOptions.from_environment() == EngineOptions()

    def test_a_model_alone_runs_here_and_not_on_the_server_of_the_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REVLOOP_BASE_URL", "http://localhost:8000")
        assert EngineOptions.from_environment(model="folder").base_url is None

    def test_a_server_may_serve_the_model_of_the_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REVLOOP_MODEL", "falcon")
        assert EngineOptions.from_environment(base_url="http://a").model == "falcon"

    def test_the_key_is_never_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REVLOOP_API_KEY", "sk-secret")
        options = EngineOptions.from_environment()
        shown = [repr(options), str(options), str(options.model_dump()), options.model_dump_json()]
        assert not any("sk-secret" in text for text in shown)

    def test_a_tensor_parallel_size_below_1_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="tensor_parallel_size"):
            EngineOptions.from_environment(tensor_parallel_size=0)

    def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            EngineOptions.from_environment(url="http://a")

    def test_a_key_in_a_file_replaces_the_environments(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("REVLOOP_API_KEY", "other")
        (tmp_path / "key").write_text("sk-1\n", encoding="utf-8")
        options = EngineOptions.from_environment(api_key_file=tmp_path / "key")
        assert options.api_key == SecretStr("sk-1")

    def test_a_key_file_without_a_key_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "key").touch()
        with pytest.raises(InputError, match="holds no key"):
            EngineOptions(api_key_file=tmp_path / "key")


OWN_KEYWORDS = {
    *("engine", "loop", "retries", "prompts", "store", "new_run", "judge", "selector", "checks"),
    *("editor", "editor_prompts", "fresh_editor"),
}
TAKEN_FOR: dict[Any, set[Any]] = {
    SecretStr: {SecretStr, str},
    Path: {Path, str},
    tuple[GuardName, ...]: {Sequence[GuardName]},
    tuple[str, ...]: {Sequence[str]},
}
"""What pydantic takes for a type."""
TAKEN_BESIDES: dict[str, set[Any]] = {"extra_body": {Mapping[str, Any]}, "policy": {str, Path}}
"""What a field's own validator takes besides."""


class TestPythonsKeywords:
    """The keywords of ``revise`` and of revisers, which editors read, are the models' fields."""

    def hints(self) -> dict[str, Any]:
        here = (Engine, EngineOptions, LoopOptions, RetryPolicy, Path, SecretStr, Mapping, Sequence)
        names: dict[str, Any] = {one.__name__: one for one in here}
        names |= {"Keep": Keep, "OnBadEdits": OnBadEdits, "GuardName": GuardName, "Policy": Policy}
        names |= {"EngineKind": EngineKind, "CritiqueSource": CritiqueSource}
        names |= {"JudgeSource": object, "CheckSource": object}
        return get_type_hints(ReviserOptions, None, names)

    def test_they_have_the_same_names(self) -> None:
        fields = {*EngineOptions.model_fields, *LoopOptions.model_fields}
        assert self.hints().keys() - OWN_KEYWORDS == fields

    @pytest.mark.parametrize("model", [EngineOptions, LoopOptions])
    def test_they_have_the_same_types(self, model: type[EngineOptions | LoopOptions]) -> None:
        keywords = self.hints()
        for name, annotation in get_type_hints(model).items():
            if name in model.model_fields:
                taken = {one for kind in kinds(annotation) for one in TAKEN_FOR.get(kind, {kind})}
                assert kinds(keywords[name]) == taken | TAKEN_BESIDES.get(name, set()), name

    def test_a_model_and_keywords_of_it_are_one_too_many(self) -> None:
        with pytest.raises(InputError, match="beside a model: seed"):
            reviser.AsyncReviser(model="demo", loop=LoopOptions(), seed=1)
        with pytest.raises(InputError, match="beside a model: model"):
            reviser.AsyncReviser(engine=EngineOptions(model="demo"), model="demo")

    def test_an_empty_name_is_no_model(self) -> None:
        with pytest.raises(InputError, match=r"^An option cannot be used: model: is empty\.$"):
            reviser.AsyncReviser(model="")


def kinds(annotation: Any) -> set[Any]:
    """The types of a union, or the only one."""
    is_union = get_origin(annotation) in {Union, UnionType}
    return set(get_args(annotation)) if is_union else {annotation}
