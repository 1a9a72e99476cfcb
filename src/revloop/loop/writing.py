"""What a round asks for: a critique, and a revision or both in one reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread

from revloop.engines.base import LONG_CHARS, Request
from revloop.errors import ContextFullError
from revloop.loop.candidate import Candidate
from revloop.loop.requests import RoundFailedError
from revloop.loop.stopping import is_enough
from revloop.prompts import texts_given
from revloop.prompts.parsing import left_out
from revloop.trajectory import StopReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.engines.base import TokenPrefix
    from revloop.loop.requests import RoundRequests
    from revloop.loop.roles import Roles
    from revloop.options import RunSettings
    from revloop.prompts import PromptSet
    from revloop.trajectory import Check, Critique, Draft, StepKind

    Written = tuple[Candidate, tuple[str, ...]]
    """A candidate, and what was left out of its reply."""

SHORTEST_CRITIQUE_TOKENS = 64
"""The least room for a critique; with less, none is requested."""

SHORTEST_EDITS_TOKENS = 64
"""The least room for edits. A rewrite needs as much as the text has."""

_MAY_REWRITE = {StopReason.UNPARSEABLE, StopReason.TOKEN_LIMIT, StopReason.CONTEXT_FULL}
"""Failures of edits after which the whole text is asked for."""


class Writing:
    """Asks for the texts of one draft's rounds.

    Args:
        draft: What is revised.
        roles: Who is asked for a critique, and who for a revision.
        settings: What else decides the texts.
    """

    def __init__(self, draft: Draft, roles: Roles, settings: RunSettings) -> None:
        self._draft = draft
        self._critic, self._reviser = roles.critic.prompts, roles.reviser.prompts
        self._count_tokens = roles.reviser.engine.count_tokens
        self._has_editor = roles.editor is not None
        self._settings = settings
        self._counted: dict[str, int] = {}
        self._checks: dict[str, Sequence[Check]] = {}
        self._asked: dict[tuple[StepKind, str], Request] = {}

    async def begin_round(self, text: str, checks: Sequence[Check] = ()) -> None:
        """Forget the last round's texts; count a long text in a thread, off the event loop.

        Args:
            text: What the round revises.
            checks: What checks found in it.
        """
        self._counted.clear()
        self._checks.clear()
        self._asked.clear()
        self.note_checks(text, checks)
        if len(text) > LONG_CHARS:
            tokens = await anyio.to_thread.run_sync(
                self._count_tokens, text, abandon_on_cancel=True
            )
            self._counted[text] = tokens or 0

    def note_checks(self, text: str, checks: Sequence[Check]) -> None:
        """Note what checks found in a text: a critique of it is told."""
        if self._settings.critique == "model":
            self._checks[text] = checks

    async def critique(
        self, requests: RoundRequests, text: str
    ) -> tuple[Critique, TokenPrefix | None]:
        """A critique of a text, and the tokens that a revision's prompt extends, if known."""
        prompts, settings = self._critic, self._settings
        request = Request(
            prompt=prompts.critique_prompt(self._draft, text, self._told(prompts, text)),
            sampling=settings.sampling,
            max_tokens=settings.critique_max_tokens + settings.thinking_tokens,
            room_tokens=min(SHORTEST_CRITIQUE_TOKENS, settings.critique_max_tokens),
            reserve_tokens=0 if self._has_editor else self._revision_tokens(text),
            stop=prompts.critique_stops(),
            keep_prefix=not (prompts.is_chat or self._has_editor),
            prefill=prompts.settings.critique.prefill,
            thinking=settings.thinking,
        )
        given, criteria = texts_given(self._draft, text), prompts.criteria_of(self._draft)
        critique, answer = await requests.until_usable(
            "critique",
            request,
            lambda reply: prompts.parse_critique(request.prefill + reply, given, criteria),
            given,
            allow_cut=prompts.settings.critique.may_be_cut,
        )
        # without its thoughts, the tokens are no longer a prefix
        return critique, answer.prefix if critique.raw == answer.text else None

    def unchanged(self, text: str, critique: Critique) -> Candidate:
        """The text itself, after a critique that found nothing to improve."""
        return Candidate(critique, text, () if self._reviser.has_edits else None)

    async def revision(
        self,
        requests: RoundRequests,
        text: str,
        critique: Critique,
        prefix: TokenPrefix | None = None,
    ) -> Candidate:
        """A revision of a text after its critique; a whole one if edits could not be used."""
        try:
            return await self._revision("revision", requests, text, critique, prefix)
        except RoundFailedError as failure:
            if not self._may_rewrite(failure):
                raise
            return await self._rewrite(requests, text, failure, critique, prefix)

    async def single_pass(self, requests: RoundRequests, text: str) -> Candidate:
        """A critique with its revision in one reply; edits that could not be used: see above."""
        prompts, settings = self._critic, self._settings
        most = settings.critique_max_tokens + settings.revision_max_tokens
        needed = SHORTEST_CRITIQUE_TOKENS + self._count(prompts.bridge) + self._shortest(text)
        request = Request(
            prompt=prompts.single_pass_prompt(self._draft, text, self._told(prompts, text)),
            sampling=settings.sampling,
            max_tokens=most + settings.thinking_tokens,
            room_tokens=min(needed, most),
            stop=prompts.settings.revision.stop,
            prefill=prompts.settings.critique.prefill,
            thinking=settings.thinking,
        )
        given, criteria = texts_given(self._draft, text), prompts.criteria_of(self._draft)

        def parse(generated: str) -> Written:
            reply = request.prefill + generated
            critique, revision = prompts.parse_single_pass(reply, given, criteria)
            if is_enough(critique, requests.round, settings, self._draft.extra):
                return self.unchanged(text, critique), ()
            rest = reply.removeprefix(critique.raw).removeprefix(prompts.bridge)
            return self._accepted(prompts, rest, revision, critique, text)

        try:
            (candidate, around), _ = await requests.until_usable("both", request, parse, given)
        except RoundFailedError as failure:
            if not self._may_rewrite(failure):
                raise
            return await self._rewrite(requests, text, failure)
        requests.note_left_out(around)
        return candidate

    def _may_rewrite(self, failure: RoundFailedError) -> bool:
        wants = self._reviser.has_edits and self._settings.on_bad_edits == "rewrite"
        return wants and failure.end.reason in _MAY_REWRITE

    async def _rewrite(
        self,
        requests: RoundRequests,
        text: str,
        failure: RoundFailedError,
        critique: Critique | None = None,
        prefix: TokenPrefix | None = None,
    ) -> Candidate:
        """The whole text, after a critique of its own if there is none yet.

        Raises:
            RoundFailedError: The failure of the edits, if the context has no room for the text.
        """
        try:
            if critique is None:
                critique, prefix = await self.critique(requests, text)
            return await self._revision("rewrite", requests, text, critique, prefix)
        except ContextFullError as exc:
            detail = f"{failure.end.detail} A rewrite does not fit. {exc}"
            steps = tuple(requests.steps)
            end = failure.end.model_copy(update={"detail": detail, "steps": steps})
            raise RoundFailedError(end) from None

    async def _revision(
        self,
        kind: StepKind,
        requests: RoundRequests,
        text: str,
        critique: Critique,
        prefix: TokenPrefix | None,
    ) -> Candidate:
        prompts = self._reviser.rewriting if kind == "rewrite" else self._reviser
        request = self._asked.get((kind, critique.raw))
        if request is None or request.prefix is not prefix:  # else another candidate's
            request = self._revision_request(prompts, text, critique, prefix)
            self._asked[kind, critique.raw] = request
        given = texts_given(self._draft, text)
        _, lead = prompts.settings.revision.begun(text)

        def parse(generated: str) -> Written:
            reply = lead + generated
            revision = prompts.parse_revision(reply, given)
            return self._accepted(prompts, reply, revision, critique, text)

        (candidate, around), _ = await requests.until_usable(kind, request, parse, given)
        requests.note_left_out(around)
        return candidate

    def _revision_request(
        self, prompts: PromptSet, text: str, critique: Critique, prefix: TokenPrefix | None
    ) -> Request:
        settings, asked = self._settings, prompts.settings.revision
        most, shortest = settings.revision_max_tokens, self._shortest(text)
        if prompts is not self._reviser:
            # a limit that is low because edits are short must not cut the whole text
            most, shortest = max(most, asked.max_tokens), self._count(text)
        return Request(
            prompt=prompts.revision_prompt_of(
                self._draft, text, critique.raw, self._told(prompts, text)
            ),
            sampling=settings.sampling,
            max_tokens=most + settings.thinking_tokens,
            room_tokens=min(max(shortest, 1), most),
            stop=asked.stop,
            prefix=prefix,
            prefill=asked.begun(text)[0],
            thinking=settings.thinking,
        )

    def _accepted(
        self, prompts: PromptSet, reply: str, written: str, critique: Critique, text: str
    ) -> Written:
        """The candidate that a reply's revision becomes.

        Raises:
            UnusableError: Its edits cannot be applied, or the text fails a guard.
        """
        revised = prompts.revised(written, text)
        guards = self._settings.guards
        accepted = prompts.accept(revised.text, critique, text, self._draft, guards)
        around = left_out(reply, written, prompts.settings.revision.tags)
        return Candidate(critique, accepted.text, revised.edits, accepted.failed_guards), around

    def _revision_tokens(self, text: str) -> int:
        """Tokens that the revision's prompt adds to the critique's, and the revision's own.

        In a fresh context the bridge takes the place of the critique's template.
        """
        prompts = self._reviser
        added = self._count(prompts.bridge)
        if prompts.has_fresh_context:
            added = max(0, added - self._count(prompts.fixed_text("critique.txt")))
        return self._shortest(text) + added

    def _told(self, prompts: PromptSet, text: str) -> str:
        return prompts.evidence(self._checks.get(text, ()))

    def _shortest(self, text: str) -> int:
        """The tokens that a revision of a text needs at least."""
        tokens = self._count(text)
        return min(tokens, SHORTEST_EDITS_TOKENS) if self._reviser.has_edits else tokens

    def _count(self, text: str) -> int:
        """Tokens of a text; 0 if its engine cannot count them (the server then rejects it).

        Cached, because a round needs each count several times, and tokenising is slow.
        """
        if text not in self._counted:
            self._counted[text] = self._count_tokens(text) or 0
        return self._counted[text]
