"""Who may open the review pages, and what every answer forbids the browser.

Other pages of the same browser can send requests here: so each request needs the secret, which a
cookie holds that is never sent from other sites, and each change needs a second one that only our
own pages know. The ``Host`` header is checked because a name that an attacker controls can point
to 127.0.0.1 (DNS rebinding), and his page would then count as ours.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import socket
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MOST_BYTES = 4 * 1024**2
"""Bytes of a request's body."""

TOKEN = "token"  # noqa: S105 - the name of a parameter
_CSRF = "csrf"
_NAME = "revloop_reviewer"
_NAME_CHARACTERS = 80
_YEAR_S = 365 * 24 * 3600
_PAUSE_S = 1.0
_OPEN = ("/assets/", "/enter")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # none at all would hide the Origin of our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own, which no other machine reaches."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Access:
    """Decides which requests are answered.

    Args:
        host: The address that is listened on.
        password: Opens the pages; None: the token in the address does.
    """

    def __init__(self, host: str, password: str | None = None) -> None:
        self.token = secrets.token_urlsafe(32)
        self.password = password
        self._cookie = f"revloop_review_{secrets.token_hex(4)}"
        self._is_local = is_loopback(host)
        self._names = {"localhost", host.lower()}
        if not self._is_local:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        self._guessing = asyncio.Lock()

    @property
    def csrf(self) -> str:
        """What a request that changes something must bring."""
        return hmac.new(self.token.encode(), b"csrf", hashlib.sha256).hexdigest()

    def check_host(self, request: web.Request) -> None:
        """Refuse requests for another name.

        Raises:
            HTTPMisdirectedRequest: The name is not one of this server's.
        """
        try:
            host = (urlsplit(f"//{request.host}").hostname or "").lower()
        except ValueError:
            host = ""
        if host in self._names:
            return
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            address = None
        # an address cannot be pointed elsewhere, as a name can
        if address is None or (self._is_local and not address.is_loopback):
            raise web.HTTPMisdirectedRequest(
                text="This server is not reached by that name: use the address that it printed."
            )

    def is_token(self, given: str) -> bool:
        """Whether this is the token of the address."""
        return self.password is None and _same(given, self.token)

    def is_open(self, request: web.Request) -> bool:
        """Whether a request brings the secret."""
        return _same(request.cookies.get(self._cookie, ""), self.token)

    async def check_change(self, request: web.Request) -> None:
        """Refuse a change that another site's page asks for.

        Raises:
            HTTPForbidden: It does not come from a page of this server.
        """
        origin = request.headers.get("Origin")
        given = (await request.post()).get(_CSRF, "")
        is_ours = origin is None or urlsplit(origin).netloc == request.host
        if not (is_ours and isinstance(given, str) and _same(given, self.csrf)):
            raise web.HTTPForbidden(
                text="This form is not one of this server's pages, or the server was restarted: "
                "go back, load the page again, and repeat."
            )

    def enter(self, response: web.Response) -> web.Response:
        """Give the browser the secret."""
        response.set_cookie(self._cookie, self.token, httponly=True, samesite="Strict", path="/")
        return response

    async def is_password(self, given: str) -> bool:
        """Whether a password is right; wrong ones are answered one a second, whoever asks."""
        if self.password is not None and _same(given, self.password):
            return True
        async with self._guessing:
            await asyncio.sleep(_PAUSE_S)
        return False


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Check a request, then handle it; refusals and errors become pages."""
    access = request.app[ACCESS]
    access.check_host(request)
    if not request.path.startswith(_OPEN):
        if not access.is_open(request):
            if access.password is not None and request.method == "GET":
                raise web.HTTPSeeOther(f"/enter?to={quote(request.path_qs)}")
            raise web.HTTPUnauthorized(
                text="Open the address that revloop review printed: it holds the key to this page."
            )
        if request.method not in {"GET", "HEAD"}:
            await access.check_change(request)
    return await handler(request)


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every answer has."""
    response.headers.update(HEADERS)
    response.headers.popall("Server", None)


def name_of(request: web.Request) -> str:
    """The reviewer's name; empty if they have not said it."""
    return unquote(request.cookies.get(_NAME, ""))[:_NAME_CHARACTERS].strip()


def remember_name(response: web.StreamResponse, name: str) -> None:
    """Remember the reviewer's name for a year."""
    clean = " ".join(name.split())[:_NAME_CHARACTERS]
    response.set_cookie(
        *(_NAME, quote(clean)),
        max_age=_YEAR_S,
        httponly=True,
        samesite="Strict",
        path="/",
    )


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode())


ACCESS = web.AppKey("access", Access)
