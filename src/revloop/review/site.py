"""What all pages share: the store, the list, the templates and the fixed files."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from revloop.errors import RevloopError, needs
from revloop.evaluation import Verdicts
from revloop.report.aggregates import RESULTS
from revloop.review.access import ACCESS, name_of
from revloop.review.listing import Listing
from revloop.review.markup import HOW_TO_INSTALL, pieces, rendered
from revloop.review.voting import Voting
from revloop.store import Feedback, StoreFollower, add_version_of_person

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self, TypeVar

    from revloop.records import PersonFeedback
    from revloop.review.options import ReviewOptions

    T = TypeVar("T")

_FOLDER = Path(__file__).parent
_ASSETS = {
    "review.css": "text/css",
    "review.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


class Site:
    """The store behind the pages.

    Attributes:
        path: The store's file.
        follower: Reads its trajectories.
        verdicts: Reads its verdicts.
        listing: The list of its trajectories.
        feedback: Reads what people said about versions.
        voting: The votes of people.
    """

    def __init__(
        self, path: Path, follower: StoreFollower, verdicts: Verdicts, options: ReviewOptions
    ) -> None:
        self.path = path
        self.follower = follower
        self.verdicts = verdicts
        self.listing = Listing(follower, verdicts, options.shown_judge, by=options.by)
        self.feedback = Feedback.open_to_read(path)
        self.voting = Voting(
            *(path, follower, verdicts, self.listing),
            *(options.sample, options.seed, options.by, options.vote_round),
        )

    @classmethod
    def open(cls, path: Path, options: ReviewOptions, *, run: int | None = None) -> Self:
        """Open a store to review.

        Raises:
            StoreError: There is no such store.
            InputError: It has no such run.
            MissingExtraError: jinja2 or nh3 is not installed.
        """
        templates()
        rendered("")
        follower = StoreFollower.open(path, run=run)
        verdicts = Verdicts.open_to_read(path)
        return cls(path, follower, verdicts, options)

    async def follow(self, pause_s: float) -> None:
        """Keep the list up to date until cancelled."""
        while True:
            await asyncio.to_thread(self.listing.update)
            await asyncio.sleep(pause_s)

    def write_feedback(self, key: int, given: PersonFeedback, *, is_next: bool = False) -> int:
        """Store feedback on a trajectory; when this returns, it is on disk.

        Args:
            key: The trajectory's key.
            given: The feedback.
            is_next: Whether the corrected text, if there is one, becomes the next version.

        Returns:
            The round of the version to show: the new one, or the one that the feedback is about.
        """
        with Feedback.open(self.path) as feedback:
            stored = feedback.add(key, given)
        made = None
        if is_next and stored.revision is not None:
            made = add_version_of_person(self.path, key, stored)
        return stored.round if made is None else made

    def close(self) -> None:
        """Close everything."""
        self.feedback.close()
        self.voting.close()
        self.listing.close()
        self.verdicts.close()
        self.follower.close()


SITE = web.AppKey("site", Site)


@cache
def templates() -> Any:
    """The environment of the templates, which escapes every value.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    with needs(HOW_TO_INSTALL):
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        rendered=rendered, pieces=pieces, results=RESULTS, words=lambda name: name.replace("_", " ")
    )
    return environment


async def page(
    request: web.Request, template: str, status: int = 200, **values: object
) -> web.Response:
    """A page from a template."""
    site, access = request.app[SITE], request.app[ACCESS]
    shared: dict[str, Any] = {
        "store": site.path.name,
        "csrf": access.csrf,
        "me": name_of(request),
        "path": request.path,
    }
    render = templates().get_template(template).render
    made = await asyncio.to_thread(render, shared | values)
    return web.Response(text=made, content_type="text/html", status=status)


async def in_thread(function: Callable[..., T], *arguments: object, **named: object) -> T:
    """Call a function that reads or writes the store."""
    return await asyncio.to_thread(function, *arguments, **named)


async def asset(request: web.Request) -> web.Response:
    """A fixed file, by its exact name."""
    kind = _ASSETS.get(name := request.match_info["name"])
    if kind is None:
        raise web.HTTPNotFound
    return web.Response(body=_content(name), content_type=kind, charset="utf-8")


@cache
def _content(name: str) -> bytes:
    return (_FOLDER / "assets" / name).read_bytes()


@web.middleware
async def errors_as_pages(request: web.Request, handler: Any) -> web.StreamResponse:
    """Show refusals and errors as pages."""
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as exc:
        default = f"{exc.status}: {exc.reason}"
        message = exc.text if exc.text and exc.text != default else f"{exc.reason}."
        return _error(exc.status, message)
    except RevloopError as exc:
        return _error(503, str(exc))
    return response


def _error(status: int, message: str) -> web.Response:
    template = templates().get_template("error.html")
    text = template.render(store="", csrf="", me="", path="", status=status, message=message)
    return web.Response(text=text, content_type="text/html", status=status)
