"""Feedback records of the demo's domain: true critiques and corrected drafts."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from revloop.demo.critique import correct, write_critique
from revloop.demo.messages import WordSource, draw_draft
from revloop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = WordSource(made_up=0.5, near=0.1)
"""The words of the records: none of them is in a held-out draft."""


def demo_records(count: int, *, seed: int = 0) -> Iterator[Record]:
    """Records to fine-tune a critic for the demo's domain, the same for the same seed.

    The critique is one text with the headings of the prompt set ``cnr``: a record has no field for
    the reading, which precedes the score and the aspects.

    Args:
        count: Number of records; a longer list starts with the shorter one.
        seed: Random seed.
    """
    rng = Random(f"records {seed}")
    for number in range(1, count + 1):
        draft = draw_draft(rng, SOURCE)
        yield Record(
            id=f"demo-{number:04}",
            prompt=draft.prompt,
            response=draft.response,
            critique=write_critique(draft.prompt, draft.response).text(),
            revision=correct(draft.prompt, draft.response),
            source="generated",
        )
