"""The output folder of a Ray run: shards, settings and checkpoint."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from revloop.distributed.source import file_system
from revloop.errors import InputError, RunMismatchError
from revloop.files.atomic import translate_write_errors
from revloop.files.compression import translate_read_errors
from revloop.options import RunSettings, ShardFormat
from revloop.values import Frozen, explain

Known = TypeVar("Known", bound=Frozen)

REJECTED = ".rejected.jsonl"
_MANIFEST, _SETTINGS = "_run.json", "_settings.json"


class Manifest(Frozen):
    """The input and output options of a run, which must not change when it is resumed."""

    files: list[tuple[str, int]] = Field(description="Paths and sizes in bytes of the input.")
    form: str = Field(description="Format of the rows, as given.")
    fields: dict[str, str] = Field(description="revloop's field names to the input's.")
    iterations: int = Field(description="Rounds for each draft.")
    shard_form: ShardFormat = Field(description="Format of the shards.")
    final_only: bool = Field(description="Whether shards contain only final versions.")


class ShardFolder:
    """The output of a run: shards, ``_run.json`` and ``_settings.json``.

    Ray keeps its checkpoint of finished rows in a folder beside it: ``OUTPUT.checkpoint``.

    Args:
        name: A path that all machines can see, or an address (``s3://``, ``gs://``).

    Raises:
        InputError: The kind of address is unknown.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, name: str) -> None:
        bare = name.rstrip("/")
        self.name = bare if "://" in bare else str(Path(bare).absolute())
        self._system, self._path = file_system(self.name)

    @property
    def checkpoint(self) -> str:
        """Ray's folder with the keys of finished rows."""
        return f"{self.name}.checkpoint"

    def begin(self, manifest: Manifest) -> None:
        """Begin a run here, or check that an existing one can be resumed.

        Raises:
            InputError: The folder contains something else, or cannot be used.
            RunMismatchError: It contains a run with another input or other options.
        """
        kept = self._read(_MANIFEST)
        if kept is None:
            if self._names():
                raise InputError(
                    f"{self.name} is not empty and not a --ray run: use another folder."
                )
            self._write(_MANIFEST, manifest.model_dump_json(indent=1))
            return
        now, before = manifest.model_dump(), _valid(Manifest, kept, self.name).model_dump()
        differing = [name for name in now if now[name] != before[name]]
        if differing:
            raise RunMismatchError(
                f"{self.name} contains a run with other {' and '.join(differing)}. Use the same "
                "ones, or another folder."
            )

    def keep_settings(self, settings: RunSettings) -> None:
        """Store the run's settings; every actor does so, with the same ones.

        Raises:
            RunMismatchError: The run was begun with other settings.
        """
        kept = self.settings()
        if kept is None:
            self._write(_SETTINGS, settings.model_dump_json(indent=1))
        elif kept.digest != settings.digest:
            different = "; ".join(settings.differences(kept))
            raise RunMismatchError(
                f"{self.name} contains a run with other settings (now, not then): {different}. "
                "Use the settings of that run, or another folder."
            )

    def settings(self) -> RunSettings | None:
        """The run's settings; None if no trajectory was begun."""
        kept = self._read(_SETTINGS)
        return None if kept is None else _valid(RunSettings, kept, self.name)

    def manifest(self) -> Manifest:
        """The run's manifest.

        Raises:
            InputError: The folder is not that of a run.
        """
        kept = self._read(_MANIFEST)
        if kept is None:
            raise InputError(f"{self.name} is a folder, but not one written by --ray.")
        return _valid(Manifest, kept, self.name)

    def shards(self) -> list[str]:
        """Names of the files with trajectories, in order."""
        endings = (".jsonl", ".parquet")
        return [n for n in self._names() if n.endswith(endings) and not n.endswith(REJECTED)]

    def rejects(self) -> list[str]:
        """Names of the files with rejected rows, in order."""
        return [name for name in self._names() if name.endswith(REJECTED)]

    def finished(self) -> int:
        """The number of rows in finished shards."""
        import pyarrow.parquet as pq
        from pyarrow import fs

        system, path = file_system(self.checkpoint)
        pending = ".pending.parquet"
        with translate_read_errors(self.checkpoint):
            infos = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
            files = [one.path for one in infos if not one.path.endswith(pending)]
            return sum(pq.read_metadata(file, filesystem=system).num_rows for file in files)

    def _names(self) -> list[str]:
        from pyarrow import fs

        with translate_read_errors(self.name):
            found = self._system.get_file_info(fs.FileSelector(self._path, allow_not_found=True))
        return sorted(info.base_name for info in found if not info.base_name.startswith("."))

    def _read(self, name: str) -> str | None:
        from pyarrow import fs

        path = posixpath.join(self._path, name)
        with translate_read_errors(path):
            if self._system.get_file_info(path).type == fs.FileType.NotFound:
                return None
            with self._system.open_input_stream(path) as file:
                return bytes(file.read()).decode()

    def _write(self, name: str, text: str) -> None:
        path = posixpath.join(self._path, name)
        with translate_write_errors(Path(path)):
            self._system.create_dir(self._path, recursive=True)
            with self._system.open_output_stream(f"{path}.tmp") as file:
                file.write(text.encode() + b"\n")
            self._system.move(f"{path}.tmp", path)


def _valid(kind: type[Known], text: str, name: str) -> Known:
    try:
        return kind.model_validate_json(text)
    except ValidationError as exc:
        raise InputError(f"{name} contains a run that cannot be read: {explain(exc)}.") from exc
