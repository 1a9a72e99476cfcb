"""Who is let in, and what every answer forbids: each promise of SECURITY.md about the pages."""

from __future__ import annotations

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from revloop.errors import InputError
from revloop.review import ReviewOptions, ReviewServer
from revloop.review.access import MOST_BYTES, is_loopback
from tests.helpers.report_samples import judged_store
from tests.helpers.review_server import Reviewer, serving

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "a long password"
PAGES = ("/", "/lines", "/progress", "/trajectory/1")


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_shown_without_the_token(address: str, path: str) -> None:
    answer = Reviewer(address, enters=False).request(path)
    assert answer.status == 401
    assert "Open the address that revloop review printed" in answer.text
    assert ">d1<" not in answer.text


def test_a_wrong_token_does_not_enter(address: str) -> None:
    stranger = Reviewer(address, enters=False)
    assert stranger.request("/enter?token=guessed").status == 401
    assert stranger.request("/").status == 401


def test_the_cookie_is_for_this_site_alone_and_hidden_from_scripts(address: str) -> None:
    answer = Reviewer(address, enters=False).request(f"/enter?{urlsplit(address).query}")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_name_that_points_here_is_refused(address: str, host: str) -> None:
    inside = Reviewer(address)
    assert inside.request("/", headers={"Host": host}).status == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1:9000", "[::1]:9000"])
def test_this_machines_names_are_answered_also_through_a_tunnel(address: str, host: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request("GET", "/assets/review.css", headers={"Host": host})
    assert connection.getresponse().status == 200
    connection.close()


def test_a_form_of_another_page_changes_nothing(reviewer: Reviewer) -> None:
    assert reviewer.request("/name", b"name=eve").status == 403
    assert reviewer.request("/name", b"name=eve&csrf=guessed").status == 403
    ours = f"name=eve&csrf={reviewer.csrf}".encode()
    foreign = {"Origin": "http://127.0.0.1:1"}
    assert reviewer.request("/name", ours, foreign).status == 403
    assert "eve" not in reviewer.get("/")


def test_a_name_is_remembered_and_shown_as_text(reviewer: Reviewer) -> None:
    assert reviewer.post("/name", name="<b>Anna</b>", to="/trajectory/1").status == 200
    assert "&lt;b&gt;Anna&lt;/b&gt;" in reviewer.get("/")


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example/", "/\\evil", "javascript:0"]
)
def test_a_form_leads_nowhere_else(reviewer: Reviewer, to: str) -> None:
    assert urlsplit(reviewer.post("/name", name="Anna", to=to).address).path == "/"


@pytest.mark.parametrize(
    "path",
    [
        *("/assets/../server.py", "/assets/%2e%2e%2fserver.py", "/assets/..%5cserver.py"),
        *("/assets/", "/assets//etc/passwd", "/assets/site.py", "/trajectory/../../etc/passwd"),
        *("/trajectory/1e3", "/trajectory/-1", "/trajectory/99999999999999999999", "/nothing"),
    ],
)
def test_only_known_addresses_lead_anywhere(address: str, path: str) -> None:
    reviewer = Reviewer(address)
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    cookies = "; ".join(f"{one.name}={one.value}" for one in reviewer.cookies)
    connection.request("GET", path, headers={"Cookie": cookies})
    answer = connection.getresponse()
    assert answer.status == 404
    assert b"import" not in answer.read()
    connection.close()


def test_a_large_body_is_refused(reviewer: Reviewer) -> None:
    body = f"csrf={reviewer.csrf}&name=".encode() + b"x" * (MOST_BYTES + 1)
    assert reviewer.request("/name", body).status == 413


@pytest.mark.parametrize("path", [*PAGES, "/assets/review.css", "/nothing", "/enter?token=x"])
def test_every_answer_forbids_what_the_pages_do_not_need(address: str, path: str) -> None:
    headers = Reviewer(address).request(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] is None


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        *(("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)),
        *(("0.0.0.0", False), ("::", False), ("192.168.1.2", False), ("review.example", False)),
    ],
)
def test_it_knows_which_addresses_other_machines_reach(host: str, is_own: bool) -> None:
    assert is_loopback(host) == is_own


def test_other_machines_need_a_long_password(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="need a password: set REVLOOP_REVIEW_PASSWORD"):
        ReviewServer(tmp_path, ReviewOptions(host="0.0.0.0"))
    with pytest.raises(InputError, match="too short"):
        ReviewServer(tmp_path, ReviewOptions.model_validate({"password": "short"}))


def test_the_password_opens_the_pages_and_a_wrong_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revloop.review.access._PAUSE_S", 0.0)
    store = judged_store(tmp_path / "s.sqlite")
    with serving(store, host="0.0.0.0", password=PASSWORD) as address:
        assert "token" not in address
        anna = Reviewer(address.replace("0.0.0.0", "127.0.0.1"), enters=False)
        assert 'type="password"' in anna.get("/trajectory/1")
        wrong = anna.request("/enter", b"password=guess&to=/")
        assert wrong.status == 403
        assert "That is not the password" in wrong.text
        assert 'type="password"' in anna.get("/")
        right = f"password={PASSWORD.replace(' ', '+')}&name=Anna&to=/trajectory/1".encode()
        assert "/trajectory/1" in anna.request("/enter", right).text
        assert "Anna" in anna.get("/")
        stranger = anna.request("/", headers={"Host": "evil.example"})
        assert stranger.status == 421


def test_a_taken_port_is_told(tmp_path: Path, address: str) -> None:
    store = judged_store(tmp_path / "s.sqlite")
    port = urlsplit(address).port
    with (
        pytest.raises(InputError, match=f"127.0.0.1:{port} cannot be listened on"),
        serving(store, port=port),
    ):
        pass


def test_wrong_passwords_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revloop.review.access._PAUSE_S", 0.2)
    store = judged_store(tmp_path / "s.sqlite")
    with serving(store, password=PASSWORD) as address, ThreadPoolExecutor(3) as pool:
        stranger = Reviewer(address, enters=False)
        began = time.monotonic()
        bodies = [b"password=guess"] * 3
        answers = list(pool.map(lambda body: stranger.request("/enter", body), bodies))
        assert time.monotonic() - began >= 3 * 0.2
    assert [answer.status for answer in answers] == [403] * 3
