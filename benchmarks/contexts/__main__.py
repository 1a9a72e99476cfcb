r"""Shared and fresh contexts: do they change the revisions, or only how the model rates them?

    python -m benchmarks.contexts --data FOLDER --model FOLDER [--prompts N] [--keep FOLDER]

A model answers prompts of IFEval and revises its answers, once in the conversation of the critique
and once in a new one (`--fresh-editor`). Whether a text follows its prompt is known from IFEval's
verifiers, strictly. The model rates each text too: in a new conversation, and at the end of the
one in which it was written. A rating is the mean of the numbers 1 to 9, weighted by the probability
of each after "Overall score: ". Writes `benchmarks/results/contexts.json`.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import anyio

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.contexts.counting import Rated, figures
from benchmarks.contexts.rating import Rater
from benchmarks.ifeval.__main__ import model_address
from benchmarks.ifeval.arms import SAMPLING
from benchmarks.ifeval.drafting import Pool, first_drafts
from benchmarks.ifeval.prompts import chosen_rows
from benchmarks.ifeval.verifying import verified
from benchmarks.saving import save
from benchmarks.serving import MOST_REQUESTS
from revloop import PromptSet, arevise_many
from revloop.concurrency import task_group
from revloop.engines import HttpEngine
from revloop.prompts.contexts import in_fresh_context
from revloop.trajectory import Sampling

if TYPE_CHECKING:
    from revloop import Trajectory

NAME = "contexts"
FOLDER = Path(__file__).parent
DRAFT_TOKENS = 512
OPTIONS: dict[str, Any] = {
    **SAMPLING,
    "revision_max_tokens": 640,
    "tries": 3,
    # a revision may have to be shorter, or to lose a list, to follow its prompt
    "no_guards": ["too_short", "lost_list", "lost_numbers", "about_itself"],
}


def prompt_set(folder: Path) -> PromptSet:
    """`chat-plain`, but asking for revisions in the critique's conversation unless told not to."""
    copied = folder / NAME
    if not copied.exists():
        shutil.copytree(FOLDER.parents[1] / "prompts" / "chat-plain", copied)
        (copied / "bridge.txt").rename(copied / "fresh.txt")
        shutil.copy(FOLDER / "bridge.txt", copied)
        settings = (copied / "settings.toml").read_text("utf-8")
        (copied / "settings.toml").write_text(settings.replace('context = "fresh"\n', ""), "utf-8")
    return PromptSet.load(copied)


async def rated(
    trajectory: Trajectory, prompts: PromptSet, rater: Rater, session: aiohttp.ClientSession
) -> list[Rated]:
    """The texts of a trajectory, by round."""
    draft, found = trajectory.draft, list[Rated]()
    for version in trajectory.versions:
        shared = None
        if version.critique is not None:
            before = trajectory.base_of(version).text
            asked = prompts.revision_prompt_of(draft, before, version.critique.raw)
            if isinstance(asked, str):
                raise TypeError("The prompt set is not for chat.")
            shared = await rater.shared(session, asked, version.text)
        follows = all(verified(draft.extra, draft.prompt_text, version.text))
        found.append(Rated(follows, await rater.fresh(session, draft, version.text), shared))
    return found


async def measure(arguments: Any, address: str, folder: Path) -> dict[str, Any]:
    """Draft, revise in both contexts, and rate."""
    rows = await anyio.to_thread.run_sync(chosen_rows, arguments.data, arguments.prompts)
    prompts = prompt_set(folder)
    options = {**OPTIONS, "prompts": folder / NAME, "iterations": arguments.iterations}
    engine = await HttpEngine.connect(address)
    rater = Rater(address, arguments.model, engine.info.model)
    found: dict[str, Any] = {}
    try:
        pool, sampling = Pool(folder / "drafts.jsonl", engine), Sampling(temperature=0.0, seed=0)
        drafts = await first_drafts(rows, pool, sampling, DRAFT_TOKENS)

        async def revise(way: str) -> None:
            is_fresh, store = way == "fresh", folder / f"{way}.sqlite"
            given = {**options, "fresh_editor": is_fresh, "engine": engine, "store": store}
            done = arevise_many(drafts, max_concurrency=MOST_REQUESTS, **given)
            trajectories = [one async for one in done]
            words = in_fresh_context(prompts) if is_fresh else prompts
            async with aiohttp.ClientSession() as session:
                texts = [await rated(one, words, rater, session) for one in trajectories]
            found[way] = figures(texts)

        async with task_group() as tasks:
            for way in ("shared", "fresh"):
                tasks.start_soon(revise, way)
    finally:
        await engine.aclose()
    return {"model": engine.info.model, "prompts": len(rows), "contexts": found}


def main() -> None:
    """Measure both contexts."""
    parser = command_parser(__doc__)
    add_data_option(parser, "the file ifeval/prompts.jsonl")
    parser.add_argument("--model", type=Path, required=True, help="a model's folder")
    parser.add_argument("--base-url", help="a server that serves it; else one is started")
    parser.add_argument("--prompts", type=int, help="a random sample of so many prompts")
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for drafts and stores")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with model_address(arguments) as address:
            save(NAME, anyio.run(measure, arguments, address, folder))


if __name__ == "__main__":
    main()
