"""Trajectories and stores for reports, with texts that a careless page would execute."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from revloop.evaluation import ORIGINAL, Verdicts, pairs_of
from revloop.report import ReportSource, aggregate, open_source, write_page
from revloop.store import Store
from revloop.trajectory import (
    Critique,
    End,
    EngineInfo,
    Step,
    StopReason,
    Trajectory,
    Usage,
    Verdict,
    Version,
    as_draft,
)
from revloop.trajectory import Sampling as HowSampled
from tests.helpers.judges import by_number, info, store_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = (
    '</script><script>document.title = "run"</script>',
    '<img src=x onerror="document.title = 1">',
    "<!-- <script> \u2028 & &lt; ${slices} $script",
    '"><svg onload=alert(1)>',
)


def step(*, read: int = 100, cached: int | None = 40, written: int = 20) -> Step:
    """A request of half a second."""
    return Step(
        kind="both",
        attempt=1,
        finish_reason="stop",
        usage=Usage(prompt_tokens=read, cached_tokens=cached, generated_tokens=written),
        latency_s=0.5,
        sampling=HowSampled(),
    )


def trajectory(*texts: str, id_: str = "d", ended: bool = True, **more: Any) -> Trajectory:
    """A trajectory with these versions, each round with a critique and one request."""
    draft = {"id": id_, "prompt": "Why?", "response": texts[0], **more}
    later = (
        Version(
            round=round_,
            text=text,
            critique=Critique(raw=f"Critique of {texts[round_ - 1]}", score=5.0),
            steps=(step(),),
            engine=EngineInfo(kind="scripted", model="script"),
            created_at=NOW,
        )
        for round_, text in enumerate(texts[1:], start=1)
    )
    end = End(reason=StopReason.ROUNDS_DONE, detail="All rounds are done.") if ended else None
    first = Version(round=0, text=texts[0], created_at=NOW)
    return Trajectory(id=f"t-{id_}", draft=as_draft(draft), versions=(first, *later), end=end)


def source_of(trajectories: Iterable[Trajectory], **more: Any) -> ReportSource:
    """A source without a store."""
    known = list(trajectories)
    return ReportSource("some.sqlite", lambda: known, **more)


def write(path: Path, source: ReportSource) -> Path:
    """Write a page."""
    with path.open("w", encoding="utf-8") as file:
        write_page(file, source, aggregate(source))
    return path


def judged_store(path: Path) -> Path:
    """Twelve judged trajectories of two rounds: 4 better, 4 harmed, 4 unchanged at the end."""
    rows = [[f"5 one {n}", f"6 two {n}", f"{(9, 1)[n % 2]} three {n}"] for n in range(8)]
    rows += [[f"5 same {n}", f"6 other {n}", f"5 same {n}"] for n in range(4)]
    fields = [{"kind": "mail" if n % 3 else "note"} for n in range(12)]
    reasons = [StopReason.CYCLE if n > 7 else StopReason.ROUNDS_DONE for n in range(12)]
    store_of(path, rows, fields=fields, reasons=reasons)

    with Store.open_to_read(path) as store, Verdicts.open(path) as verdicts:
        for one in store.trajectories():
            for pair in pairs_of(one, 2, ORIGINAL):
                for question in (pair.question, pair.question.swapped):
                    said = Verdict(preference=by_number(*question[:3]), reason="By number.")
                    verdicts.add(info(), [(question, said)])
    return path


def judged_page(folder: Path, *, by: str | None = None) -> str:
    """The page of such a store."""
    with open_source(judged_store(folder / "judged.sqlite"), by=by) as source:
        return write(folder / "judged.html", source).read_text(encoding="utf-8")
