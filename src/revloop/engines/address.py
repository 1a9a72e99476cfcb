"""A server's address: the root of its API, the query to send along, and the proxy to use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from revloop.errors import InputError

_HAS_VERSION = re.compile(r"/v\d+[a-z0-9]*$")
_ENDPOINT = re.compile(r"/(chat/)?completions$")
"""Providers' pages show the address of a request; what is meant is the API's."""
_AZURE_QUERY = "api-version"


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address as the user gives it.

    Attributes:
        server: The address without a query and a final ``/v1``.
        roots: Where the API may begin, after ``server``: the likeliest first.
        query: Sent along with every request; may be empty.
        proxy: The environment's proxy for the server; None without one, or on this machine.
    """

    server: str
    roots: tuple[str, ...]
    query: str = ""
    proxy: str | None = None

    @classmethod
    def read(cls, base_url: str) -> Address:
        """Read an address: with or without ``/v1``, or with another path and a query.

        Raises:
            InputError: The address is invalid or contains a password, or its proxy is unusable.
        """
        if "@" in base_url:
            raise InputError(
                "The server's address contains a user name or a password, which would appear in "
                "messages and logs. Set the server's key in REVLOOP_API_KEY instead."
            )
        address, _, query = base_url.strip().partition("?")
        address = _ENDPOINT.sub("", address.rstrip("/"))
        is_v1 = address.endswith("/v1")
        address = address.removesuffix("/v1")
        try:
            url = URL(address)
            host = (url.raw_host or "").encode("idna").decode()
            usable = url.scheme in {"http", "https"} and host and url.port
        except ValueError:
            usable = False
        if not usable or "#" in base_url:
            raise InputError(
                f"'{address}' is not a server address. An address begins with http:// or https://, "
                "for example http://127.0.0.1:8000."
            )
        roots = ("/v1",) if is_v1 else _roots(url.path)
        return cls(address, roots, query, _proxy(url.scheme, host))

    @property
    def needs_azure_header(self) -> bool:
        """Whether the key is sent as ``api-key`` too, as Azure requires."""
        return _AZURE_QUERY in URL(f"?{self.query}", encoded=True).query


def _roots(path: str) -> tuple[str, ...]:
    if path in {"", "/"}:
        return ("/v1", "")
    if "/deployments/" in path:
        return ("",)
    return ("", "/v1") if _HAS_VERSION.search(path) else ("/v1", "")


def _proxy(scheme: str, host: str) -> str | None:
    """The proxy from ``http_proxy``, ``https_proxy`` and ``no_proxy``, in upper or lower case."""
    proxy = getproxies().get(scheme)
    if not proxy or _is_this_machine(host) or proxy_bypass(host):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if URL(proxy).scheme not in {"http", "https"}:
        raise InputError(
            f"The proxy in the environment variable {scheme}_proxy is neither http:// nor "
            "https://. Set another, or add the server's host to no_proxy."
        )
    return proxy


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
