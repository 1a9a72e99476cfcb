r"""Real answers through a real model: what becomes of them, form by form.

    python -m benchmarks.real_answers --data FILE --base-url URL \
        "chat" "chat, one request = chat --single-pass" "chat-plain"

A form is a prompt set with further options of `revloop batch`, with a name before " = " if the two
should differ. Each form revises every answer; its figures are counted from the store by the rules
in `rules.py`, which share nothing with revloop's own guards. FILE holds one JSON object a line with
`id`, `prompt` and `response`. Forms that were measured before stay in the results.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import command_parser
from benchmarks.real_answers.counting import faulty, figures
from benchmarks.real_answers.rules import FAULTS
from benchmarks.saving import FOLDER, save
from revloop import PromptSet, Store

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "real-answers"
_ROWS = {
    "drafts": "answers",
    "without_revision": "without any revision",
    "revisions": "revisions stored",
    "unchanged": "of these: unchanged",
}
_FAULTS = {
    "preamble": "with a preamble",
    "postamble": "with a postamble",
    "critique_inside": "with critique inside",
    "template_inside": "with words of the prompt",
    "code_lost": "code block lost",
    "list_lost": "list lost",
    "short": "under 40% of the original",
    "repetition": "repetitive",
}


def measure(
    form: str, data: Path, folder: Path, options: list[str], checkout: Path | None = None
) -> dict[str, Any]:
    """Revise the answers in one form, with this revloop or another checkout's, and count."""
    environment = dict(os.environ)
    if checkout is not None:
        environment["PYTHONPATH"] = str(checkout.resolve() / "src")
    prompts, *more = shlex.split(form)
    output = folder / "revised.jsonl"
    command = [sys.executable, "-m", "revloop", "batch", str(data), str(output)]
    started = time.perf_counter()
    code = subprocess.call(
        [*command, "--prompts", prompts, "--quiet", *options, *more], env=environment
    )
    wall_s = time.perf_counter() - started
    with Store.open_to_read(f"{output}.sqlite") as store:
        trajectories = list(store.contents())
    loaded = PromptSet.load(prompts if checkout is None else checkout / "prompts" / prompts)
    revisions = "".join(json.dumps(row) + "\n" for row in faulty(trajectories, loaded))
    (folder / "revisions.jsonl").write_text(revisions, encoding="utf-8")
    return {
        "form": form,
        "prompt_set": loaded.digest,
        "exit_code": code,
        "wall_s": round(wall_s),
        **figures(trajectories, loaded),
    }


def table(forms: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures of all forms as a Markdown table."""
    lines = [
        f"| | {' | '.join(f'`{name}`' for name in forms)} |",
        "| --- |" + " ---: |" * len(forms),
    ]
    rows = [(title, [str(form[key]) for form in forms.values()]) for key, title in _ROWS.items()]
    rows += [
        (_FAULTS[fault], [str(form["faults"][fault]) for form in forms.values()])
        for fault in FAULTS
    ]
    rows += [("requests", [str(form["requests"]) for form in forms.values()])]
    tokens = [f"{form['generated_tokens']:,}" for form in forms.values()]
    rows += [("tokens generated", tokens)]
    lines += [f"| {title} | {' | '.join(values)} |" for title, values in rows]
    return "\n".join(lines)


def main() -> None:
    """Measure the forms that the command line names."""
    parser = command_parser(__doc__)
    parser.add_argument("forms", nargs="+", metavar="[NAME = ]PROMPTS [OPTION...]")
    parser.add_argument("--data", type=Path, required=True, help="the answers")
    parser.add_argument("--base-url", required=True, help="the server")
    parser.add_argument("--model-name", default="", help="what the server serves, for the record")
    parser.add_argument("--iterations", default="2")
    parser.add_argument("--checkout", type=Path, help="another checkout of revloop to run")
    parser.add_argument("--keep", type=Path, help="folder for the stores and revisions")
    arguments = parser.parse_args()
    path = FOLDER / f"{NAME}.json"
    forms = json.loads(path.read_bytes())["forms"] if path.exists() else {}
    options = ["--base-url", arguments.base_url, "--iterations", arguments.iterations]
    for form in arguments.forms:
        name, _, spelled = form.rpartition(" = ")
        name = name or spelled
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) if arguments.keep is None else arguments.keep / name
            folder.mkdir(parents=True, exist_ok=True)
            forms[name] = measure(spelled, arguments.data, folder, options, arguments.checkout)
        save(NAME, {"model": arguments.model_name, "data": arguments.data.name, "forms": forms})
    print(table(forms))


if __name__ == "__main__":
    main()
