"""A store whose revisions were written as edits: applied, applied in part, and not usable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.edits import Edit, write_edits
from revloop.reviser import Reviser
from tests.helpers.scripted_engine import ScriptedEngine, cnr_critique, plain

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.engines import Request
    from revloop.trajectory import Trajectory

PROMPT = "Write a notice for the swimming pool."
POOL = (
    "Dear swimmers,\n\nThe pool \U0001f3ca is shut in\nMay. We mend the tiles in May, and the "
    "showers too. Please go to the pool in the park, which is open every day.\n\nYour team"
)
APPLIED = (
    Edit(find="is shut in\nMay", replacement="is closed from 2 to 30 May"),
    Edit(find=" in May, and the showers too", replacement=" and repair the showers"),
    Edit(find="Your team", replacement="Your pool team"),
)
PARTLY = (
    Edit(find="is shut in May", replacement="is closed in May"),
    Edit(find="the pool", replacement="the bath"),
    Edit(find="The <b>sauna</b> \x1b[2J stays open.", replacement="The sauna is closed too."),
    Edit(find="We mend", replacement="We mend"),
    Edit(find="mend the tiles", replacement="replace the tiles"),
    Edit(find="the tiles in May", replacement="the tiles"),
    Edit(find="May", replacement="June"),
)
UNUSABLE = (Edit(find="The pool opens at nine.", replacement="The pool opens at ten."),)
REWRITE = POOL.replace("is shut in\nMay", "stays closed until June")


def _replies(request: Request) -> str:
    """Critiques, then edits by the first word of the draft's prompt; after them none."""
    prompt = plain(request.prompt)
    if "### Revised response:" in prompt:
        return REWRITE
    if "### Edits:" not in prompt:
        return cnr_critique(negative="It is vague.")
    if "Partly:" in prompt:
        first = "### Response:\nDear swimmers,\n\nThe pool \U0001f3ca is shut" in prompt
        return write_edits(PARTLY) if first else "none"
    return write_edits(UNUSABLE if "Unusable:" in prompt else APPLIED)


def edited_store(path: Path) -> list[Trajectory]:
    """Three trajectories: ``applied``, ``partly`` (with a round without edits) and ``unusable``."""
    engine = ScriptedEngine(_replies)
    with Reviser(engine=engine, prompts="cnr-edits", store=path) as reviser:
        return [
            reviser.revise(
                {"id": name, "prompt": f"{name.title()}: {PROMPT}", "response": POOL},
                iterations=iterations,
            )
            for name, iterations in (("applied", 1), ("partly", 2), ("unusable", 1))
        ]
