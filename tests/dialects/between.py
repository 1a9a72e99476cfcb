"""What proxies between revloop and a server answer in its place."""

from revloop.errors import (
    AuthenticationError,
    BadReplyError,
    ContextFullError,
    ModelNotServedError,
    OverloadedError,
    WrongAddressError,
)
from tests.dialects.dialect import Answered, Case, Dialect, Fails, Serves, chat, models

HTML = {"Content-Type": "text/html"}
NGINX = "nginx/nginx: src/http/ngx_http_special_response.c"
CLOUDFLARE = "https://developers.cloudflare.com/support/troubleshooting/http-status-codes"


def nginx(title: str) -> str:
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>"
        "</center>\r\n<hr><center>nginx/1.24.0</center>\r\n</body>\r\n</html>\r\n"
    )


def cloudflare(title: str) -> str:
    return (
        "<!DOCTYPE html>\n<!--[if lt IE 7]> <html> <![endif]-->\n<head>\n"
        f"<title>{title}</title>\n<style>body{{margin:0}}</style></head>\n<body>"
        + "<div>Cloudflare</div>" * 200
        + "</body></html>"
    )


def event(data: str) -> str:
    return f"data: {data}\n\n"


CASES = (
    Case("models", NGINX, models({"id": "critic"}), Serves("critic"), path="models"),
    Case("chat", NGINX, chat("So."), Answered("So.")),
    Case(
        "prompt of too many bytes",
        NGINX,
        nginx("413 Request Entity Too Large"),
        Fails(ContextFullError, "an HTML page, '413 Request Entity Too Large'."),
        status=413,
        headers=HTML,
    ),
    Case(
        "bad gateway",
        NGINX,
        nginx("502 Bad Gateway"),
        Fails(OverloadedError, "answers 502: an HTML page, '502 Bad Gateway'."),
        status=502,
        headers=HTML,
    ),
    Case(
        "no server behind a load balancer",
        "envoyproxy/envoy: source/common/router/router.cc",
        "no healthy upstream",
        Fails(OverloadedError, "answers 503: no healthy upstream"),
        status=503,
        headers={"Content-Type": "text/plain", "server": "envoy"},
    ),
    Case(
        "a password that a proxy wants",
        NGINX,
        nginx("401 Authorization Required"),
        Fails(AuthenticationError, "an HTML page, '401 Authorization Required'. A proxy"),
        status=401,
        headers={**HTML, "WWW-Authenticate": 'Basic realm="x"'},
    ),
    Case(
        "a control sequence in a title",
        NGINX,
        nginx("502 \x1b[2J Bad \u202eGateway"),
        Fails(OverloadedError, "an HTML page, '502 [2J Bad Gateway'."),
        status=502,
        headers=HTML,
    ),
    Case(
        "no such path",
        NGINX,
        nginx("404 Not Found"),
        Fails(ModelNotServedError, "an HTML page, '404 Not Found'."),
        status=404,
        headers=HTML,
    ),
    Case(
        "server not reached",
        CLOUDFLARE,
        cloudflare("api.example.com | 522: Connection timed out"),
        Fails(OverloadedError, "an HTML page, 'api.example.com | 522: Connection timed out'."),
        status=522,
        headers=HTML,
    ),
    Case(
        "server slow",
        CLOUDFLARE,
        "error code: 524",
        Fails(OverloadedError, "answers 524: error code: 524"),
        status=524,
    ),
    Case(
        "a challenge for browsers",
        "https://developers.cloudflare.com/cloudflare-challenges",
        cloudflare("Just a moment..."),
        Fails(AuthenticationError, "A proxy or a firewall in front of the server refuses"),
        status=403,
        headers={**HTML, "cf-mitigated": "challenge"},
    ),
    Case(
        "a challenge for browsers, older",
        "https://developers.cloudflare.com/cloudflare-challenges",
        cloudflare("Please Wait... | Cloudflare"),
        Fails(OverloadedError, "an HTML page, 'Please Wait... | Cloudflare'."),
        status=503,
        headers=HTML,
    ),
    Case(
        "a page for signing in, with status 200",
        "https://github.com/oauth2-proxy/oauth2-proxy",
        "<!doctype html><html><head><title>\n  Sign &amp; go\n</title></head></html>",
        Fails(BadReplyError, "does not answer in JSON: an HTML page, 'Sign & go'."),
        headers=HTML,
    ),
    Case(
        "streams though not asked to",
        "https://html.spec.whatwg.org/multipage/server-sent-events.html",
        ": keep-alive\n\n"
        + event('{"choices":[{"delta":{"content":"So."},"finish_reason":null}]}')
        + event("[DONE]"),
        Fails(WrongAddressError, "streams its answer"),
        headers={"Content-Type": "text/event-stream"},
    ),
    Case(
        "streams an error",
        "https://html.spec.whatwg.org/multipage/server-sent-events.html",
        event('{"error":{"message":"The request queue is full.","code":503}}'),
        Fails(OverloadedError, "The request queue is full."),
        headers={"Content-Type": "text/event-stream"},
    ),
)

BETWEEN = Dialect(
    name="proxies", address="http://127.0.0.1:8000", model="critic", root="/v1", cases=CASES
)
