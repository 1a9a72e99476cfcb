"""Write the generated parts of docs/servers.md: the table of servers, and how to use each.

python -m tests.dialects.page            print them
python -m tests.dialects.page --write    put them into the page
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from revloop.errors import ContextFullError
from tests.dialects.all import DIALECTS
from tests.dialects.dialect import Answered, Fails, Serves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.dialects.dialect import Dialect

PAGE = Path("docs/servers.md")
START, END = "<!-- python -m tests.dialects.page: {} -->", "<!-- end of {} -->"
_THOUGHTS = ("reasoning_content", "reasoning")
_NO = "no"
_WIDTH = 118


def snippet(dialect: Dialect) -> str:
    """The command that revises with a server."""
    key = f"REVLOOP_API_KEY=${dialect.key} " if dialect.key else ""
    where = f"--base-url {shlex.quote(dialect.address)} --model {dialect.model}"
    return f"{key}revloop batch answers.jsonl revised.jsonl {where} --prompts chat"


def table() -> str:
    """What revloop gets from each server."""
    heads = [
        *("server", "address", "completions", "cached tokens"),
        *("thoughts", "context length", "too long"),
    ]
    rows = [heads, ["---"] * len(heads), *map(_row, DIALECTS)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(dialect: Dialect) -> list[str]:
    expected = [case.expected for case in dialect.cases]
    answers = [one for one in expected if isinstance(one, Answered)]
    lists = [one for one in expected if isinstance(one, Serves)]
    too_long = [one for one in expected if isinstance(one, Fails) and one.kind is ContextFullError]
    has_numbers = any("the limit is" in one.says for one in too_long)
    name = dialect.name
    return [
        f"[{name}](#{_anchor(name)})" if _is_explained(dialect) else name,
        f"`{dialect.address.partition('?')[0]}`",
        "yes" if dialect.good("completions") else _NO,
        "yes" if any(one.cached is not None for one in answers) else _NO,
        ", ".join(f"`{field}`" for field in _thoughts(dialect)) or _NO,
        "yes" if any(one.context_tokens for one in lists) else _NO,
        "tokens" if has_numbers else "yes",
    ]


def _thoughts(dialect: Dialect) -> Iterator[str]:
    """The fields of a message that hold thoughts."""
    messages = list(_messages(dialect))
    yield from (name for name in _THOUGHTS if any(message.get(name) for message in messages))
    if any(isinstance(message.get("content"), list) for message in messages):
        yield "content"


def _messages(dialect: Dialect) -> Iterator[dict[str, Any]]:
    for case in dialect.cases:
        if isinstance(case.expected, Answered) and isinstance(case.body, dict):
            yield from (choice.get("message", {}) for choice in case.body["choices"])


def _is_explained(dialect: Dialect) -> bool:
    return bool(dialect.start or dialect.key)


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-").replace(".", "")


def sections() -> str:
    """How to start each server, and how to use it."""
    return "\n\n".join(_section(dialect) for dialect in DIALECTS if _is_explained(dialect))


def _section(dialect: Dialect) -> str:
    parts = [f"### {dialect.name}"]
    if dialect.notes:
        parts.append(fill(dialect.notes, width=_WIDTH))
    if dialect.start:
        parts.append(f"```sh\n{dialect.start}\n```")
    parts.append(f"```console\n$ {snippet(dialect)}\n```")
    return "\n\n".join(parts)


def put_into(page: str) -> str:
    """A page with the generated parts between their marks."""
    for name, drawn in (("table", table()), ("sections", sections())):
        start, end = START.format(name), END.format(name)
        before, _, rest = page.partition(start)
        _, _, after = rest.partition(end)
        page = f"{before}{start}\n{drawn}\n{end}{after}"
    return page


def main(*arguments: str) -> int:
    """Print the generated parts, or write them into the page."""
    if arguments == ("--write",):
        PAGE.write_text(put_into(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(f"{table()}\n\n{sections()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
