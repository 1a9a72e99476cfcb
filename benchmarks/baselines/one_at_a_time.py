"""One draft at a time with the OpenAI client, as in self-refine scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.baselines.work import Work, command_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop import Draft


def revise_all(work: Work, drafts: Sequence[Draft]) -> list[list[str]]:
    """The texts of each draft, version 0 first."""
    revised: list[list[str]] = []
    with work.client() as client:
        for draft in drafts:
            texts = [draft.response]
            for _ in range(work.iterations):
                request = work.critique(draft, texts[-1])
                completion = client.completions.create(**request)
                critique = work.answer(request, completion.choices[0].text)
                request = work.revision(request, critique)
                completion = client.completions.create(**request)
                answer = work.answer(request, completion.choices[0].text)
                texts.append(work.revised(answer, texts[-1]))
            revised.append(texts)
    return revised


if __name__ == "__main__":
    command_line(revise_all, __doc__)
