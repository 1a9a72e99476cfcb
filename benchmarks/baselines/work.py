"""The common part of all baselines: drafts, prompts of a round, output, command line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI, OpenAI

from benchmarks.arguments import command_parser
from benchmarks.lengths import add_script_options, script_of
from revloop import Draft, PromptSet
from revloop.prompts.parsing import UnusableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.lengths import LengthScript

    Program = Callable[["Work", Sequence[Draft]], list[list[str]]]

NO_KEY = "none"
"""The client requires a key; the server does not."""


@dataclass(frozen=True, slots=True)
class Work:
    """The critic, its prompts and the number of rounds.

    Attributes:
        base_url: The server's address, without ``/v1``.
        model: The served model's name.
        iterations: Rounds for each draft.
        prompts: The prompt set, for completions.
        script: Lengths to generate; None for the critic's own.
    """

    base_url: str
    model: str
    iterations: int
    prompts: PromptSet
    script: LengthScript | None = None

    def client(self) -> OpenAI:
        """The synchronous client with its default settings."""
        return OpenAI(base_url=f"{self.base_url}/v1", api_key=NO_KEY)

    def async_client(self) -> AsyncOpenAI:
        """The asynchronous client with its default settings."""
        return AsyncOpenAI(base_url=f"{self.base_url}/v1", api_key=NO_KEY)

    def critique(self, draft: Draft, text: str) -> dict[str, Any]:
        """The request for a critique of a text."""
        prompt = self.prompts.critique_prompt(draft, text)
        settings = self.prompts.settings.critique
        return self._request(str(prompt), settings.max_tokens, self.prompts.critique_stops())

    def revision(self, critique_request: dict[str, Any], critique: str) -> dict[str, Any]:
        """The request for the revision that follows a critique."""
        prompt = self.prompts.revision_prompt(critique_request["prompt"], critique)
        return self._request(str(prompt), self.prompts.settings.revision.max_tokens, ())

    def answer(self, request: dict[str, Any], generated: str) -> str:
        """The reply to a request: the generated text, or the scripted one."""
        return generated if self.script is None else self.script.answer(request["prompt"]).text

    def revised(self, answer: str, before: str) -> str:
        """The next version of a text, which is the same if the reply is unusable."""
        try:
            return self.prompts.parse_revision(answer)
        except UnusableError:
            return before

    def _request(self, prompt: str, max_tokens: int, stops: tuple[str, ...]) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self.model, "prompt": prompt, "temperature": 0}
        if self.script is None:
            return request | {"max_tokens": max_tokens} | ({"stop": list(stops)} if stops else {})
        tokens = self.script.answer(prompt).tokens
        return request | {"max_tokens": tokens, "extra_body": self.script.extra_body(tokens)}


async def ask(client: AsyncOpenAI, work: Work, request: dict[str, Any]) -> str:
    """Send one request; its reply."""
    completion = await client.completions.create(**request)
    return work.answer(request, completion.choices[0].text)


def read_drafts(path: Path) -> list[Draft]:
    """Read drafts from a JSON Lines file."""
    with path.open(encoding="utf-8") as lines:
        return [Draft.model_validate_json(line) for line in lines]


def command_line(program: Program, description: str | None) -> None:
    """Read drafts, revise them with a program, and write ``id`` and ``texts`` of each."""
    parser = command_parser(description)
    parser.add_argument("drafts", type=Path, help="JSON lines with id, prompt and response")
    parser.add_argument("output", type=Path, help="JSON lines with id and texts")
    parser.add_argument("--base-url", required=True, help="address of the server, without /v1")
    parser.add_argument("--model", help="its model; by default the only one served")
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--prompts", default="cnr", help="a prompt set for completions")
    add_script_options(parser)
    chosen = parser.parse_args()
    prompts = PromptSet.load(chosen.prompts)
    if prompts.is_chat:
        parser.error(f"prompt set {chosen.prompts} is for chats")
    base_url = chosen.base_url.rstrip("/")
    work = Work(
        base_url=base_url,
        model=chosen.model or served_model(base_url),
        iterations=chosen.iterations,
        prompts=prompts,
        script=script_of(chosen, prompts),
    )
    drafts = read_drafts(chosen.drafts)
    with chosen.output.open("w", encoding="utf-8") as output:
        for draft, texts in zip(drafts, program(work, drafts), strict=True):
            output.write(json.dumps({"id": draft.id, "texts": texts}) + "\n")


def served_model(base_url: str) -> str:
    """The only model of a server."""
    with OpenAI(base_url=f"{base_url}/v1", api_key=NO_KEY) as client:
        (model,) = client.models.list().data
    return model.id
