"""Ways to draft tokens: n-grams, suffix trees, and following the previous version.

A method takes a trace (a request) and returns a proposer. A proposer takes all token ids so far, at
least one of them generated, and a limit, and returns likely next tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.speculation.traces import Trace

    Proposer = Callable[[Sequence[int], int], Sequence[int]]
    Method = Callable[[Trace], Proposer]

RESYNCHRONISE = 3
"""Most generated tokens to search for in the previous version after an edit."""
NEAR = 12
"""A single token counts as a match only within this distance of the expected place."""


class Ngram:
    """vLLM's n-gram proposer: the tokens after the first match of the longest n-gram.

    Source: ``vllm/v1/spec_decode/ngram_proposer.py``; a test compares it with that function.
    """

    def __init__(self, shortest: int, longest: int) -> None:
        self._sizes = range(longest, shortest - 1, -1)
        self._first: dict[tuple[int, ...], int] = {}
        self._indexed = 0

    def __call__(self, ids: Sequence[int], k: int) -> Sequence[int]:
        """At most k tokens; ids must extend those of the call before."""
        for end in range(self._indexed + 1, len(ids)):
            for n in self._sizes:
                if n <= end:
                    self._first.setdefault(tuple(ids[end - n : end]), end)
        self._indexed = len(ids) - 1
        for n in self._sizes:
            after = self._first.get(tuple(ids[-n:])) if n < len(ids) else None
            if after is not None:
                return ids[after : after + k]
        return ()


def ngram(shortest: int, longest: int) -> Method:
    """The n-gram method with lengths in these bounds, inclusive."""
    return lambda _: Ngram(shortest, longest)


class Follower:
    """Follows the previous version from its first token, and resynchronises after an edit.

    While the text matches the previous version, it drafts what follows there. Otherwise it searches
    for the last tokens, longest run first, nearest to the expected place and preferably after it.
    If it finds none, it assumes that a token was replaced.
    """

    def __init__(self, previous: Sequence[int], start: int, fallback: Ngram) -> None:
        self._previous = previous
        self._read = start
        self._prompt_end = start
        self._cursor = 0
        self._in_step = True
        self._fallback = fallback

    def __call__(self, ids: Sequence[int], k: int) -> Sequence[int]:
        """At most k tokens; ids must extend those of the call before."""
        for end in range(self._read + 1, len(ids) + 1):
            self._take(ids, end)
        self._read = len(ids)
        following = self._previous[self._cursor : self._cursor + k]
        found = self._fallback(ids, k)
        if self._in_step and following:
            return following
        return found or following

    def _take(self, ids: Sequence[int], end: int) -> None:
        """Move the cursor past the token that ends there."""
        expected = self._previous[self._cursor : self._cursor + 1]
        self._in_step = list(expected) == [ids[end - 1]]
        if self._in_step:
            self._cursor += 1
            return
        for n in range(min(RESYNCHRONISE, end - self._prompt_end), 0, -1):
            place = self._place(list(ids[end - n : end]))
            if place is not None:
                self._cursor, self._in_step = place, True
                return
        # lost: assume that a token was replaced; the next one will tell
        self._cursor = min(self._cursor + 1, len(self._previous))

    def _place(self, tokens: list[int]) -> int | None:
        """The place in the previous version after these tokens that is nearest to the cursor."""
        n = len(tokens)
        reach = NEAR if n == 1 else len(self._previous)
        first, last = max(0, self._cursor - reach), self._cursor + reach
        places = [
            place
            for place in range(max(n, first), min(len(self._previous), last) + 1)
            if list(self._previous[place - n : place]) == tokens
        ]
        # places before the cursor have been used, so they are less likely
        return min(places, key=self._distance, default=None)

    def _distance(self, place: int) -> int:
        ahead = place - self._cursor
        return ahead if ahead >= 0 else -2 * ahead


def follow(shortest: int, longest: int) -> Method:
    """Our method: follow the previous version, with n-grams as the fallback."""

    def open_(trace: Trace) -> Proposer:
        fallback = Ngram(shortest, longest)
        if trace.kind == "critique":  # it copies in no fixed order
            return fallback
        return Follower(trace.previous, len(trace.prompt), fallback)

    return open_


class SuffixTrees:
    """vLLM's suffix decoding: arctic-inference's trees, with vLLM's default settings.

    Earlier replies stay in the trees, as in a server: open new ones for each set of traces.
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache
        self._request = 0

    @classmethod
    def open(cls) -> SuffixTrees | None:
        """New trees, or None if arctic-inference is not installed."""
        try:
            from arctic_inference.suffix_decoding import SuffixDecodingCache
        except ImportError:
            return None
        return cls(SuffixDecodingCache(max_tree_depth=_DEPTH, max_cached_requests=10_000))

    def __call__(self, trace: Trace) -> Proposer:
        """Start a trace, and end the previous one."""
        if self._request in self._cache.active_requests:
            self._cache.stop_request(self._request)
        self._request += 1
        self._cache.start_request(self._request, list(trace.prompt))
        read = len(trace.prompt)

        def propose(ids: Sequence[int], k: int) -> Sequence[int]:
            nonlocal read
            self._cache.add_active_response(self._request, list(ids[read:]))
            read = len(ids)
            options = {"max_spec_tokens": k, "max_spec_factor": 1.0, "min_token_prob": 0.1}
            drafted = self._cache.speculate(self._request, list(ids[-_DEPTH:]), **options)
            return list(drafted.token_ids)

        return propose


_DEPTH = 24
