"""Entering: by the token in the address or by the password, and saying one's name."""

from __future__ import annotations

from aiohttp import web

from revloop.review.access import ACCESS, TOKEN, remember_name
from revloop.review.site import page


def add_to(app: web.Application) -> None:
    """Add the pages."""
    app.router.add_get("/enter", enter)
    app.router.add_post("/enter", enter_by_password)
    app.router.add_post("/name", set_name)


async def enter(request: web.Request) -> web.Response:
    """Exchange the token for a cookie, or ask for the password.

    The answer is a page that goes on by itself, not a redirect: a browser that was sent here by a
    link of another site would not bring the cookie after a redirect.
    """
    access = request.app[ACCESS]
    to = _inside(request.query.get("to", "/"))
    if access.password is not None:
        return await page(request, "password.html", to=to, wrong=False)
    given = request.query.get(TOKEN, "")
    if not access.is_token(given):
        raise web.HTTPUnauthorized(
            text="This address holds an old key: open the one that revloop review printed last."
        )
    return access.enter(await page(request, "entered.html", to=to))


async def enter_by_password(request: web.Request) -> web.Response:
    """Exchange the password for a cookie."""
    access, form = request.app[ACCESS], await request.post()
    to = _inside(str(form.get("to", "/")))
    if not await access.is_password(str(form.get("password", ""))):
        return await page(request, "password.html", 403, to=to, wrong=True)
    response = access.enter(await page(request, "entered.html", to=to))
    if name := str(form.get("name", "")):
        remember_name(response, name)
    return response


async def set_name(request: web.Request) -> web.Response:
    """Remember who reviews."""
    form = await request.post()
    response = web.HTTPSeeOther(_inside(str(form.get("to", "/"))))
    remember_name(response, str(form.get("name", "")))
    raise response


def _inside(address: str) -> str:
    """An address of this server; the first page for any other."""
    is_path = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_path and address.isprintable() else "/"
