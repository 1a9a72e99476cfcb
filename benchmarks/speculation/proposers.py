"""What is drafted at each step: n-grams, suffix trees, and the previous version followed.

A method opens a trace (a request) and gives a proposer. A proposer is handed all token ids so far,
at least one of them generated, and gives at most so many that might come next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.speculation.traces import Trace

    Proposer = Callable[[Sequence[int], int], Sequence[int]]
    Method = Callable[[Trace], Proposer]

RESYNCHRONISE = 3
"""The most generated tokens that are looked for in the previous version after an edit."""
NEAR = 12
"""A single token is only trusted to mark a place within so many tokens of the expected one."""


class Ngram:
    """vLLM's n-gram proposer: what followed the first match of the longest n-gram.

    Source: ``vllm/v1/spec_decode/ngram_proposer.py``; a test holds this against that function.
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
    """The method of n-grams with lengths in these bounds, both included."""
    return lambda _: Ngram(shortest, longest)


class Follower:
    """Follows the previous version from its first token, and finds its place again after an edit.

    Where the text so far ends in a place of the previous version, what follows there is drafted.
    Else the last tokens are looked for in it, longest run first, nearest to the expected place and
    rather after it than before. A place that is lost is guessed on: as if a token was replaced.
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
        # lost: it stays, unless a token was replaced, and then the next one shows it
        self._cursor = min(self._cursor + 1, len(self._previous))

    def _place(self, tokens: list[int]) -> int | None:
        """Where the previous version goes on after these tokens, nearest to the cursor."""
        n = len(tokens)
        reach = NEAR if n == 1 else len(self._previous)
        first, last = max(0, self._cursor - reach), self._cursor + reach
        places = [
            place
            for place in range(max(n, first), min(len(self._previous), last) + 1)
            if list(self._previous[place - n : place]) == tokens
        ]
        # a place before the cursor was passed already: only a near one is as likely
        return min(places, key=self._distance, default=None)

    def _distance(self, place: int) -> int:
        ahead = place - self._cursor
        return ahead if ahead >= 0 else -2 * ahead


def follow(shortest: int, longest: int) -> Method:
    """Our method: follow the previous version, and n-grams where there is nothing to follow."""

    def open_(trace: Trace) -> Proposer:
        fallback = Ngram(shortest, longest)
        if trace.kind == "critique":  # it copies from anywhere, in no order
            return fallback
        return Follower(trace.previous, len(trace.prompt), fallback)

    return open_


class SuffixTrees:
    """vLLM's suffix decoding: arctic-inference's trees, with vLLM's default settings.

    Earlier answers stay in the trees, as they do in a server: open one for each set of traces.
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache
        self._request = 0

    @classmethod
    def open(cls) -> SuffixTrees | None:
        """New trees, or None where arctic-inference is not installed."""
        try:
            from arctic_inference.suffix_decoding import SuffixDecodingCache
        except ImportError:
            return None
        return cls(SuffixDecodingCache(max_tree_depth=_DEPTH, max_cached_requests=10_000))

    def __call__(self, trace: Trace) -> Proposer:
        """Open a trace; the one before ends."""
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
