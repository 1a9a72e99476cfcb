"""What a batch makes of its input: exact rejects, duplicates, resumed and continued runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.command_line import revloop
from tests.helpers.deterministic_server import pluses_of
from tests.helpers.running_batch import (
    Server,
    Work,
    answering_server,
    assert_right,
    ended,
    timeless,
    work_in,
    write_rows,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BIG = "x" * 5_000_000


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with answering_server() as server:
        yield server


def draft(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"d{number}", "prompt": "Add.", "response": f"Draft {number}", **more}


def rejects(work: Work) -> list[dict[str, Any]]:
    path = work.folder / "out.jsonl.rejected.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def long_lived(drafts: int) -> list[int]:
    """Numbers of drafts that take four rounds or more."""
    return [number for number in range(drafts) if pluses_of(f"Draft {number}") == 4]


GOOD = [
    b"\xef\xbb\xbf" + json.dumps(draft(0)).encode(),
    json.dumps(draft(1, note=BIG)).encode(),
    json.dumps({"prompt": "Add.", "response": "Draft 2", "tags": ["a", None]}).encode(),
    json.dumps({"messages": [{"role": "user", "content": "Add."}], "response": "Draft 3"}).encode(),
    json.dumps(draft(4, note="a \x00 in it")).encode(),
    json.dumps({"id": 5, "response": "Draft 5", "note": "häß \U0001f600"}).encode(),
    b"   " + json.dumps(draft(6)).encode() + b"\r",
]
BAD = [
    (b'{"id": "b0", "response": "Draft', "not JSON"),
    (b'{"response": 7}', "response"),
    (b'{"prompt": "Why?", "response": null}', "response"),
    (b'["Draft 9"]', "not a JSON object"),
    (json.dumps(draft(1)).replace("Draft 1", "Draft 99").encode(), "other content"),
    (b'{"response": "' + BIG.encode(), "not JSON"),
    (b'{"response": "Draft \x00 9"}', "not JSON"),
    (b'{"response": "Draft \\ud800 9"}', "surrogate"),
    (b'{"response": "Draft \xff 9"}', "not UTF-8"),
    (b'{"response": "   "}', "the response is empty"),
    (b'{"prompt": [], "response": "Draft 9"}', "prompt"),
    (b'{"messages": [{"role": "critic", "content": "?"}], "response": "x"}', "role"),
]


async def test_bad_rows_are_rejected_to_the_letter_and_all_the_rest_revised(
    server: Server, tmp_path: Path
) -> None:
    work = work_in(tmp_path, 0)
    lines = [*GOOD[:2]]
    for number, (bad, _) in enumerate(BAD):
        lines += [bad, *GOOD[number + 2 : number + 3]]
    (tmp_path / "drafts.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    finished = await work.run(server)
    assert finished.code == 8, finished.err
    assert f"{len(BAD)} rows were rejected: see out.jsonl.rejected.jsonl" in finished.err
    found = rejects(work)
    wanted = [(lines.index(bad) + 1, reason) for bad, reason in BAD]
    assert [one["line"] for one in found] == [number for number, _ in wanted]
    for one, (number, reason) in zip(found, wanted, strict=True):
        assert reason in one["reason"]
        if b"\xff" not in lines[number - 1]:
            assert one["raw"] == lines[number - 1].decode()
    rows = work.rows()
    assert [row["versions"][0]["text"] for row in rows] == [f"Draft {n}" for n in range(len(GOOD))]
    assert all(row["end"]["reason"] == "converged" for row in rows if len(row["versions"]) < 6)
    assert rows[1]["draft"]["extra"] == {"note": BIG}
    assert rows[4]["draft"]["extra"] == {"note": "a \x00 in it"}


async def test_the_same_id_with_other_content_names_both_lines(
    server: Server, tmp_path: Path
) -> None:
    work = work_in(tmp_path, 0)
    write_rows(tmp_path / "drafts.jsonl", [draft(1), draft(2), {**draft(3), "id": "d1"}])
    assert (await work.run(server)).code == 8
    (reject,) = rejects(work)
    assert reject["line"] == 3
    assert reject["reason"] == "line 3: the id 'd1' is that of line 1, which has other content"


async def test_rows_of_the_same_content_are_revised_once_and_given_each(
    server: Server, tmp_path: Path
) -> None:
    work = work_in(tmp_path, 0)
    twins = [draft(1, n=1), {**draft(1, n=2), "id": "twin"}, draft(1, n=3), draft(2)]
    write_rows(tmp_path / "drafts.jsonl", twins)
    await server.tell("/session")
    assert (await work.run(server)).code == 0
    asked = await server.asked()
    assert len(asked) == len(set(asked))
    rows = work.rows()
    assert [row["draft"]["id"] for row in rows] == ["d1", "twin", "d1", "d2"]
    assert [row["draft"]["extra"] for row in rows] == [{"n": 1}, {"n": 2}, {"n": 3}, {}]
    assert rows[0]["versions"] == rows[1]["versions"] == rows[2]["versions"]


async def test_at_a_temperature_rows_of_the_same_content_are_shared_on_request_only(
    server: Server, tmp_path: Path
) -> None:
    asked = []
    for folder, options in (("apart", ()), ("shared", ("--share-duplicates",))):
        work = work_in(tmp_path / folder, 0)
        write_rows(work.folder / "drafts.jsonl", [draft(1), {**draft(1), "id": "twin"}])
        await server.tell("/session")
        assert (await work.run(server, "--temperature", "0.5", *options)).code == 0
        asked.append(len(await server.asked()))
    assert asked[0] == 2 * asked[1]


async def test_a_finished_run_asks_for_nothing_and_writes_the_output_again(
    server: Server, tmp_path: Path
) -> None:
    work = work_in(tmp_path, 20)
    assert (await work.run(server)).code == 0
    first = work.output.read_bytes()
    work.output.unlink()
    await server.tell("/session")
    assert (await work.run(server)).code == 0
    assert await server.asked() == []
    assert work.output.read_bytes() == first


async def test_more_iterations_go_on_from_the_last_version_and_fewer_cut_the_output(
    server: Server, tmp_path: Path
) -> None:
    work = work_in(tmp_path, 20)
    assert (await work.run(server, "--iterations", "3")).code == 0
    three = work.rows()
    await server.tell("/session")
    assert (await work.run(server)).code == 0
    asked = await server.asked()
    assert {name for name, _, _ in asked} == {f"Draft {number}" for number in long_lived(20)} | {
        f"Draft {number}" for number in range(20) if pluses_of(f"Draft {number}") == 3
    }
    assert min(version for _, version, _ in asked) == 3
    assert_right(work, 20)
    await server.tell("/session")
    assert (await work.run(server, "--iterations", "3")).code == 0
    assert await server.asked() == []
    assert work.rows() == three


async def test_other_settings_are_refused_with_both_ways_out(
    server: Server, tmp_path: Path
) -> None:
    work = work_in(tmp_path, 3)
    assert (await work.run(server)).code == 0
    refused = await work.run(server, "--seed", "7", "--max-concurrency", "9")
    assert refused.code == 5
    assert "sampling: " in refused.err
    assert "'seed': 7" in refused.err
    assert "Use another store" in refused.err
    assert "--new-run" in refused.err
    assert (await work.run(server, "--seed", "7", "--new-run")).code == 0
    assert work.rows()[0]["versions"][1]["steps"][0]["sampling"]["seed"] >= 0
    await server.tell("/session")
    assert (await work.run(server, "--seed", "7")).code == 0
    assert (await work.run(server)).code == 0  # the first run is still there
    assert await server.asked() == []


async def test_another_input_is_refused(server: Server, tmp_path: Path) -> None:
    work = work_in(tmp_path, 3)
    assert (await work.run(server)).code == 0
    work_in(tmp_path, 4)
    refused = await work.run(server)
    assert refused.code == 3
    assert "is not the input that this run began with" in refused.err
    assert "--new-run" in refused.err
    assert (await work.run(server, "--new-run")).code == 0
    assert_right(work, 4)


async def test_strict_stops_at_the_first_bad_row(server: Server, tmp_path: Path) -> None:
    work = work_in(tmp_path, 2)
    with (tmp_path / "drafts.jsonl").open("a", encoding="utf-8") as file:
        file.write("{\n[]\n")
    for _ in range(2):  # the same command again does not help
        stopped = await work.run(server, "--strict")
        assert stopped.code == 9, stopped.err
        assert "Row 3 cannot be used: not JSON" in stopped.err
        assert "Traceback" not in stopped.err
        assert not work.output.exists()
    assert (await work.run(server)).code == 8


async def test_more_failures_than_allowed_end_the_run(server: Server, tmp_path: Path) -> None:
    work = work_in(tmp_path, 2)
    with (tmp_path / "drafts.jsonl").open("a", encoding="utf-8") as file:
        file.write("{\n" * 3)
    stopped = await work.run(server, "--max-failures", "2")
    assert stopped.code == 9, stopped.err
    assert "rejected rows: 3. This is more than --max-failures allows" in stopped.err
    assert (await work.run(server, "--max-failures", "3")).code == 8


async def test_final_only_gives_the_rows_back_with_the_last_version(
    server: Server, tmp_path: Path
) -> None:
    work = work_in(tmp_path, 0)
    write_rows(tmp_path / "drafts.jsonl", [draft(1, source="web")])
    assert (await work.run(server, "--final-only")).code == 0
    (row,) = work.rows()
    last = "Draft 1 " + "+" * pluses_of("Draft 1")
    assert row == {**draft(1, source="web"), "response": last, "original_response": "Draft 1"}


async def test_an_export_during_a_run_writes_partial_results_in_order(
    server: Server, tmp_path: Path
) -> None:
    work = work_in(tmp_path, 30)
    await server.tell("/session", signal=0, after=10**9)
    process = await work.begin(server)
    await server.until_asked(1)
    early = await revloop("export", str(work.store), str(tmp_path / "early.jsonl"))
    assert early.code == 0, early.err
    await server.tell("/victim", pid=0)
    assert (await ended(process)).code == 0
    late = await revloop("export", str(work.store), str(tmp_path / "late.jsonl"))
    assert late.code == 0, late.err
    assert (tmp_path / "late.jsonl").read_bytes() == work.output.read_bytes()


async def test_standard_input_and_output_and_other_field_names(
    server: Server, tmp_path: Path
) -> None:
    row = {"q": "Add.", "answer": "Draft 1"}
    finished = await revloop(
        *("batch", "-", "-", "--store", "s.sqlite", "--base-url", server.base_url),
        *("--field", "prompt=q", "--field", "response=answer"),
        stdin=json.dumps(row).encode(),
        folder=tmp_path,
    )
    assert finished.code == 0, finished.err
    (line,) = finished.out.splitlines()
    assert timeless(json.loads(line))["draft"]["prompt"] == "Add."


async def test_a_file_that_would_be_lost_is_not_written_over(
    server: Server, tmp_path: Path
) -> None:
    work = work_in(tmp_path, 1)
    work.output.write_text("my notes")
    refused = await work.run(server)
    assert refused.code == 3
    assert "already exists" in refused.err
    assert work.output.read_text() == "my notes"
    assert (await work.run(server, "--force")).code == 0
    same = await revloop(
        *("batch", "drafts.jsonl", "drafts.jsonl", "--base-url", server.base_url), folder=tmp_path
    )
    assert same.code == 3
    assert "is the input itself" in same.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--max-failures", "many"], "it is a number"),
        (["--field", "prompt"], "OURS=THEIRS"),
        (["--min-concurrency", "9", "--max-concurrency", "3"], "between 9 and 3"),
        (["--iterations", "0"], "at least 1 round"),
    ],
)
async def test_an_option_that_cannot_be_used_is_named(
    server: Server, tmp_path: Path, options: list[str], said: str
) -> None:
    work = work_in(tmp_path, 1)
    finished = await work.run(server, *options)
    assert finished.code == 3
    assert said in finished.err


async def test_an_empty_input_gives_an_empty_output(server: Server, tmp_path: Path) -> None:
    work = work_in(tmp_path, 0)
    assert (await work.run(server)).code == 0
    assert work.output.read_bytes() == b""


SHORTER_WINS = """
def shorter(prompt, first, second):
    return "first" if len(first) < len(second) else "second"
"""


async def test_a_judge_keeps_the_better_version_of_each_row(server: Server, tmp_path: Path) -> None:
    work = work_in(tmp_path, 3)
    (tmp_path / "lengths.py").write_text(SHORTER_WINS, encoding="utf-8")
    judged = ("--keep", "best", "--judge", "lengths:shorter")
    assert (await work.run(server, *judged, "--final-only")).code == 0
    rows = work.rows()
    assert [row["response"] for row in rows] == [row["original_response"] for row in rows]
