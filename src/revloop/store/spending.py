"""What the rounds of a run took, added up by SQLite: no trajectory is read into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.trajectory import ModelUsage, Spending, Usage, summed

if TYPE_CHECKING:
    from revloop.store.file import StoreFile

_STEPS = """
WITH made (record) AS (
    SELECT v.version FROM versions v JOIN trajectories t ON t.key = v.trajectory
    WHERE t.run = :run AND v.round > 0
    UNION ALL
    SELECT ending FROM trajectories
    WHERE run = :run AND ending IS NOT NULL AND json_array_length(ending, '$.steps') > 0
)
SELECT
    coalesce(
        CASE WHEN json_extract(step.value, '$.kind') IN ('revision', 'rewrite')
             THEN json_extract(record, '$.editor.model') END,
        json_extract(record, '$.engine.model'),
        'unknown'
    ),
    count(*),
    sum(json_extract(step.value, '$.usage.prompt_tokens')),
    sum(json_extract(step.value, '$.usage.cached_tokens')),
    sum(json_extract(step.value, '$.usage.generated_tokens'))
FROM made, json_each(record, '$.steps') AS step GROUP BY 1
"""
_VERDICTS = """
SELECT
    json_extract(spent.value, '$.model'),
    sum(json_extract(spent.value, '$.requests')),
    sum(json_extract(spent.value, '$.usage.prompt_tokens')),
    sum(json_extract(spent.value, '$.usage.cached_tokens')),
    sum(json_extract(spent.value, '$.usage.generated_tokens'))
FROM versions v JOIN trajectories t ON t.key = v.trajectory,
    json_tree(v.version, '$.{place}') AS spent
WHERE t.run = :run AND spent.key = 'spent' AND spent.type = 'object' GROUP BY 1
"""
_PLACES = ("comparison", "selection.comparisons")


def stored_spending(file: StoreFile, run: int) -> Spending:
    """What the rounds of a run took, as the store has them."""
    queries = [_STEPS, *(_VERDICTS.format(place=place) for place in _PLACES)]
    return summed(
        ModelUsage(
            model=model,
            requests=requests,
            usage=Usage(
                prompt_tokens=prompt or 0, cached_tokens=cached, generated_tokens=generated or 0
            ),
        )
        for query in queries
        for model, requests, prompt, cached, generated in file.rows(query, {"run": run})
    )
