"""Feedback records of the demo's domain: the true critique of each draft, and the draft mended."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from revloop.demo.critique import mend, write_critique
from revloop.demo.messages import WordSource, draw_draft
from revloop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = WordSource(made_up=0.5, near=0.1)
"""Where the words come from: none of them is in a held-out draft."""


def demo_records(count: int, *, seed: int = 0) -> Iterator[Record]:
    """Records to fine-tune a critic of the demo's domain on, the same for the same seed.

    The critique is in free form, with the headings of the prompt set ``cnr``: the reading of the
    response comes before the score and the aspects, and so has no field of its own.

    Args:
        count: How many; the first ones are the same for any count.
        seed: Where the random choices start.
    """
    rng = Random(f"records {seed}")
    for number in range(1, count + 1):
        draft = draw_draft(rng, SOURCE)
        yield Record(
            id=f"demo-{number:04}",
            prompt=draft.prompt,
            response=draft.response,
            critique=write_critique(draft.prompt, draft.response).text(),
            revision=mend(draft.prompt, draft.response),
            source="generated",
        )
