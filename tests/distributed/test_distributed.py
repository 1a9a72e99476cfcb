"""Input splits, the run's folder, shards and their gathering, without Ray."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from revloop import Draft, Store, revise
from revloop.cli.batch_ray import tell_outcome
from revloop.distributed import GATHERED, RayInput, RayOutcome, ShardFolder, gathered
from revloop.distributed.folder import Manifest
from revloop.distributed.shards import counted, encoded
from revloop.errors import InputError, RunMismatchError
from revloop.evaluation import Question, Verdicts, stored_judges
from revloop.options import LoopOptions, RunSettings, ShardFormat
from revloop.trajectory import EngineInfo, Verdict
from tests.helpers.command_line import revloop
from tests.helpers.judges import info
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")


def rows_of(source: RayInput) -> list[dict[str, Any]]:
    files = source.files()
    first = source.first(files[0])
    return [row for split in source.splits(files) for row in source.rows(split, first)]


def write(path: Path, number: int) -> None:
    lines = [json.dumps({"id": f"d{n}", "response": "x" * (n % 90 + 1)}) for n in range(number)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("split_bytes", [1, 7, 64, 1000, 10**6])
def test_splits_of_a_file_share_no_line_and_miss_none(tmp_path: Path, split_bytes: int) -> None:
    write(tmp_path / "drafts.jsonl", 60)
    found = rows_of(RayInput(str(tmp_path / "drafts.jsonl"), split_bytes=split_bytes))
    assert [json.loads(row["draft"])["id"] for row in found] == [f"d{n}" for n in range(60)]
    assert len({row["key"] for row in found}) == 60


def test_keys_do_not_depend_on_how_a_file_is_divided(tmp_path: Path) -> None:
    write(tmp_path / "drafts.jsonl", 60)
    path = str(tmp_path / "drafts.jsonl")
    few, many = rows_of(RayInput(path)), rows_of(RayInput(path, split_bytes=99))
    assert few == many


def test_a_folder_of_files_of_all_kinds_is_read_whole(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    write(tmp_path / "a.jsonl", 3)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    table = pa.table({"id": [f"p{n}" for n in range(5)], "response": ["text"] * 5})
    pq.write_table(table, tmp_path / "c.parquet", row_group_size=2)
    found = rows_of(RayInput(str(tmp_path)))
    ids = [json.loads(row["draft"])["id"] for row in found]
    assert ids == ["d0", "d1", "d2", "d0", "d1", "d2", "p0", "p1", "p2", "p3", "p4"]
    assert len({row["key"] for row in found}) == len(found)


def test_a_row_that_cannot_be_used_is_told_with_its_place(tmp_path: Path) -> None:
    good = json.dumps({"response": "fine"})
    (tmp_path / "d.jsonl").write_text(f'{good}\n{{bad\n{{"response": ""}}\n{good}\n')
    found = rows_of(RayInput(str(tmp_path / "d.jsonl")))
    rejects = [json.loads(row["reject"]) for row in found if row["reject"]]
    assert [row["reject"] is None for row in found] == [True, False, False, True]
    assert rejects[0]["file"] == "d.jsonl"
    assert rejects[0]["end_byte"] == len(good) + 1 + len("{bad\n")
    assert "not JSON" in rejects[0]["reason"]
    assert "the response is empty" in rejects[1]["reason"]


def test_an_input_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a file of drafts"):
        RayInput(str(tmp_path / "none.jsonl")).files()


def manifest(**changed: Any) -> Manifest:
    known = {"files": [("d.jsonl", 1)], "form": "auto", "fields": {}, "iterations": 2}
    return Manifest.model_validate({**known, "shard_form": "jsonl", "final_only": False, **changed})


def settings(**options: Any) -> RunSettings:
    from revloop import PromptSet

    info = EngineInfo(kind="stub", model="m")
    return RunSettings.resolve(LoopOptions(**options), PromptSet.load("cnr"), info)


def test_a_run_goes_on_only_with_what_it_began_with(tmp_path: Path) -> None:
    folder = ShardFolder(str(tmp_path / "out"))
    folder.begin(manifest())
    folder.begin(manifest())
    with pytest.raises(RunMismatchError, match="other iterations"):
        folder.begin(manifest(iterations=3))
    folder.keep_settings(settings())
    folder.keep_settings(settings())
    with pytest.raises(RunMismatchError, match="contains a run with other settings"):
        folder.keep_settings(settings(seed=1))


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="not empty"):
        ShardFolder(str(tmp_path)).begin(manifest())


def shards_in(folder: Path, form: ShardFormat, drafts: list[Draft], name: str) -> None:
    run = ShardFolder(str(folder))
    run.begin(manifest(shard_form=form))
    run.keep_settings(settings())
    lines = [
        revise(draft, iterations=1, engine=ScriptedEngine(cnr_rounds("Better."))).model_dump_json()
        for draft in drafts
    ]
    (folder / f"{name}.{form}").write_bytes(encoded(lines, form, final_only=False))


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_shards_are_gathered_into_a_store_and_new_ones_added(
    tmp_path: Path, form: ShardFormat
) -> None:
    drafts = [Draft(id=f"d{n}", response=f"Text {n}.", extra={"kind": "x"}) for n in range(4)]
    shards_in(tmp_path, form, drafts[:2], "a")
    for _ in range(2):
        with Store.open_to_read(gathered(tmp_path)) as store:
            assert [one.draft.id for one in store.trajectories()] == ["d0", "d1"]
    shards_in(tmp_path, form, drafts[2:], "b")
    with Store.open_to_read(gathered(tmp_path)) as store:
        found = list(store.trajectories())
        rows = list(store.rows(store.runs()[-1]).trajectories())
    assert [one.draft.id for one in found] == ["d0", "d1", "d2", "d3"]
    assert [[v.text for v in one.versions] for one in found] == [
        [f"Text {n}.", "Better."] for n in range(4)
    ]
    assert [row.draft.extra for row in rows] == [{"kind": "x"}] * 4


def test_an_id_with_two_contents_is_in_the_store_with_the_first(tmp_path: Path) -> None:
    drafts = [Draft(id="d", response="One."), Draft(id="d", response="Other.")]
    shards_in(tmp_path, "jsonl", drafts, "a")
    with Store.open_to_read(gathered(tmp_path)) as store:
        assert [one.draft.response for one in store.trajectories()] == ["One."]


def test_several_may_gather_at_once_and_verdicts_stay(tmp_path: Path) -> None:
    shards_in(tmp_path, "jsonl", [Draft(id="d0", response="Text.")], "a")
    question, judge = Question("", "a", "b"), info("one")
    with Verdicts.open(gathered(tmp_path)) as verdicts:  # in use while the others gather
        drafts = [Draft(id=f"d{n}", response=f"Text {n}.") for n in range(1, 200)]
        shards_in(tmp_path, "jsonl", drafts, "b")
        with ThreadPoolExecutor(4) as pool:
            paths = {one.result() for one in [pool.submit(gathered, tmp_path) for _ in range(4)]}
        verdicts.add(judge, [(question, Verdict(preference="tie"))])
    assert stored_judges(*paths) == [judge]
    with Store.open_to_read(tmp_path / GATHERED) as store:
        assert [one.draft.id for one in store.contents()] == [f"d{n}" for n in range(200)]


def test_a_shard_that_cannot_be_read_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    shards_in(tmp_path, "jsonl", [Draft(id="d0", response="Text.")], "a")
    gathered(tmp_path)
    shards_in(tmp_path, "jsonl", [Draft(id="d1", response="Text.")], "b")
    (tmp_path / "c.jsonl").write_text("torn")
    for _ in range(2):
        with pytest.raises(InputError, match="is not a shard of trajectories"):
            gathered(tmp_path)
        with Store.open_to_read(tmp_path / GATHERED) as store:
            assert [one.draft.id for one in store.contents()] == ["d0"]


async def test_the_report_reads_a_folder_of_shards(tmp_path: Path) -> None:
    shards_in(tmp_path / "out", "jsonl", [Draft(id="d0", response="Text.")], "a")
    finished = await revloop("report", "out", "-o", "r.html", folder=tmp_path)
    assert finished.code == 0, finished.err
    assert "Better." in (tmp_path / "r.html").read_text(encoding="utf-8")


async def test_another_folder_is_no_store(tmp_path: Path) -> None:
    finished = await revloop("evaluate", ".", folder=tmp_path)
    assert finished.code == 3
    assert "not one written by --ray" in finished.err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--ray", "--strict"), "--strict cannot be used with --ray"),
        (("--ray", "--store", "s.sqlite"), "--store cannot be used with --ray"),
        (("--base-url", "http://b"), "only for --ray"),
    ],
)
async def test_options_that_make_no_sense_together_are_refused(
    tmp_path: Path, option: tuple[str, ...], message: str
) -> None:
    write(tmp_path / "d.jsonl", 1)
    command = ("batch", "d.jsonl", "out", "--base-url", "http://a", *option)
    finished = await revloop(*command, folder=tmp_path)
    assert finished.code == 3
    assert message in finished.err


def test_checks_that_could_not_be_run_are_counted_by_text_over_all_shards() -> None:
    def often(draft: Draft, text: str) -> bool:
        if draft.id != "d0":
            raise OSError(f"no network for {text}")
        return True

    made = []
    for number in range(3):
        engine = ScriptedEngine(cnr_rounds(f"Text {number}."))
        draft = Draft(id=f"d{number}", response="Draft.")
        made.append(
            revise(draft, iterations=1, engine=engine, checks=[often], critique="blind").to_json()
        )
    written = counted(made[:2], ["{}"]).with_more(counted(made[2:], []))
    assert written.counts == {"written": 3, "versions": 2, "rejected": 1}
    assert written.not_run == {"often": 4}
    assert written.reasons == {"often": "OSError: no network for Draft."}


def test_the_command_tells_them_after_a_run_on_ray(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = RayOutcome(written=2, checks_not_run={"often": 4}, first_reasons={"often": "Why."})
    assert tell_outcome(outcome, "out") == 0
    assert "The check often could not be run for 4 texts: Why." in capsys.readouterr().err


def test_the_command_line_does_not_import_ray() -> None:
    code = "import sys, revloop.cli.app; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_a_folder_of_shards_is_exported_as_one_store(tmp_path: Path) -> None:
    shards_in(tmp_path / "out", "jsonl", [Draft(id="d0", response="Text.")], "a")
    finished = await revloop("export", "out", "v.jsonl", "--as", "versions", folder=tmp_path)
    assert finished.code == 0, finished.err
    assert '"id":"d0"' in (tmp_path / "v.jsonl").read_text()
