"""The demo: a narrow domain that can be judged exactly, and the critic that ships for it.

Short everyday messages are written from a prompt that states their facts, and corrupted with up to
five faults. The critic was trained on generated ones; the drafts here hold names, things and
colours that its training never saw.
"""

from pathlib import Path
from random import Random

from revloop.demo.messages import HELD_OUT_SOURCE, draw_draft
from revloop.trajectory import Draft

CRITIC_FOLDER = Path(__file__).parent / "critic"
"""Folder of the critic that ships with revloop: a model folder like any other."""

BASE_FOLDER = Path(__file__).parent / "base"
"""Folder of the instruct base that the critic was fine-tuned from."""


def demo_drafts(count: int, *, seed: int = 0, faults: tuple[int, int] | None = None) -> list[Draft]:
    """Held-out drafts of the demo's domain, the same for the same seed.

    Args:
        count: How many; the first ones are the same for any count.
        seed: Where the random choices start.
        faults: The fewest and the most faults of a draft, 0 to 5. None: one draft in ten is free
            of faults, the others have one to five.
    """
    random = Random(f"held out {seed}")
    drawn = [draw_draft(random, HELD_OUT_SOURCE, faults=faults) for _ in range(count)]
    return [
        Draft(id=f"demo-{number:04}", prompt=draft.prompt, response=draft.response)
        for number, draft in enumerate(drawn, start=1)
    ]
