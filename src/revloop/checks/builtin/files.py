"""Files that settings name: relative to the folder of the file that has the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

FOLDER = "folder"
"""Key of the validation context for the folder."""


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    return Path((info.context or {}).get(FOLDER, ""), path)


FromFolder = Annotated[Path, AfterValidator(_from_folder)]
