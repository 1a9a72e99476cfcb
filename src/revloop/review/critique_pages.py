"""Critique and correct: what a person says about a version, and how they would write it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import ValidationError

from revloop.records import Finding, PersonFeedback, record_of_person
from revloop.review.access import name_of
from revloop.review.site import SITE, in_thread, page
from revloop.values import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.review.site import Site
    from revloop.trajectory import Trajectory

_PLACE = r"/critique/{key:\d{1,18}}/{round:\d{1,5}}"
_FIELDS = ("score", "positive", "negative", "revision")


def add_to(app: web.Application) -> None:
    """Add the pages."""
    app.router.add_get(_PLACE, show_form)
    app.router.add_post(_PLACE, take_feedback)


async def show_form(request: web.Request) -> web.Response:
    """The form for a version, with what this person said before."""
    site, name = request.app[SITE], name_of(request)
    key, round_, trajectory = await _version(request)
    if not name:
        return await page(request, "who.html")
    given = await in_thread(site.feedback.on_trajectory, key)
    mine = next((one for one in given if (one.round, one.author) == (round_, name)), None)
    filled = {} if mine is None else mine.model_dump(include=set(_FIELDS), exclude_none=True)
    return await page(request, "critique.html", **_values(key, round_, trajectory, filled))


async def take_feedback(request: web.Request) -> web.Response:
    """Store feedback, or show again what cannot be stored, with the reason."""
    site, name, form = request.app[SITE], name_of(request), await request.post()
    key, round_, trajectory = await _version(request)
    if not name:
        raise web.HTTPSeeOther(request.path)
    typed = {field: _typed(str(form.get(field, ""))) for field in _FIELDS}
    given = _feedback(trajectory, round_, name, typed)
    if isinstance(given, str):
        values = _values(key, round_, trajectory, typed, wrong=given)
        return await page(request, "critique.html", 422, **values)
    shown = await in_thread(site.write_feedback, key, given, is_next="next" in form)
    raise web.HTTPSeeOther(f"/trajectory/{key}#v{shown}")


async def _version(request: web.Request) -> tuple[int, int, Trajectory]:
    key, round_ = int(request.match_info["key"]), int(request.match_info["round"])
    site: Site = request.app[SITE]
    trajectory = await in_thread(site.follower.trajectory, key)
    if trajectory is None or round_ > trajectory.rounds:
        raise web.HTTPNotFound(text="There is no such version in this run.")
    return key, round_, trajectory


def _typed(text: str) -> str:
    """A text as it was typed: browsers send line ends as CR LF."""
    return text.replace("\r\n", "\n")


def _feedback(
    trajectory: Trajectory, round_: int, author: str, typed: Mapping[str, str]
) -> PersonFeedback | str:
    """What was typed as feedback, or why it makes no record."""
    given = {name: text for name, text in typed.items() if text.strip()}
    if given.get("revision") == _typed(trajectory.versions[round_].text):
        del given["revision"]
    fields = {"round": round_, "author": author, "given_at": datetime.now(UTC), **given}
    try:
        feedback = PersonFeedback.model_validate(fields)
    except ValidationError as exc:
        return explain(exc)
    entry = record_of_person(1, trajectory, feedback)
    return entry.reason if isinstance(entry, Finding) else feedback


def _values(
    key: int, round_: int, trajectory: Trajectory, filled: Mapping[str, Any], wrong: str = ""
) -> dict[str, Any]:
    text = trajectory.versions[round_].text
    return {
        "key": key,
        "round": round_,
        "id": trajectory.draft.id,
        "turns": [{"role": m.role, "text": m.content} for m in trajectory.draft.conversation],
        "text_of_version": text,
        "filled": {"score": "", "positive": "", "negative": "", "revision": text, **filled},
        "wrong": wrong,
    }
