"""An option that is added to one model is everywhere, with no other edit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import revloop

FIELD = """
    novelty: Annotated[int, Flag(metavar="N")] = Field(
        default=7, ge=1, le=9, description="How new it is."
    )
"""
CLASS = '''class LoopOptions(SettledOptions):
    """What a user may choose of the loop; None leaves the choice to the prompt set."""
'''
LOOK = """
import json, pickle, sys
from typer.testing import CliRunner
from revloop import Reviser
from revloop.cli import batch, batch_ray, revise
from revloop.cli.app import app
from revloop.options import LoopOptions

seen = {}

class Seen(Exception):
    pass

def opened(name):
    def opening(*_, loop, **__):
        seen[name] = loop.novelty
        raise Seen
    return opening

def on_ray(rows, actor, ray):
    seen["Ray"] = pickle.loads(pickle.dumps(actor)).loop.novelty
    raise Seen

revise.Reviser, batch.AsyncReviser = opened("revise"), opened("batch")
batch_ray.batch_on_ray = on_ray

def run(*words):
    result = CliRunner().invoke(app, [*words])
    assert result.exception is None or isinstance(result.exception, Seen), result.exception
    return result.stdout

for words in ("revise", "batch", "bench throughput", "demo"):
    seen["help of " + words] = run(*words.split(), "--help")
run("revise", "Good.", "--model", "demo", "--novelty", "1")
run("batch", "in.jsonl", "out.jsonl", "--model", "demo", "--novelty", "2")
run("batch", "in.jsonl", "shards", "--ray", "--model", "demo", "--novelty", "3")
seen["Python"] = Reviser(model="demo", novelty=4)._reviser._loop_options.novelty
seen["model"] = Reviser(model="demo", loop=LoopOptions(novelty=5))._reviser._loop_options.novelty
seen["default"] = json.loads(run("config", "--json"))["loop"]["novelty"]
open("revloop.toml", "w").write("[loop]\\nnovelty = 6\\n")
run("revise", "Good.", "--model", "demo")
seen["file"] = seen.pop("revise")
run("revise", "Good.", "--model", "demo", "--novelty", "1")
seen["told"] = json.loads(run("config", "--json"))["loop"]["novelty"]
open("revloop.toml", "w").write("[loop]\\nnovelty = 60\\n")
seen["refused"] = str(CliRunner().invoke(app, ["config"]).exception)
print(json.dumps(seen))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of revloop whose loop has one option more."""
    source, copy = Path(revloop.__file__).parent, tmp_path / "revloop"
    models = ("critic", "base")
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", *models))
    for name in models:
        (copy / "demo" / name).symlink_to(source / "demo" / name)
    module = copy / "options" / "loop.py"
    text = module.read_text(encoding="utf-8")
    assert text.count(CLASS) == 1
    module.write_text(text.replace(CLASS, CLASS + FIELD), encoding="utf-8")
    return tmp_path


def test_an_option_added_to_one_model_is_everywhere(package: Path) -> None:
    (package / "in.jsonl").write_text('{"response": "Good."}\n', encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(package), "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=package,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    for words in ("revise", "batch", "bench throughput", "demo"):
        shown = " ".join(seen.pop(f"help of {words}").replace("│", " ").split())
        assert "--novelty N How new it is. [1 to 9; default: 7]" in shown
    refused = seen.pop("refused")
    assert "revloop.toml: [loop] novelty: Input should be less than or equal to 9" in refused
    assert seen == {
        "revise": 1,
        "batch": 2,
        "Ray": 3,
        "Python": 4,
        "model": 5,
        "file": 6,
        "default": {"value": 7, "source": "default"},
        "told": {"value": 6, "source": "revloop.toml"},
    }
