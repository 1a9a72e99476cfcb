"""Several candidates a round: which one is selected, and what is kept of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop import (
    AsyncReviser,
    Draft,
    InputError,
    PromptSet,
    StopReason,
    Store,
    Trajectory,
    revise,
)
from revloop.errors import (
    AuthenticationError,
    ContextFullError,
    ModelNotServedError,
    RejectedError,
    RunMismatchError,
    UnreachableError,
)
from revloop.evaluation import RewardJudge
from revloop.loop.candidate import Candidate
from revloop.loop.panel import Panel
from revloop.loop.selection import choose_by_judge, choose_by_score
from revloop.trajectory import Critique, Selection
from tests.helpers.command_line import revloop
from tests.helpers.judges import RuleJudge, always_first, by_number
from tests.helpers.reward_servers import VLLM, VLLM_PLAIN, reward_server
from tests.helpers.scripted_engine import Answer, ScriptedEngine, cnr_critique, plain
from tests.helpers.stub_server import COMPLETIONS, StubServer, completion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from revloop.engines import Request
    from revloop.trajectory import Judge, Preference

DRAFT = Draft(id="d", prompt="Count.", response="5 first")
SHARED = Critique(raw="Dull.")
BRIDGE = PromptSet.load("cnr").bridge


def revisions(*texts: str | Exception) -> Callable[[Request], str | Exception]:
    """Criticises, and gives these revisions in turn; any score for any text.

    A critique's score is the first word of the text that it is about.
    """
    left = list(texts)

    def reply(request: Request) -> str | Exception:
        if not request.stop:
            return left.pop(0)
        response = str(request.prompt).partition("### Response:\n")[2]
        return cnr_critique(min(10.0, float(response.split()[0])))

    return reply


def revised(
    *texts: str | Exception, candidates: int = 3, **options: Any
) -> tuple[Trajectory, ScriptedEngine]:
    engine = ScriptedEngine(revisions(*texts))
    options = {"iterations": len(texts) // candidates, **options}
    return revise(DRAFT, engine=engine, candidates=candidates, **options), engine


def scored(error: Exception) -> tuple[Trajectory, ScriptedEngine]:
    """Two candidates; the critique that would score the second one fails."""
    said = revisions("3 a", "9 b")
    engine = ScriptedEngine(
        lambda request: error if request.stop and "9 b" in str(request.prompt) else said(request)
    )
    return revise(DRAFT, iterations=1, engine=engine, candidates=2), engine


def made(*texts: str) -> list[Candidate]:
    return [Candidate(SHARED, text) for text in texts]


async def chosen_by(judge: RuleJudge, *texts: str) -> Selection:
    return await choose_by_judge(Panel([judge]), "Count.", made(*texts), range(len(texts)))


def scored_as(*scores: float | None) -> Selection:
    return choose_by_score(made(*"abc"[: len(scores)]), range(len(scores)), scores)


def test_candidates_share_the_prompt_that_each_round_has() -> None:
    _, engine = revised("3 a", "9 b", "7 c", "1 d", "2 e", "8 f", judge=RuleJudge(by_number))
    prompts = [request.prompt for request in engine.requests if not request.stop]
    assert len(prompts) == 6
    assert prompts[0] is prompts[1] is prompts[2]
    assert prompts[3] is prompts[4] is prompts[5]
    assert prompts[0] != prompts[3]


class TestByTheJudge:
    async def test_the_one_that_wins_a_knockout_is_chosen(self) -> None:
        judge = RuleJudge(by_number)
        selection = await chosen_by(judge, "3 a", "9 b", "7 c")
        assert selection.chosen == 1
        assert [other.text for other in selection.others] == ["3 a", "7 c"]
        compared = [(c.incumbent, c.challenger, c.winner) for c in selection.comparisons]
        assert compared == [(0, 1, 1), (1, 2, 1)]
        assert len(judge.asked) == 4

    async def test_in_doubt_the_first_one_stays(self) -> None:
        selection = await chosen_by(RuleJudge(always_first), "3 a", "9 b")
        assert selection.chosen == 0

    async def test_the_same_text_is_not_judged_twice(self) -> None:
        judge = RuleJudge(by_number)
        selection = await chosen_by(judge, "3 a", "3 a", "9 b", "3 a", "9 b")
        assert (selection.chosen, len(judge.asked)) == (2, 2)

    def test_the_chosen_candidate_becomes_the_version(self) -> None:
        texts = ("3 a", "9 b", "7 c", "1 d", "2 e", "8 f")
        found, engine = revised(*texts, judge=RuleJudge(by_number))
        assert [version.text for version in found.versions] == ["5 first", "9 b", "8 f"]
        assert "### Response:\n9 b\n" in engine.prompts[4]

    def test_a_gate_is_passed_by_the_chosen_one(self) -> None:
        options: dict[str, Any] = {"keep": "gate", "judge": RuleJudge(by_number)}
        found, _ = revised("3 a", "4 b", "2 c", **options)
        (version,) = found.versions[1:]
        assert (version.text, found.kept_text) == ("4 b", "5 first")
        assert version.comparison is not None
        assert version.selection is not None

    def test_without_a_gate_the_last_version_is_kept(self) -> None:
        found, _ = revised("3 a", "4 b", "2 c", judge=RuleJudge(by_number))
        assert (found.kept_text, found.versions[1].comparison) == ("4 b", None)

    def test_a_judge_that_fails_ends_the_trajectory(self) -> None:
        judge = RuleJudge(lambda *_: UnreachableError("gone"))
        found, _ = revised("3 a", "9 b", "7 c", judge=judge)
        assert found.end is not None
        assert (found.end.reason, len(found.end.steps)) == (StopReason.JUDGE_FAILED, 4)


def shortest_number(_prompt: str, first: str, second: str) -> Preference:
    """Prefers the lower number: the opposite of the judge."""
    return by_number("", second, first)


class TestByASelector:
    def test_the_selector_chooses_and_the_judge_decides_whether_it_is_kept(self) -> None:
        judge, selector = RuleJudge(by_number), RuleJudge(shortest_number)
        found, _ = revised("3 a", "9 b", "7 c", keep="gate", judge=judge, selector=selector)
        (version,) = found.versions[1:]
        assert (version.text, found.kept_text) == ("3 a", "5 first")
        assert {text for _, *texts in selector.asked for text in texts} == {"3 a", "9 b", "7 c"}
        assert {text for _, *texts in judge.asked for text in texts} == {"5 first", "3 a"}

    def test_without_a_judge_the_last_version_is_kept(self) -> None:
        found, engine = revised("3 a", "9 b", "7 c", selector=RuleJudge(by_number))
        assert found.kept_text == "9 b"
        assert len(engine.requests) == 4  # no text is scored by the critic

    def test_a_selector_that_fails_ends_the_trajectory(self) -> None:
        selector = RuleJudge(lambda *_: UnreachableError("gone"))
        found, _ = revised("3 a", "9 b", "7 c", selector=selector)
        assert found.end is not None
        assert found.end.reason is StopReason.JUDGE_FAILED
        assert found.end.detail == "Round 1: the selector failed: gone"

    def test_it_needs_candidates_and_leaves_the_judge_a_way_to_keep(self) -> None:
        judge, selector = RuleJudge(by_number), RuleJudge(by_number, "selector")
        with pytest.raises(InputError, match="A selector chooses between candidates"):
            revised("3 a", candidates=1, selector=selector)
        with pytest.raises(InputError, match="A judge beside a selector has nothing to choose"):
            revised("3 a", "9 b", candidates=2, judge=judge, selector=selector)

    async def test_its_name_is_in_the_settings_and_it_is_closed_if_opened_here(self) -> None:
        selector = RuleJudge(by_number, "selector")

        async def opened() -> Judge:
            return selector

        engine = ScriptedEngine([])
        async with AsyncReviser(engine=engine, candidates=2, selector=opened) as reviser:
            assert (reviser.settings.selector, reviser.settings.judge) == (selector.info, None)
            assert reviser.settings.requests_a_round == 3
            with_selector = reviser.settings.digest
        assert selector.is_closed
        async with AsyncReviser(engine=engine, candidates=2) as reviser:
            assert reviser.settings.digest != with_selector

    async def test_a_reward_server_selects_with_a_key_of_its_own(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REVLOOP_JUDGE_API_KEY", "the judge's")
        monkeypatch.setenv("REVLOOP_SELECTOR_API_KEY", "the selector's")
        said = [cnr_critique(3), "so", "good", "bad"]
        async with StubServer() as server, reward_server(VLLM) as rewards:
            server.on(COMPLETIONS, *map(completion, said))
            finished = await revloop(
                *("revise", "5 first", "-n", "1", "--base-url", server.base_url),
                *("--candidates", "3", "--selector", f"reward:{rewards.base_url}"),
                folder=tmp_path,
            )
            keys = {one.headers.get("Authorization") for one in rewards.asked("/classify")}
        assert (finished.code, finished.out) == (0, "good\n"), finished.err
        assert keys == {"Bearer the selector's"}


class ReadingAhead(RuleJudge):
    """A judge that wants to know all texts first."""

    async def read_ahead(self, prompt: str, texts: Sequence[str]) -> None:
        assert not self.asked
        self.read = (prompt, list(texts))


class TestReadingAhead:
    async def test_a_judge_that_wants_it_gets_all_texts_before_it_compares_any(self) -> None:
        judge = ReadingAhead(by_number)
        selection = await chosen_by(judge, "3 a", "9 b", "3 a", "7 c")
        assert judge.read == ("Count.", ["3 a", "9 b", "7 c"])
        assert selection.chosen == 1

    async def test_equal_texts_are_not_read(self) -> None:
        judge = ReadingAhead(by_number)
        await chosen_by(judge, "3 a", "3 a")
        assert not hasattr(judge, "read")

    async def test_a_reward_model_scores_all_candidates_in_one_batch(self) -> None:
        async with reward_server(VLLM_PLAIN) as server:
            judge = await RewardJudge.connect(server.base_url)
            before = len(server.requests)
            texts = ["so", "good", "bad", "good good"]
            selection = await choose_by_judge(Panel([judge]), "Count.", made(*texts), range(4))
            assert selection.chosen == 3
            (request,) = server.requests[before:]
            assert request.body["input"] == [f"Count.\n\n{text}" for text in texts]
            await judge.aclose()


class TestByTheCriticsScore:
    def test_the_highest_is_chosen_and_the_first_of_several(self) -> None:
        assert scored_as(3, 7, 7).chosen == 1
        assert scored_as(None, 1).chosen == 1
        assert scored_as(None, None).chosen == 0

    def test_each_different_text_is_criticised(self) -> None:
        found, engine = revised("3 a", "9 b", "3 a")
        version = found.versions[1]
        assert version.text == "9 b"
        assert version.selection is not None
        assert version.selection.scores == (3.0, 9.0, 3.0)
        assert [step.kind for step in version.steps] == [
            "critique",
            *["revision"] * 3,
            *["critique"] * 2,
        ]
        assert version.usage.generated_tokens > 0
        assert len(engine.requests) == 6


class TestTheRequests:
    def test_each_revision_has_a_seed_of_its_own_and_all_but_the_first_are_warm(self) -> None:
        _, engine = revised("1 a", "2 b", "3 c", judge=RuleJudge(by_number))
        asked = [request for request in engine.requests if not request.stop]
        assert len({request.sampling.seed for request in asked}) == 3
        assert [request.sampling.temperature for request in asked] == [0.0, 0.7, 0.7]
        assert len({str(request.prompt) for request in asked}) == 1

    def test_the_first_one_is_what_a_round_alone_would_make(self) -> None:
        _, alone = revised("1 a", candidates=1)
        _, several = revised("1 a", "2 b", candidates=2)
        assert several.requests[:2] == alone.requests

    def test_a_round_that_was_saved_counts_all_its_requests(self) -> None:
        found, _ = revised("5 first", "5 first", iterations=3, candidates=2)
        assert found.end is not None
        assert (found.end.reason, found.end.calls_saved) == (StopReason.CONVERGED, 2 * 5)

    def test_single_pass_gives_each_its_own_critique(self) -> None:
        said = iter([cnr_critique(negative=n) + BRIDGE + n for n in ("1 a", "9 b")])
        engine = ScriptedEngine(lambda _: next(said))
        options: dict[str, Any] = {"judge": RuleJudge(by_number), "single_pass": True}
        found = revise(DRAFT, iterations=1, engine=engine, candidates=2, **options)
        version = found.versions[1]
        assert version.critique is not None
        assert (version.text, version.critique.negative) == ("9 b", "9 b")
        assert version.selection is not None
        (other,) = version.selection.others
        assert other.critique is not None
        assert other.critique.endswith("Negative aspects: 1 a")


class TestScoresThatCannotBeGiven:
    def test_a_candidate_that_is_too_long_to_be_scored_has_no_score(self) -> None:
        long = "9 " + " ".join(f"word{number}" for number in range(60))
        engine = ScriptedEngine(revisions("3 a", long), context_tokens=120)
        found = revise(DRAFT, iterations=1, engine=engine, candidates=2)
        version = found.versions[1]
        assert version.text == "3 a"
        assert version.selection is not None
        assert version.selection.scores == (3.0, None)
        assert found.end is not None
        assert found.end.reason is StopReason.ROUNDS_DONE

    @pytest.mark.parametrize("error", [RejectedError("odd"), ContextFullError("long")])
    def test_a_candidate_that_the_engine_refuses_to_read_has_no_score(
        self, error: Exception
    ) -> None:
        found, _ = scored(error)
        version = found.versions[1]
        assert version.selection is not None
        assert (version.text, version.selection.scores) == ("3 a", (3.0, None))

    @pytest.mark.parametrize(
        "error", [UnreachableError("gone"), AuthenticationError("no"), ModelNotServedError("no")]
    )
    def test_an_engine_that_fails_leaves_the_choice_to_the_next_attempt(
        self, error: Exception
    ) -> None:
        found, _ = scored(error)
        assert found.end is not None
        assert (found.rounds, found.end.reason) == (0, StopReason.ENGINE_FAILED)


class TestFailures:
    def test_one_that_fails_is_left_out(self) -> None:
        found, _ = revised("3 a", RejectedError("too hot"), "7 c")
        version = found.versions[1]
        assert version.text == "7 c"
        assert version.selection is not None
        assert [other.text for other in version.selection.others] == ["3 a"]

    def test_a_single_remaining_candidate_needs_no_selection(self) -> None:
        found, _ = revised(RejectedError("a"), "3 b", candidates=2)
        assert (found.versions[1].text, found.versions[1].selection) == ("3 b", None)

    def test_where_all_fail_the_trajectory_ends(self) -> None:
        found, _ = revised(*[RejectedError("gone")] * 3)
        assert found.end is not None
        assert found.end.reason is StopReason.REJECTED

    def test_where_none_can_be_used_all_requests_are_in_the_end(self) -> None:
        def cut(request: Request) -> str | Answer:
            return cnr_critique() if request.stop else Answer("3", "length")

        engine = ScriptedEngine(cut)
        found = revise(DRAFT, iterations=1, engine=engine, candidates=2, tries=2)
        assert found.end is not None
        assert found.end.reason is StopReason.TOKEN_LIMIT
        assert len(found.end.steps) == 1 + 2 * 2


def test_the_other_candidates_are_stored(tmp_path: Path) -> None:
    found, _ = revised("3 a", "9 b", "7 c", store=tmp_path / "s.sqlite")
    with Store.open_to_read(tmp_path / "s.sqlite") as store:
        assert list(store.trajectories()) == [found]


def test_the_number_of_candidates_is_part_of_the_settings(tmp_path: Path) -> None:
    revised("3 a", "9 b", candidates=2, store=tmp_path / "s.sqlite")
    with pytest.raises(RunMismatchError, match="candidates: 3, not 2"):
        revised("3 a", "9 b", "7 c", store=tmp_path / "s.sqlite")


async def test_the_command_line_has_them(tmp_path: Path) -> None:
    async with StubServer() as server:
        scored = [completion(cnr_critique(score)) for score in (2, 9)]
        first = completion(cnr_critique())
        server.on(COMPLETIONS, first, completion("Good."), completion("Better."), *scored)
        options = ("--candidates", "2", "-n", "1", "--base-url", server.base_url, "--json")
        finished = await revloop("revise", "Fair.", *options, folder=tmp_path)
    assert finished.code == 0, finished.err
    selection = Trajectory.model_validate_json(finished.out).versions[1].selection
    assert selection is not None
    assert sorted(score or 0 for score in selection.scores) == [2.0, 9.0]


class TestSeveralCritiques:
    """Each critique has revisions of its own, and all of them are one knockout."""

    def script(self, request: Request) -> str:
        if request.stop:
            return cnr_critique(5, negative=f"Point {request.sampling.seed}.")
        return f"{len(plain(request.prompt))} of {request.sampling.seed}"

    def revised(self, **options: Any) -> tuple[Trajectory, ScriptedEngine]:
        engine = ScriptedEngine(self.script)
        options = {"judge": RuleJudge(by_number), "iterations": 1, **options}
        return revise(DRAFT, engine=engine, **options), engine

    def test_each_revision_follows_its_own_critique(self) -> None:
        found, engine = self.revised(critiques=3, candidates=2)
        asked = [plain(request.prompt) for request in engine.requests if not request.stop]
        said = [step.sampling.seed for step in found.versions[1].steps if step.kind == "critique"]
        assert len(set(said)) == 3
        for seed in said:
            assert sum(f"Point {seed}." in prompt for prompt in asked) == 2
        selection = found.versions[1].selection
        assert selection is not None
        assert len(selection.others) == 5
        assert len(engine.requests) == 9

    def test_one_critique_is_as_before(self) -> None:
        found, _ = self.revised(critiques=1, candidates=2)
        before, _ = self.revised(candidates=2)
        assert found.versions[1].text == before.versions[1].text
        assert found.id == before.id

    def test_a_critique_that_fails_leaves_the_others(self) -> None:
        def reply(request: Request) -> str | Exception:
            said = self.script(request)
            is_first = not engine.requests[1:]
            return RejectedError("no") if request.stop and is_first else said

        engine = ScriptedEngine(reply)
        options: dict[str, Any] = {"critiques": 2, "judge": RuleJudge(by_number)}
        found = revise(DRAFT, engine=engine, iterations=1, **options)
        assert found.rounds == 1
        assert len(engine.requests) == 3

    def test_one_that_finds_nothing_is_not_revised_after(self) -> None:
        def reply(request: Request) -> str:
            is_first = not engine.requests[1:]
            return cnr_critique(10) if request.stop and is_first else self.script(request)

        engine = ScriptedEngine(reply)
        options: dict[str, Any] = {"critiques": 2, "judge": RuleJudge(by_number), "stop_score": 9}
        found = revise(DRAFT, engine=engine, iterations=1, **options)
        assert len(engine.requests) == 3
        assert found.versions[1].critique is not None
        assert found.versions[1].critique.score == 5

    def test_where_none_finds_anything_the_text_stays(self) -> None:
        engine = ScriptedEngine(lambda _request: cnr_critique(10))
        options: dict[str, Any] = {"critiques": 2, "judge": RuleJudge(by_number), "stop_score": 9}
        found = revise(DRAFT, engine=engine, iterations=3, **options)
        assert found.final == DRAFT.response
        assert found.end is not None
        assert found.end.reason is StopReason.NOTHING_TO_IMPROVE
        assert (len(engine.requests), found.end.calls_saved) == (2, 2 + 2 * 4)

    def test_a_single_pass_has_its_own(self) -> None:
        with pytest.raises(InputError, match="Several critiques of a round need a critic"):
            self.revised(critiques=2, single_pass=True)
