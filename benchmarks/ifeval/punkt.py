"""The sentence tokenizer that IFEval's verifiers need, from the package index.

    python -m benchmarks.ifeval.punkt build/nltk

The verifiers otherwise download NLTK's `punkt_tab` from GitHub. The package `llama-index-core`
contains it; none of its code is run. `NLTK_DATA=build/nltk` names the folder.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from benchmarks.arguments import command_parser

PACKAGE = "llama-index-core==0.14.25"
INSIDE = "llama_index/core/_static/nltk_cache/"
FILES = "tokenizers/punkt_tab/english/"


def unpack(wheel: Path, folder: Path) -> None:
    """Take the tokenizer out of a wheel.

    Raises:
        SystemExit: The wheel does not have it.
    """
    with zipfile.ZipFile(wheel) as package:
        names = [name for name in package.namelist() if name.startswith(INSIDE + FILES)]
        if not names:
            raise SystemExit(f"{wheel.name} has no {FILES}: name another version in {__file__}.")
        for name in names:
            file = folder / name.removeprefix(INSIDE)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(package.read(name))


def main() -> None:
    """Make the folder, unless it is there."""
    parser = command_parser(__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if (folder / FILES).exists():
        print(f"{folder} is there")
        return
    with tempfile.TemporaryDirectory() as temporary:
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary)
        subprocess.run([*pip, PACKAGE], check=True)
        unpack(next(Path(temporary).glob("*.whl")), folder)
    print(f"written to {folder}")


if __name__ == "__main__":
    main()
