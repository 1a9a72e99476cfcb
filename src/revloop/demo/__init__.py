"""The demo: a narrow domain with an exact judge, and the critic that ships for it.

A prompt states the facts of a short everyday message; the response is corrupted with up to five
faults. The critic was trained on generated messages; the drafts here contain names, things and
colours that are not in its training data.
"""

from pathlib import Path
from random import Random

from revloop.demo.messages import HELD_OUT_SOURCE, draw_draft
from revloop.trajectory import Draft

CRITIC_FOLDER = Path(__file__).parent / "critic"
"""The model folder of the critic that ships with revloop."""

BASE_FOLDER = Path(__file__).parent / "base"
"""The model folder of the instruct base that the critic was fine-tuned from."""


def demo_drafts(count: int, *, seed: int = 0, faults: tuple[int, int] | None = None) -> list[Draft]:
    """Held-out drafts of the demo's domain, the same for the same seed.

    Args:
        count: Number of drafts; a longer list starts with the shorter one.
        seed: Random seed.
        faults: Fewest and most faults of a draft, 0 to 5. None: one draft in ten has no fault, the
            others one to five.
    """
    random = Random(f"held out {seed}")
    drawn = [draw_draft(random, HELD_OUT_SOURCE, faults=faults) for _ in range(count)]
    return [
        Draft(id=f"demo-{number:04}", prompt=draft.prompt, response=draft.response)
        for number, draft in enumerate(drawn, start=1)
    ]
