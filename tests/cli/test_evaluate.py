"""`revloop evaluate` as a user meets it."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from revloop import StopReason, arevise
from revloop.evaluation import Evaluation, Question, Verdicts, stored_judges
from revloop.evaluation.tables import COLUMNS
from revloop.trajectory import JudgeInfo, Verdict
from tests.helpers.command_line import Finished, revloop
from tests.helpers.judges import store_of
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds
from tests.helpers.stub_server import CHAT, StubServer, chat_completion, error

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
def higher(prompt, first, second):
    left, right = int(first.split()[0]), int(second.split()[0])
    return "tie" if left == right else "first" if left > right else "second"

def first(prompt, first, second):
    return "first"

def broken(prompt, first, second):
    raise ValueError("no idea")
"""
HIGHER = ("--judge", "mine:higher")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store of twelve records, and a module with judges."""
    rows = [[f"{n} {'x' * n}", f"{n + 1 - n % 3} {'y' * (2 * n)}", f"{n + 2}"] for n in range(12)]
    fields = [{"kind": "mail" if n % 2 else "note"} for n in range(12)]
    store_of(tmp_path / "s.sqlite", rows, fields=fields)
    (tmp_path / "mine.py").write_text(MODULE)
    return tmp_path


async def evaluate(folder: Path, *options: str, store: str = "s.sqlite") -> Finished:
    """Run `revloop evaluate` on the store, in a wide terminal."""
    environment = {"COLUMNS": "200"}
    return await revloop("evaluate", store, *options, folder=folder, environment=environment)


def read(finished: Finished) -> Evaluation:
    """The figures that were printed as JSON."""
    assert finished.code == 0, finished.err
    return Evaluation.model_validate_json(finished.out)


def assert_failed(finished: Finished, code: int, *words: str) -> None:
    """It ended with a code and with words for a person, not with a traceback."""
    assert finished.code == code, finished.err
    assert "Traceback" not in finished.err
    for word in words:
        assert word in " ".join(finished.err.split())


async def test_progress_can_be_json(folder: Path) -> None:
    finished = await evaluate(folder, *HIGHER, "--json", "--log-json")
    assert read(finished).trajectories == 12
    told = {"judge": "mine:higher", "new": 48, "stored": 0, "unreadable": 0}
    assert json.loads(finished.err) == told


async def test_a_model_without_a_price_is_told_before_a_judge_is_asked(folder: Path) -> None:
    engine = ScriptedEngine(cnr_rounds("Four."))
    await arevise("Five.", iterations=1, engine=engine, store=folder / "own.sqlite")
    prices = '[models."other"]\ninput = 1\noutput = 1\n'
    (folder / "prices.toml").write_text(f'currency = "EUR"\n{prices}', encoding="utf-8")
    options = ("--judge", "mine:first", "--prices", "prices.toml")
    finished = await evaluate(folder, *options, store="own.sqlite")
    assert_failed(finished, 3, "No price is known for script: add")
    assert stored_judges(folder / "own.sqlite") == []


async def test_it_prints_a_table_of_the_rounds(folder: Path) -> None:
    finished = await evaluate(folder, *HIGHER)
    assert finished.code == 0, finished.err
    assert "mine:higher: 48 new verdicts, 0 were stored." in finished.err
    assert "mine:higher, against the original response" in finished.out
    rows = [
        line.split() for line in finished.out.splitlines() if line.split()[:1] in (["1"], ["2"])
    ]
    assert [row[:6] for row in rows[:2]] == [
        ["1", "12", "8", "8", "8", "50.0%"],
        ["2", "12", "24", "0", "0", "100.0%"],
    ]
    assert "Trajectories: 12; failed: 0; not finished: 0." in finished.out
    assert "-: not measured (see docs/evaluation.md)." in finished.out


async def test_a_second_call_asks_nothing_and_without_a_judge_tells_of_all(folder: Path) -> None:
    first = read(await evaluate(folder, *HIGHER, "--json"))
    again = await evaluate(folder, *HIGHER, "--json")
    assert "0 new verdicts, 48 were stored" in again.err
    assert read(again) == first == read(await evaluate(folder, "--json"))


async def test_each_round_may_be_compared_with_the_one_before(folder: Path) -> None:
    found = read(await evaluate(folder, *HIGHER, "--against", "both", "--json"))
    told = [(r.against, r.round) for r in found.judges[0].rounds]
    assert told == [("original", 1), ("original", 2), ("previous", 1), ("previous", 2)]
    alone = read(await evaluate(folder, *HIGHER, "--against", "previous", "--json"))
    assert {r.against for r in alone.judges[0].rounds} == {"previous"}


async def test_figures_are_split_by_a_field_of_the_drafts(folder: Path) -> None:
    finished = await evaluate(folder, *HIGHER, "--by", "kind", "--rounds", "1")
    assert "against the original response, kind = mail" in finished.out
    found = read(await evaluate(folder, *HIGHER, "--by", "kind", "--rounds", "1", "--json"))
    assert [(r.group, r.records) for r in found.judges[0].rounds] == [
        (None, 12),
        ("mail", 6),
        ("note", 6),
    ]


async def test_several_judges_are_compared(folder: Path) -> None:
    finished = await evaluate(folder, *HIGHER, "--judge", "mine:first")
    assert "The 2 judges agree on" in finished.out
    assert "Cohen's kappa" in finished.out
    flips = [
        r.order_flip_share
        for r in read(await evaluate(folder, "--judge", "mine:first", "--json")).judges[0].rounds
    ]
    assert flips == [1.0, 1.0]


async def test_a_csv_file_has_all_figures(folder: Path) -> None:
    finished = await evaluate(folder, *HIGHER, "--csv", "figures.csv")
    assert finished.code == 0, finished.err
    rows = list(csv.DictReader((folder / "figures.csv").read_text().splitlines()))
    assert [(row["judge"], row["round"], row["win_rate"]) for row in rows] == [
        ("mine:higher", "1", "0.5"),
        ("mine:higher", "2", "1.0"),
    ]
    assert_failed(await evaluate(folder, *HIGHER, "--csv", "figures.csv"), 3, "--force")
    assert (await evaluate(folder, *HIGHER, "--csv", "figures.csv", "--force")).code == 0


async def test_a_model_judges_over_a_server(folder: Path) -> None:
    async with StubServer() as server:
        server.on(CHAT, chat_completion("Hm."), chat_completion("Better.\nVerdict: A"))
        finished = await evaluate(folder, "--judge", server.base_url, "--rounds", "1", "--json")
    (figures,) = read(finished).judges[0].rounds
    assert (figures.order_flip_share, figures.win_rate, figures.unparseable) == (1.0, 0.5, 0)
    assert read(finished).judges[0].judge.kind == "model"


async def test_each_judges_server_gets_its_own_key_and_no_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVLOOP_JUDGE_API_KEY", "the first one's")
    monkeypatch.setenv("REVLOOP_JUDGE_3_API_KEY", "the third one's")
    async with (
        StubServer(models=("one",)) as one,
        StubServer(models=("two",)) as two,
        StubServer(models=("three",)) as three,
    ):
        servers = (one, two, three)
        for server in servers:
            server.on(CHAT, chat_completion("Verdict: A"))
        judges = [option for server in servers for option in ("--judge", server.base_url)]
        finished = await evaluate(folder, *judges, "--rounds", "1")
        keys = [{asked.headers.get("Authorization") for asked in each.requests} for each in servers]
    assert finished.code == 0, finished.err
    assert keys == [{"Bearer the first one's"}, {None}, {"Bearer the third one's"}]


async def test_verdicts_that_cannot_be_read_are_counted_and_told(folder: Path) -> None:
    async with StubServer() as server:
        server.on(CHAT, chat_completion("I would rather not say."))
        finished = await evaluate(folder, "--judge", server.base_url, "--rounds", "1")
    assert finished.code == 0, finished.err
    assert "24 new verdicts (24 unreadable), 0 were stored." in finished.err
    assert "None of its 24 verdicts could be read, so there are no figures." in finished.out
    assert "win rate" not in finished.out


async def test_verdicts_of_which_some_cannot_be_read_are_told_beside_the_figures(
    folder: Path,
) -> None:
    async with StubServer() as server:
        said = [chat_completion("Hm.")] * 3, [chat_completion("Verdict: A")]
        server.on(CHAT, *said[0], *said[1])  # the first question cannot be read in any try
        options = ("--rounds", "1", "--concurrency", "1")
        finished = await evaluate(folder, "--judge", server.base_url, *options)
    assert "24 new verdicts (1 unreadable)" in finished.err
    assert "Round 1: 1 of 24 verdicts could not be read and are not counted." in finished.out


async def test_in_a_pipe_no_line_is_wider_than_80_columns_and_none_is_cut(folder: Path) -> None:
    finished = await evaluate(folder, *HIGHER, "--against", "both")
    lines = finished.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in finished.out
    heads = [line.split("  ") for line in lines if line.startswith("round  ")]
    shown = {head.strip() for line in heads for head in line if head}
    assert shown == set(COLUMNS)
    assert "100.0%" in finished.out


async def test_the_figures_say_of_how_many_trajectories_they_are(folder: Path) -> None:
    reasons = [StopReason.UNPARSEABLE, StopReason.ROUNDS_DONE, StopReason.ROUNDS_DONE]
    store_of(folder / "f.sqlite", [["1"], ["1", "2"], ["3", "4"]], reasons=reasons)
    finished = await evaluate(folder, *HIGHER, store="f.sqlite")
    assert "After round 1: 100.0% of 2 of 3 trajectories." in finished.out


async def test_a_judge_that_dies_half_way_is_told_and_gone_on_from(folder: Path) -> None:
    async with StubServer() as server:
        server.on(CHAT, *[chat_completion("Verdict: A")] * 5, error(403, "Out of credit."))
        options = ("--judge", server.base_url, "--concurrency", "1", "--rounds", "1")
        died = await evaluate(folder, *options)
        assert_failed(died, 4, "gave 5 verdicts and then failed", "repeat the call to continue")
        assert died.out == ""
        server.on(CHAT, chat_completion("Verdict: A"))
        again = await evaluate(folder, *options)
    assert "19 new verdicts, 5 were stored" in again.err


async def test_a_function_that_fails_is_told(folder: Path) -> None:
    finished = await evaluate(folder, "--judge", "mine:broken")
    assert_failed(finished, 4, "mine:broken", "ValueError: no idea")


async def test_the_demos_judge_refuses_other_prompts(folder: Path) -> None:
    assert_failed(await evaluate(folder, "--judge", "demo"), 4, "judge demo fails")


async def test_without_a_judge_and_without_verdicts_it_says_whom_to_name(folder: Path) -> None:
    assert_failed(await evaluate(folder), 3, "holds no verdicts yet", "module:function")


@pytest.mark.parametrize(
    ("options", "code", "word"),
    [
        (("--judge", "anna"), 3, "names no judge"),
        (("--judge", "mine:nobody"), 3, "no function 'nobody'"),
        (("--judge", "demo", "--by", "king"), 3, "field 'king'"),
        (("--judge", "demo", "--against", "all"), 2, "--against"),
        (("--judge", "demo", "--rounds", "0"), 2, "--rounds"),
        (("--judge", "http://127.0.0.1:9"), 4, "cannot be reached"),
    ],
)
async def test_what_cannot_be_used_is_told(
    folder: Path, options: tuple[str, ...], code: int, word: str
) -> None:
    assert_failed(await evaluate(folder, *options), code, word)


async def test_a_store_that_is_none_is_told(folder: Path) -> None:
    assert_failed(await evaluate(folder, *HIGHER, store="mine.py"), 5, "not a revloop store")
    assert_failed(await evaluate(folder, *HIGHER, store="none"), 5, "There is no store")


async def test_failed_trajectories_are_told_and_count_in_nothing(folder: Path) -> None:
    reasons = [StopReason.ENGINE_FAILED, StopReason.ROUNDS_DONE, None]
    store_of(folder / "f.sqlite", [["1"], ["1", "2"], ["4", "3"]], reasons=reasons)
    finished = await evaluate(folder, *HIGHER, store="f.sqlite")
    assert "Round 1: 1 of 3 records lack this round and are not counted." in finished.out
    assert "Trajectories: 3; failed: 1; not finished: 1." in finished.out


async def test_where_all_failed_there_is_nothing_to_tell(folder: Path) -> None:
    store_of(folder / "f.sqlite", [["1"]], reasons=[StopReason.ENGINE_FAILED])
    finished = await evaluate(folder, *HIGHER, store="f.sqlite")
    assert_failed(finished, 3, "holds no round to evaluate", "1 failed")


async def test_verdicts_of_people_are_asked_for_by_their_name(folder: Path) -> None:
    anna = JudgeInfo(kind="people", name="anna", digest="anna's")
    store_of(folder / "p.sqlite", [["1", "2"]])
    with Verdicts.open(folder / "p.sqlite") as verdicts:
        verdicts.add(anna, [(Question("Why?", "1", "2"), Verdict(preference="second"))])
    found = json.loads((await evaluate(folder, "--judge", "anna", "--json", store="p.sqlite")).out)
    assert found["judges"][0]["rounds"][0]["win_rate"] == 1.0
    assert stored_judges(folder / "p.sqlite") == [anna]
