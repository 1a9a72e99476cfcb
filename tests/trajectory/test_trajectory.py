"""Drafts, versions and trajectories: what they accept, and that JSON loses nothing."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from revloop.edits import EditOutcome, EditResult
from revloop.errors import InputError
from revloop.trajectory import (
    Comparison,
    Critique,
    Draft,
    End,
    EngineInfo,
    Message,
    Refusal,
    Sampling,
    Step,
    StopReason,
    Trajectory,
    Usage,
    Verdict,
    Version,
    as_draft,
)
from revloop.values import digest_of, explain

LONG = "Thank you for the scarf, which is warm.\n" * 20
NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)

texts = st.text(max_size=40)
filled = texts.filter(str.strip)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
messages = st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=texts)
prompts: st.SearchStrategy[dict[str, Any]] = (
    st.just({})
    | texts.map(lambda text: {"prompt": text})
    | st.lists(messages, min_size=1, max_size=3).map(lambda turns: {"messages": tuple(turns)})
)
drafts = st.builds(
    lambda prompt, response, extra: Draft(**prompt, response=response, extra=extra),
    prompts,
    filled,
    st.dictionaries(texts, json_values, max_size=3),
)
counts = st.integers(0, 2**40)
usages = st.builds(
    Usage,
    prompt_tokens=counts,
    cached_tokens=st.none() | counts,
    generated_tokens=counts,
    thinking_tokens=st.none() | counts,
)
samplings = st.builds(
    Sampling,
    temperature=st.floats(0, 10),
    top_p=st.floats(0, 1, exclude_min=True),
    seed=st.integers(0, 2**63 - 1),
)
steps = st.builds(
    Step,
    kind=st.sampled_from(["critique", "revision", "both", "rewrite"]),
    attempt=st.integers(1, 9),
    finish_reason=st.sampled_from(["stop", "length", "content_filter", "refusal", "tool_calls"]),
    usage=usages,
    latency_s=st.floats(0, 1e6),
    retries=st.integers(0, 9),
    sampling=samplings,
    refusal=st.none()
    | st.builds(Refusal, reason=texts, reply=st.none() | texts, characters=st.integers(0, 9)),
    thoughts=st.none() | texts,
    limit_tokens=st.none() | st.integers(1, 2**40),
)
edits = st.builds(
    EditResult,
    find=texts,
    replacement=texts,
    outcome=st.sampled_from(EditOutcome),
    start=st.none() | counts,
    end=st.none() | counts,
)
zones = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
versions = st.builds(
    Version,
    round=st.integers(0, 99),
    text=texts,
    critique=st.none()
    | st.builds(
        Critique,
        raw=texts,
        score=st.none() | st.floats(allow_nan=False),
        positive=st.none() | texts,
        negative=st.none() | texts,
        unread_score=st.none() | texts,
    ),
    steps=st.lists(steps, max_size=2).map(tuple),
    engine=st.none() | st.builds(EngineInfo, kind=texts, model=texts, version=st.none() | texts),
    prompt_set=st.none() | texts,
    edits=st.none() | st.lists(edits, max_size=2).map(tuple),
    created_at=st.datetimes(timezones=zones),
)
ends = st.builds(
    End,
    reason=st.sampled_from(StopReason),
    detail=texts,
    calls_saved=counts,
    steps=st.lists(steps, max_size=2).map(tuple),
)
trajectories = st.builds(
    Trajectory,
    id=texts,
    draft=drafts,
    versions=st.lists(versions, min_size=1, max_size=3).map(tuple),
    end=st.none() | ends,
)


def step(seconds: float, **usage: int | None) -> Step:
    return Step(
        kind="critique",
        attempt=1,
        finish_reason="stop",
        usage=Usage.model_validate(usage),
        latency_s=seconds,
        sampling=Sampling(),
    )


class TestDraft:
    def test_a_bare_string_is_a_response_without_a_prompt(self) -> None:
        draft = as_draft("an answer")
        assert (draft.response, draft.conversation) == ("an answer", ())

    def test_a_string_prompt_is_one_user_turn(self) -> None:
        draft = as_draft("an answer", prompt="a question")
        assert draft.conversation == (Message(role="user", content="a question"),)

    def test_a_prompt_of_messages_is_the_conversation(self) -> None:
        turns = [Message(role="system", content="Be kind."), {"role": "user", "content": "Hi"}]
        draft = as_draft("an answer", prompt=turns)
        assert [m.role for m in draft.conversation] == ["system", "user"]

    def test_an_empty_prompt_is_a_known_prompt(self) -> None:
        assert as_draft("a", prompt="").conversation == (Message(role="user", content=""),)

    def test_a_draft_stays_the_draft_that_it_is(self) -> None:
        draft = Draft(response="a")
        assert as_draft(draft) is draft

    def test_keys_that_are_not_ours_are_carried_along(self) -> None:
        draft = as_draft({"response": "a", "source": "chatgpt", "extra": {"n": 1}})
        assert draft.extra == {"n": 1, "source": "chatgpt"}

    def test_a_number_may_be_an_id(self) -> None:
        assert as_draft({"id": 81, "response": "a"}).id == 81

    def test_without_an_id_the_content_names_it(self) -> None:
        one, same = as_draft("a", prompt="p"), as_draft("a", prompt="p")
        assert one.id == same.id
        assert len({one.id, as_draft("b", prompt="p").id, as_draft("a").id}) == 3

    def test_the_content_with_fields_has_theirs_behind_it(self) -> None:
        extra = {"rubric": "right", "note": 1, "reference": None}
        draft = Draft(prompt="Why?", response="a", extra=extra)
        plain, seen = draft.content_with(()), draft.content_with({"rubric"})
        assert plain == draft.content_digest
        assert seen.startswith(f"{plain}+")
        assert draft.content_with({"reference", "absent"}) == plain
        assert draft.content_with({"rubric", "reference"}) == seen
        assert draft.content_with({"rubric", "note"}) not in {plain, seen}

    def test_the_content_digest_leaves_out_id_and_extra(self) -> None:
        one = as_draft({"id": "x", "response": "a", "note": 1})
        other = as_draft({"id": "y", "response": "a"})
        assert one.content_digest == other.content_digest

    def test_a_prompt_and_its_only_message_are_different_content(self) -> None:
        as_prompt = as_draft("a", prompt="p")
        as_message = as_draft("a", prompt=[Message(role="user", content="p")])
        assert as_prompt.content_digest != as_message.content_digest

    @given(filled)
    def test_a_response_is_kept_to_the_letter(self, response: str) -> None:
        assert as_draft(response).response == response

    @pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u00a0"])
    def test_a_blank_response_is_refused(self, blank: str) -> None:
        with pytest.raises(InputError, match="the response is empty"):
            as_draft(blank)

    @pytest.mark.parametrize(
        ("source", "says"),
        [
            ({}, "response: Field required"),
            ({"prompt": "p"}, "response: Field required"),
            ({"response": None}, "response: Input should be a valid string"),
            ({"response": 3}, "response: Input should be a valid string"),
            ({"response": "a", "id": ""}, "id: is empty"),
            ({"response": "a", "prompt": ["p"]}, "prompt: Input should be a valid string"),
            ({"response": "a", "messages": []}, "messages: is empty"),
            ({"response": "a", "messages": "Hi"}, "messages: must be a list"),
            (
                {"response": "a", "messages": [{"role": "bot", "content": "Hi"}]},
                r"messages\.0\.role: Input should be 'system', 'user' or 'assistant'\.$",
            ),
            (
                {"response": "a", "messages": [{"role": "user"}]},
                r"messages\.0\.content: Field required",
            ),
            (
                {"response": "a", "prompt": "p", "messages": [{"role": "user", "content": "p"}]},
                "give 'prompt' or 'messages', not both",
            ),
        ],
    )
    def test_a_mapping_that_is_no_draft_is_refused_by_field(
        self, source: dict[str, Any], says: str
    ) -> None:
        with pytest.raises(InputError, match=f"The draft cannot be used: .*{says}"):
            as_draft(source)

    def test_a_missing_response_is_named_alone(self) -> None:
        with pytest.raises(InputError, match=r"^The draft cannot be used: [^;]*$"):
            as_draft({"prompt": "p"})

    @pytest.mark.parametrize("extra", [3, [1], "note", None])
    def test_an_extra_that_is_no_mapping_is_refused(self, extra: object) -> None:
        with pytest.raises(InputError, match="extra"):
            as_draft({"response": "a", "extra": extra})

    def test_a_source_of_another_type_is_refused(self) -> None:
        source: Any = 42
        with pytest.raises(InputError, match="a string, a mapping or a Draft, not int"):
            as_draft(source)

    def test_a_prompt_of_another_type_is_refused(self) -> None:
        with pytest.raises(InputError, match="a string or a sequence of messages, not int"):
            as_draft("a", prompt=42)

    @pytest.mark.parametrize(
        "source",
        [
            Draft(response="a"),
            {"response": "a", "prompt": "mine"},
            {"response": "a", "messages": [{"role": "user", "content": "mine"}]},
        ],
    )
    def test_a_draft_gets_no_second_prompt(self, source: Any) -> None:
        with pytest.raises(InputError, match="prompt"):
            as_draft(source, prompt="another")

    @pytest.mark.parametrize(
        "source",
        [
            {"response": "a\ud800"},
            {"response": "a", "prompt": "a\ud800"},
            {"response": "a", "messages": [{"role": "user", "content": "a\ud800"}]},
        ],
    )
    def test_a_lone_surrogate_is_refused_with_its_place(self, source: dict[str, Any]) -> None:
        with pytest.raises(InputError, match=r"lone surrogate \(U\+D800 at character 1\)"):
            as_draft(source)

    def test_a_callers_field_that_json_cannot_carry_is_refused(self) -> None:
        with pytest.raises(InputError, match="extra: contains something that JSON cannot express"):
            as_draft({"response": "a", "note": object()})

    def test_a_lone_surrogate_in_an_id_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"id: .*(unicode|surrogate)"):
            as_draft({"response": "a", "id": "a\ud800"})

    @pytest.mark.parametrize(
        "extra", [{"note": "\ud800"}, {"\ud800": 1}, {"deep": [{"a": "\udfff"}]}]
    )
    def test_a_lone_surrogate_among_the_callers_fields_is_refused(
        self, extra: dict[str, Any]
    ) -> None:
        with pytest.raises(InputError, match="surrogate"):
            as_draft({"response": "a", **extra})


class TestJson:
    @given(trajectories)
    @settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
    def test_a_trajectory_comes_back_from_json_without_loss(self, trajectory: Trajectory) -> None:
        assert Trajectory.model_validate_json(trajectory.model_dump_json()) == trajectory

    def test_infinite_numbers_of_a_caller_come_back(self) -> None:
        draft = as_draft({"response": "a", "most": math.inf, "least": -math.inf})
        assert Draft.model_validate_json(draft.model_dump_json()) == draft

    def test_an_unknown_key_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            Draft.model_validate({"response": "Hi", "name": "Ada"})

    def test_a_value_cannot_be_changed(self) -> None:
        message = Message(role="user", content="Hi")
        with pytest.raises(ValidationError, match="frozen"):
            message.content = "Ho"  # type: ignore[misc]


class TestDigest:
    @given(st.dictionaries(texts, json_values, max_size=4))
    @settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
    def test_the_order_of_keys_does_not_matter(self, data: dict[str, Any]) -> None:
        assert digest_of(dict(reversed(data.items()))) == digest_of(data)

    @given(st.lists(texts, max_size=4), st.lists(texts, max_size=4))
    def test_other_values_have_another_digest(self, one: list[str], other: list[str]) -> None:
        assert (digest_of(*one) == digest_of(*other)) == (one == other)

    def test_it_has_the_length_asked_for(self) -> None:
        assert len(digest_of("a", length=8)) == 8

    def test_it_stays_the_same_from_release_to_release(self) -> None:
        assert digest_of("a", 1, None) == "0ae764bffd3a17b6"


class TestSampling:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"temperature": -0.1},
            {"temperature": 11},
            {"temperature": math.nan},
            {"top_p": 0},
            {"top_p": 1.1},
            {"seed": -1},
            {"seed": 2**63},
        ],
    )
    def test_a_value_out_of_bounds_is_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            Sampling(**wrong)


class TestUsage:
    def test_tokens_add_up(self) -> None:
        one = Usage(prompt_tokens=3, cached_tokens=1, generated_tokens=2)
        other = Usage(prompt_tokens=4, cached_tokens=0, generated_tokens=5)
        assert one + other == Usage(prompt_tokens=7, cached_tokens=1, generated_tokens=7)

    def test_tokens_of_thoughts_are_summed_where_they_are_known(self) -> None:
        assert (Usage() + Usage()).thinking_tokens is None
        assert (Usage() + Usage(thinking_tokens=3) + Usage(thinking_tokens=4)).thinking_tokens == 7

    def test_cached_tokens_that_nobody_counted_stay_unknown(self) -> None:
        assert (Usage() + Usage()).cached_tokens is None

    def test_cached_tokens_that_were_counted_once_are_known(self) -> None:
        assert (Usage() + Usage(cached_tokens=0)).cached_tokens == 0


class TestTotals:
    trajectory = Trajectory(
        id="t",
        draft=Draft(response="a"),
        versions=(
            Version(round=0, text="a", created_at=NOW),
            Version(
                round=1,
                text="b",
                steps=(
                    step(1.0, prompt_tokens=10, cached_tokens=4, generated_tokens=1),
                    step(2.0, prompt_tokens=20, generated_tokens=2),
                ),
                created_at=NOW,
            ),
        ),
        end=End(
            reason=StopReason.UNPARSEABLE,
            detail="Round 2: no.",
            steps=(step(4.0, prompt_tokens=40, cached_tokens=8, generated_tokens=4),),
        ),
    )

    def test_a_trajectory_has_first_and_last_text_and_rounds(self) -> None:
        assert (self.trajectory.original, self.trajectory.final) == ("a", "b")
        assert self.trajectory.rounds == 1

    def test_a_last_round_without_a_version_counts_too(self) -> None:
        assert self.trajectory.usage == Usage(
            prompt_tokens=70, cached_tokens=12, generated_tokens=7
        )
        assert self.trajectory.latency_s == 7.0

    def test_unusable_replies_are_listed_with_their_round(self) -> None:
        refusal = Refusal(reason="it is blank", characters=1)
        refused = step(1.0).model_copy(update={"refusal": refusal})
        end = End(reason=StopReason.UNPARSEABLE, detail="No.", steps=(step(1.0), refused))
        first, second = self.trajectory.versions
        versions = (first, second.model_copy(update={"steps": (refused, step(1.0))}))
        found = self.trajectory.model_copy(update={"versions": versions, "end": end})
        assert found.refused == ((1, refused, refusal), (2, refused, refusal))
        assert self.trajectory.refused == ()

    def test_a_version_adds_up_its_own_steps(self) -> None:
        version = self.trajectory.versions[1]
        assert (version.usage.prompt_tokens, version.latency_s) == (30, 3.0)
        assert version.finish_reason == "stop"

    def test_the_response_that_came_in_took_nothing(self) -> None:
        version = self.trajectory.versions[0]
        assert (version.usage, version.latency_s, version.finish_reason) == (Usage(), 0, None)

    def test_a_trajectory_has_at_least_version_0(self) -> None:
        with pytest.raises(ValidationError, match="versions"):
            Trajectory(id="t", draft=Draft(response="a"), versions=())


class TestWhatIsKept:
    def versions(self, *winners: int | None) -> tuple[Version, ...]:
        """Version 0, and one for each comparison that has this winner."""
        made = [Version(round=0, text="v0", created_at=NOW)]
        for round_, winner in enumerate(winners, start=1):
            compared = None
            if winner is not None:
                lost = winner != round_
                said = Verdict(preference="first" if lost else "second")
                other = Verdict(preference="second" if lost else "first")
                stood = made[-1].comparison
                compared = Comparison(
                    incumbent=0 if stood is None else stood.winner,
                    challenger=round_,
                    verdicts=(said, other),
                )
            text = f"v{round_}"
            made.append(Version(round=round_, text=text, comparison=compared, created_at=NOW))
        return tuple(made)

    def trajectory(self, *winners: int | None) -> Trajectory:
        return Trajectory(id="t", draft=Draft(response="v0"), versions=self.versions(*winners))

    def test_without_a_judge_it_is_the_last_version(self) -> None:
        found = self.trajectory(None, None)
        assert (found.kept, found.kept_text, found.final) == (2, "v2", "v2")
        assert self.trajectory().kept == 0

    def test_with_a_judge_it_is_the_one_that_stood_last(self) -> None:
        found = self.trajectory(0, 2, 2)
        assert [found.kept_after(rounds) for rounds in range(4)] == [0, 0, 2, 2]
        assert (found.kept_text, found.final) == ("v2", "v3")

    def test_a_version_is_made_from_the_one_before_unless_it_says_otherwise(self) -> None:
        found = self.trajectory(0, 2)
        first, second = found.versions[1:]
        assert (found.base_of(first).round, found.base_of(second).round) == (0, 1)
        assert found.base_of(second.model_copy(update={"base": 0})).round == 0

    def test_the_comparison_goes_to_json_and_back(self) -> None:
        found = self.trajectory(1, 1)
        assert Trajectory.model_validate_json(found.model_dump_json()) == found


class TestUnusableEdits:
    @staticmethod
    def after(*kinds: str, edits: tuple[EditResult, ...] | None = None) -> Refusal | None:
        """Why, after these steps; an exclamation mark makes one unusable, for its number."""
        made = [
            step(0).model_copy(
                update={
                    "kind": kind.removesuffix("!"),
                    "refusal": Refusal(reason=str(n), characters=0) if kind[-1] == "!" else None,
                }
            )
            for n, kind in enumerate(kinds)
        ]
        return Version(
            round=1, text="a", steps=tuple(made), edits=edits, created_at=NOW
        ).unusable_edits

    @pytest.mark.parametrize(
        ("kinds", "reason"),
        [
            (["critique", "revision!", "revision!", "rewrite"], "2"),
            (["critique!", "critique", "revision!", "rewrite!", "rewrite"], "2"),
            (["both!", "both!", "critique!", "critique", "rewrite"], "1"),
            (["critique", "rewrite"], None),
            (["critique", "revision!", "revision"], None),
        ],
    )
    def test_are_those_before_a_rewrite(self, kinds: list[str], reason: str | None) -> None:
        refusal = self.after(*kinds)
        assert (None if refusal is None else refusal.reason) == reason

    def test_of_other_candidates_do_not_count(self) -> None:
        assert self.after("critique", "revision!", "rewrite", "revision", edits=()) is None


class TestPromptText:
    def test_the_prompt_text_of_one_turn_is_the_turn(self) -> None:
        assert Draft(prompt="Why?", response="a").prompt_text == "Why?"
        assert Draft(response="a").prompt_text == ""

    def test_the_prompt_text_of_several_turns_has_their_roles(self) -> None:
        turns = (Message(role="system", content="Be brief."), Message(role="user", content="Why?"))
        found = Draft(messages=turns, response="a").prompt_text
        assert found == "System: Be brief.\n\nUser: Why?"


class TestStopReason:
    def test_each_reason_is_one_of_three_kinds(self) -> None:
        early = {reason for reason in StopReason if reason.is_early_stop}
        failures = {reason for reason in StopReason if reason.is_failure}
        assert early == {
            "converged",
            "cycle",
            "nothing_to_improve",
            "criteria_met",
            "verified",
            "not_worth_revising",
        }
        assert failures == {
            "missing_field",
            "context_full",
            "token_limit",
            "unparseable",
            "content_filtered",
            "refused",
            "tool_called",
            "rejected",
            "engine_failed",
            "judge_failed",
            "check_failed",
        }
        assert set(StopReason) - early - failures == {"rounds_done"}


class TestExplain:
    def test_several_problems_stand_on_one_line(self) -> None:
        with pytest.raises(ValidationError) as caught:
            Sampling.model_validate({"temperature": -1, "heat": 1})
        assert explain(caught.value) == (
            "temperature: Input should be greater than or equal to 0; heat: is not known"
        )

    def test_the_value_that_was_wrong_is_not_repeated(self) -> None:
        with pytest.raises(ValidationError) as caught:
            Sampling.model_validate({"temperature": "top-secret"})
        assert "top-secret" not in explain(caught.value)


def ended(*texts: str, reason: StopReason = StopReason.CONVERGED) -> Trajectory:
    """A trajectory with these versions."""
    versions = (Version(round=n, text=text, created_at=NOW) for n, text in enumerate(texts))
    end = End(reason=reason, detail="Round 2 changed nothing.")
    draft = Draft(id="note", response=texts[0])
    return Trajectory(id="t1", draft=draft, versions=tuple(versions), end=end)


@pytest.mark.parametrize("reason", StopReason)
def test_a_trajectory_says_whether_it_failed(reason: StopReason) -> None:
    assert ended("a", reason=reason).failed == reason.is_failure
    assert (ended("a", reason=reason).failure is not None) == reason.is_failure
    assert not ended("a").model_copy(update={"end": None}).failed


def test_a_printed_trajectory_is_a_few_lines() -> None:
    assert str(ended("Thanks.", LONG, LONG)).splitlines() == [
        "Trajectory t1 of draft note",
        "rounds: 2; converged: Round 2 changed nothing.",
        "changed in round: 1; 7 characters before, 800 after",
        ("Thank you for the scarf, which is warm. " * 4)[:-6] + "…",
    ]


def test_a_printed_trajectory_says_that_it_failed_or_is_unfinished() -> None:
    failed = str(ended("Thanks.", reason=StopReason.TOKEN_LIMIT))
    assert "rounds: 0; failed, token_limit: Round 2 changed nothing." in failed
    assert "changed in round: none" in failed
    assert "not finished" in str(ended("Thanks.").model_copy(update={"end": None}))


def test_the_repr_of_a_trajectory_is_short() -> None:
    told = repr(ended("Thanks.", LONG))
    assert told == "Trajectory(id='t1', draft='note', rounds=1, end='converged')"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
def test_a_printed_trajectory_does_nothing_to_a_terminal(text: str) -> None:
    lines = str(ended("a", text)).split("\n")
    assert len(lines) == 4
    assert all(line.isprintable() for line in lines)
