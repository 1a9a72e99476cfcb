"""Vote: two texts side by side, blind, one key for each answer."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from aiohttp import web

from revloop.review.access import name_of
from revloop.review.markup import pieces
from revloop.review.site import SITE, in_thread, page

if TYPE_CHECKING:
    from revloop.review.site import Site

_DIGEST_CHARACTERS = 64


def add_to(app: web.Application) -> None:
    """Add the pages."""
    app.router.add_get("/vote", show_pair)
    app.router.add_post("/vote", take_vote)


async def show_pair(request: web.Request) -> web.Response:
    """The next pair to vote on, or what the votes say of agreement."""
    site, name = request.app[SITE], name_of(request)
    if not name:
        return await page(request, "who.html")
    wanted = request.query.get("pair", "")[:_DIGEST_CHARACTERS]
    return await page(request, "vote.html", **await in_thread(_values, site, name, wanted))


async def take_vote(request: web.Request) -> web.Response:
    """Store a vote, a skip or their undoing, and go on."""
    site, name, form = request.app[SITE], name_of(request), await request.post()
    if not name:
        raise web.HTTPSeeOther("/vote")
    choice, pair, note = (str(form.get(field, "")) for field in ("choice", "pair", "note"))
    if choice == "undo":
        raise web.HTTPSeeOther(f"/vote?pair={await in_thread(site.voting.undo, name)}")
    if choice == "skip":
        await in_thread(site.voting.skip, name, pair)
    elif not await in_thread(site.voting.vote, name, pair, choice, note):
        raise web.HTTPConflict(
            text="The store no longer has this pair: a batch has replaced one of its texts. "
            "Nothing was stored."
        )
    raise web.HTTPSeeOther("/vote")


def _values(site: Site, name: str, wanted: str) -> dict[str, Any]:
    ballot = site.voting.ballot(name, wanted)
    pair = ballot.next
    question = None if pair is None else site.voting.question(name, pair)
    trajectory = None if pair is None else site.follower.trajectory(pair.key)
    return {
        "ballot": ballot,
        "pair": None if pair is None or question is None else pair.digest,
        "question": question,
        "turns": []
        if trajectory is None
        else [{"role": m.role, "text": m.content} for m in trajectory.draft.conversation],
        "changes": None if question is None else pieces(question.first, question.second),
        "minutes": None if ballot.left_s is None else max(1, round(ballot.left_s / 60)),
        "others": site.voting.agreement(name) if pair is None else [],
        "round": site.voting.key.round,
        "is_read": site.listing.pairs_mark > 0,
        "figures": shlex.join(["revloop", "evaluate", site.path.name, "--judge", name]),
    }
