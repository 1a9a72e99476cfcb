"""Connections to a store's file, and tables of their own beside its versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from revloop.store.file import StoreFile

if TYPE_CHECKING:
    from types import TracebackType


class StoreConnection:
    """A connection to a store, closed at the end of a ``with`` block.

    Args:
        file: The opened file.
    """

    def __init__(self, file: StoreFile) -> None:
        self._file = file

    @property
    def moment(self) -> int:
        """Changes whenever another connection has committed something."""
        return self._file.pragma("data_version")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class StoreTables(StoreConnection):
    """Tables in a store's file, created when it is first opened to write them."""

    schema: ClassVar[str]
    """Creates the tables unless they exist."""

    def __init__(self, file: StoreFile) -> None:
        super().__init__(file)
        self._found: set[str] = set()

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open the tables of an existing store, to read and write.

        Raises:
            StoreError: There is no such store, or it cannot be written.
        """
        return cls(StoreFile.open(Path(path), more_tables=cls.schema))

    @classmethod
    def open_to_read(cls, path: str | Path) -> Self:
        """Open the tables of a store to read; they may not exist yet.

        Raises:
            StoreError: There is no such store.
        """
        return cls(StoreFile.open_to_read(Path(path)))

    def _has(self, table: str) -> bool:
        """Whether a table exists by now."""
        if table not in self._found and self._file.rows(
            "SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)
        ):
            self._found.add(table)
        return table in self._found
