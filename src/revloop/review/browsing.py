"""Browse: the list of trajectories, one of them, and the progress of a running batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, get_args
from urllib.parse import urlencode

from aiohttp import web

from revloop.evaluation import ORIGINAL, pairs_of
from revloop.evaluation.sheets import human_judge
from revloop.report.details import details_of
from revloop.report.source import ReportSource
from revloop.review.access import name_of
from revloop.review.listing import SortedBy, Wanted
from revloop.review.markup import pieces
from revloop.review.site import SITE, in_thread, page

if TYPE_CHECKING:
    from revloop.evaluation import Question
    from revloop.review.site import Site
    from revloop.trajectory import JudgeInfo, Trajectory, Verdict

_TEXT_CHARACTERS = 1000
_SORTS = get_args(SortedBy)


def add_to(app: web.Application) -> None:
    """Add the pages."""
    app.router.add_get("/", show_list)
    app.router.add_get("/lines", show_lines)
    app.router.add_get("/progress", show_progress)
    app.router.add_get(r"/trajectory/{key:\d{1,18}}", show_trajectory)


async def show_list(request: web.Request) -> web.Response:
    """The list with its filters."""
    site, wanted = request.app[SITE], _wanted(request)
    values = await in_thread(_values_of_list, site, wanted)
    return await page(request, "list.html", **values)


async def show_lines(request: web.Request) -> web.Response:
    """The lines of the list alone, to put in the place of older ones."""
    values = await in_thread(_values_of_list, request.app[SITE], _wanted(request))
    return await page(request, "lines.html", **values)


async def show_progress(request: web.Request) -> web.Response:
    """How far the batch is, as JSON."""
    site, key = request.app[SITE], request.query.get("key", "")
    found = await in_thread(_progress, site)
    if key.isdecimal() and len(key) < 19:
        found["trajectory"] = await in_thread(site.follower.changes_of, int(key))
    return web.json_response(found)


async def show_trajectory(request: web.Request) -> web.Response:
    """One trajectory: two versions side by side, and every round."""
    site, key = request.app[SITE], int(request.match_info["key"])
    trajectory = await in_thread(site.follower.trajectory, key)
    if trajectory is None:
        raise web.HTTPNotFound(text="There is no such trajectory in this run.")
    sides = _sides(request, trajectory)
    values = await in_thread(_values_of, site, key, trajectory, sides, name_of(request))
    return await page(request, "trajectory.html", **values)


class Sides(NamedTuple):
    """The rounds of the two versions that are shown side by side."""

    left: int
    right: int


def is_shown(site: Site, judge: JudgeInfo, question: Question, me: JudgeInfo | None) -> bool:
    """Whether a reviewer may see a judge's verdict: that of a person only after their own."""
    if judge.kind != "people":
        return True
    if me is None:
        return False
    own = (site.verdicts.get(me, one) for one in question.orders)
    return judge.digest == me.digest or any(verdict is not None for verdict in own)


def _wanted(request: web.Request) -> Wanted:
    given = {name: request.query.get(name, "")[:_TEXT_CHARACTERS] for name in Wanted._fields}
    number = given["page"]
    return Wanted(
        text=given["text"],
        result=given["result"],
        reason=given["reason"],
        field=given["field"],
        value=given["value"],
        sort=next((sort for sort in _SORTS if sort == given["sort"]), "harm"),
        page=int(number) if number.isdecimal() and len(number) < 10 else 1,
    )


def _values_of_list(site: Site, wanted: Wanted) -> dict[str, Any]:
    listing = site.listing
    chosen = wanted._replace(page=1)._asdict().items()
    query = {name: value for name, value in chosen if value != Wanted._field_defaults[name]}
    return {
        "wanted": wanted,
        "listed": listing.page(wanted),
        "by_result": listing.counts("result"),
        "by_reason": listing.counts("reason"),
        "fields": listing.field_names(),
        "sorts": _SORTS,
        "query": urlencode(query),
        "progress": _progress(site),
    }


def _progress(site: Site) -> dict[str, Any]:
    contents, read = site.follower.contents(), site.listing.size
    return {
        "mark": site.listing.mark,
        "trajectories": contents.trajectories,
        "ended": contents.ended,
        "rejected": contents.rejected,
        "is_running": contents.is_reading or contents.ended < contents.trajectories,
        "listed": read,
        "pairs_known": site.listing.pairs_mark > 0,
        "judge": None if site.listing.judge is None else site.listing.judge.name,
    }


def _sides(request: web.Request, trajectory: Trajectory) -> Sides:
    def of(name: str, default: int) -> int:
        given = request.query.get(name, "")
        is_round = given.isdecimal() and len(given) < 6 and int(given) <= trajectory.rounds
        return int(given) if is_round else default

    return Sides(of("left", 0), of("right", trajectory.kept))


def _values_of(
    site: Site, key: int, trajectory: Trajectory, sides: Sides, name: str
) -> dict[str, Any]:
    left, right = (trajectory.versions[round_] for round_ in sides)
    edits = right.edits if right.round and trajectory.base_of(right) is left else None
    before, after = site.listing.beside(key)
    versions = trajectory.versions
    return {
        "key": key,
        "one": details_of(trajectory, _source_for(site, trajectory, name)),
        "trajectory": trajectory,
        "feedback": site.feedback.on_trajectory(key),
        "sides": sides,
        "changes": pieces(left.text, right.text, edits),
        "rounds": [(version, trajectory.base_of(version)) for version in versions[1:]],
        "before": before,
        "after": after,
        "mark": len(versions) + (trajectory.end is not None),
    }


def _source_for(site: Site, trajectory: Trajectory, name: str) -> ReportSource:
    """The verdicts that a reviewer may see."""
    me = human_judge(name) if name else None
    questions: dict[Question, Question] = {}
    for pair in pairs_of(trajectory, trajectory.rounds, ORIGINAL):
        questions |= dict.fromkeys(pair.question.orders, pair.question)

    def visible(judge: JudgeInfo, question: Question) -> Verdict | None:
        may = is_shown(site, judge, questions[question], me)
        return site.verdicts.get(judge, question) if may else None

    return ReportSource(site.path.name, lambda: (), site.verdicts.judges(), visible)
