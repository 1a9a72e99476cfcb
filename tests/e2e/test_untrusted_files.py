"""Untrusted files are data: a model, a store or a prompt set cannot run code."""

from __future__ import annotations

import json
import pickle
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from revloop import Draft, PromptSet, revise
from revloop.engines import TransformersEngine
from revloop.errors import ModelConfigError, PromptSetError, StoreError
from revloop.store import Store
from tests.helpers.repository import REPOSITORY, TINY_CRITIC
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds

CODE = "from pathlib import Path\nPath({!r}).touch()\nclass Evil: pass\n"


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder of one's own."""
    return Path(shutil.copytree(TINY_CRITIC, tmp_path / "model"))


def change_config(model: Path, **changes: Any) -> None:
    path = model / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), encoding="utf-8")


# models


def test_the_trap_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Touch(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


def test_pickled_weights_are_not_loaded(model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Touch(tmp_path / "ran")))
    with pytest.raises(ModelConfigError, match="cannot be loaded"):
        TransformersEngine.from_model(str(model))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["falcon", "stranger"])
def test_code_that_comes_with_a_model_is_not_run(model: Path, tmp_path: Path, kind: str) -> None:
    code = CODE.format(str(tmp_path / "ran"))
    (model / "evil.py").write_text(code, encoding="utf-8")
    autos = ("AutoConfig", "AutoModelForCausalLM", "AutoTokenizer")
    change_config(model, model_type=kind, auto_map=dict.fromkeys(autos, "evil.Evil"))
    try:
        TransformersEngine.from_model(str(model))
    except ModelConfigError:
        assert kind == "stranger"
    assert not (tmp_path / "ran").exists()


# prompt sets


@pytest.mark.parametrize(
    "text",
    [
        "${prompt.__class__} ${response}",
        "${prompt!r} ${response}",
        "${response} ${__import__('os')} ${prompt}",
        "$(id) ${prompt} ${response}",
    ],
)
def test_a_template_that_wants_more_than_a_value_is_refused(tmp_path: Path, text: str) -> None:
    folder = Path(shutil.copytree(REPOSITORY / "prompts" / "cnr", tmp_path / "set"))
    (folder / "critique.txt").write_text(text, encoding="utf-8")
    with pytest.raises(PromptSetError, match=r"critique\.txt"):
        PromptSet.load(folder)


@pytest.mark.parametrize("text", ["{{ 7*7 }}", "{% import os %}", "{0.__class__}", "%(x)s", "`id`"])
def test_other_languages_of_templates_are_text(tmp_path: Path, text: str) -> None:
    folder = Path(shutil.copytree(REPOSITORY / "prompts" / "cnr", tmp_path / "set"))
    (folder / "critique.txt").write_text(f"{text} ${{prompt}}\n${{response}}", encoding="utf-8")
    rendered = PromptSet.load(folder).critique_prompt(Draft(prompt="p", response="r"), "r")
    assert rendered == f"{text} p\nr"


def test_code_in_a_folder_of_prompts_is_not_run(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(REPOSITORY / "prompts" / "cnr", tmp_path / "set"))
    for name in ("__init__.py", "settings.py", "sitecustomize.py"):
        (folder / name).write_text(CODE.format(str(tmp_path / "ran")), encoding="utf-8")
    PromptSet.load(folder)
    assert not (tmp_path / "ran").exists()


# stores


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "versions.sqlite"
    revise(
        {"id": "a", "response": "Good."},
        iterations=1,
        store=path,
        engine=ScriptedEngine(cnr_rounds("Better.")),
    )
    return path


TRAPS = {
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON versions BEGIN DELETE FROM versions; END",
    "a view": "ALTER TABLE versions RENAME TO hidden; CREATE VIEW versions AS SELECT * FROM hidden",
    "a view with a function": "DROP TABLE versions; CREATE VIEW versions AS "
    "SELECT load_extension('x') AS trajectory, 1 AS round, 'x' AS version",
}


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS.keys())
@pytest.mark.parametrize("open_", [Store.open, Store.open_to_read], ids=["write", "read"])
def test_a_store_with_a_schema_that_acts_is_refused(store: Path, trap: str, open_: Any) -> None:
    with sqlite3.connect(store) as connection:
        connection.executescript(trap)
    connection.close()
    with pytest.raises(StoreError, match="trigger or a view"):
        open_(store)


def test_a_pickle_in_a_store_is_a_row_that_cannot_be_read(store: Path, tmp_path: Path) -> None:
    with sqlite3.connect(store) as connection:
        trap = pickle.dumps(Touch(tmp_path / "ran"), protocol=0).decode("latin-1")
        connection.execute("UPDATE versions SET version = ? WHERE round = 1", (trap,))
    connection.close()
    with (
        Store.open_to_read(store) as opened,
        pytest.raises(StoreError, match="it has an unreadable row"),
    ):
        list(opened.trajectories())
    assert not (tmp_path / "ran").exists()
