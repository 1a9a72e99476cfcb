"""The run folder: the critic, and what it takes to repeat or resume its training.

==================  =======================================================================
name                content
==================  =======================================================================
``run.json``        base, settings, digests of records and prompt set, versions
``checkpoints/``    the best and the last checkpoint, with optimizer and random state
``metrics.jsonl``   a line for each step and each evaluation
``curves.png``      the metrics as curves
``adapter/``        the LoRA adapter, if one was trained
``model/``          the critic, a model folder to serve
==================  =======================================================================
"""

from __future__ import annotations

import json
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from revloop._version import __version__
from revloop.errors import InputError
from revloop.finetune.settings import FinetuneSettings
from revloop.values import Frozen, explain

if TYPE_CHECKING:
    from pathlib import Path

_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "bitsandbytes")
_STATE = "trainer_state.json"
_CHECKPOINT = "checkpoint-"


class Identity(Frozen):
    """Everything that decides the weights; a run is resumed only if it is the same."""

    base: str
    settings: FinetuneSettings
    prompt_set_digest: str
    training_digest: str
    validation_digest: str

    def differences(self, other: Identity) -> list[str]:
        """The differences, as ``name: own value, not other value``."""
        mine, theirs = _flat(self.model_dump(mode="json")), _flat(other.model_dump(mode="json"))
        return [
            f"{k}: {mine[k]!r}, not {theirs.get(k)!r}" for k in mine if mine[k] != theirs.get(k)
        ]


class RunFile(Frozen):
    """The content of ``run.json``."""

    identity: Identity
    records: str
    validation: str | None
    training_records: int
    validation_records: int
    processes: int
    versions: dict[str, str]


class TrainingFolder:
    """The files of a run folder; the table above lists them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.model = path / "model"
        self.adapter = path / "adapter"
        self._metrics = path / "metrics.jsonl"
        self._file = path / "run.json"

    def check_new(self) -> None:
        """Check that a new run overwrites nothing.

        Raises:
            InputError: The folder is not empty, or is a file.
        """
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise InputError(f"{self.path} is a file. Name a folder for the run (--output).")
        if any(self.path.iterdir()):
            hint = " To resume its run, add --resume." if self._file.is_file() else ""
            raise InputError(
                f"{self.path} is not empty, and nothing in it will be overwritten. Name a new "
                f"folder (--output).{hint}"
            )

    def check_same(self, identity: Identity) -> None:
        """Check that the folder holds the requested run.

        Raises:
            InputError: There is no run, or its base, settings or records differ.
        """
        try:
            found = RunFile.model_validate_json(self._file.read_bytes())
        except FileNotFoundError as exc:
            raise InputError(f"{self.path} holds no run to resume: there is no run.json.") from exc
        except OSError as exc:
            raise InputError(f"{self._file} cannot be read: {exc.strerror}.") from exc
        except ValidationError as exc:
            raise InputError(f"{self._file} is not a run of this version: {explain(exc)}.") from exc
        if differences := identity.differences(found.identity):
            raise InputError(
                f"The run in {self.path} was made differently: {'; '.join(differences)}. Resume "
                "it as it was, or name a new folder (--output)."
            )

    def start(self, run: RunFile) -> None:
        """Create the folder and write ``run.json``."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._file.write_text(run.model_dump_json(indent=2) + "\n", encoding="utf-8")

    def last_checkpoint(self) -> Path | None:
        """The last complete checkpoint: the trainer writes its state last."""
        complete = [path.parent for path in self.checkpoints.glob(f"{_CHECKPOINT}*/{_STATE}")]
        return max(complete, key=_step, default=None)

    def best_checkpoint(self) -> Path | None:
        """The checkpoint with the lowest validation loss, or the last one without validation."""
        last = self.last_checkpoint()
        if last is None:
            return None
        best = self.checkpoints / f"{_CHECKPOINT}{_state(last).get('best_global_step')}"
        return best if (best / _STATE).is_file() else last

    def drop_broken_checkpoints(self) -> None:
        """Remove incomplete checkpoints of a killed process."""
        for path in self.checkpoints.glob(f"{_CHECKPOINT}*"):
            if not (path / _STATE).is_file():
                shutil.rmtree(path)

    def history(self) -> list[dict[str, float]]:
        """The metrics of all steps up to the last checkpoint."""
        last = self.last_checkpoint()
        return [] if last is None else list(_state(last)["log_history"])

    def write_metrics(self, history: list[dict[str, float]]) -> None:
        """Rewrite ``metrics.jsonl``, so that a resumed run lists no step twice."""
        lines = "".join(json.dumps(row) + "\n" for row in history)
        self._metrics.write_text(lines, encoding="utf-8")

    def add_metrics(self, row: dict[str, float]) -> None:
        """Append a step or an evaluation to ``metrics.jsonl``."""
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def versions() -> dict[str, str]:
    """Versions of revloop, Python and the training libraries."""
    found = {"revloop": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix(_CHECKPOINT))


def _state(checkpoint: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
    return state


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
