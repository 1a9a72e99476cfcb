"""The replay of speculative decoding: handmade traces, and vLLM's own function."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.edits.pairs import Pair
from benchmarks.edits.random_edits import edited, words_of
from benchmarks.speculation.forms import figures
from benchmarks.speculation.proposers import Follower, Ngram, follow, ngram
from benchmarks.speculation.replay import Counts, common_prefix, replay, replay_all
from benchmarks.speculation.served import read_counts
from benchmarks.speculation.traces import Tokens, Trace, edits_trace, rewrite_trace, round_traces
from revloop import Draft

if TYPE_CHECKING:
    from collections.abc import Sequence

PREVIOUS = tuple(range(10, 30))
LETTERS = Tokens(lambda text: [ord(letter) for letter in text], 0)


def revision(answer: Sequence[int]) -> Trace:
    return Trace("revision", (1, *PREVIOUS, 2), PREVIOUS, (*answer, 0))


def test_without_drafts_a_step_gives_one_token() -> None:
    counts = replay([1, 2], [3, 4, 5, 6], lambda *_: (), 4)
    assert counts == Counts(tokens=3, steps=3)
    assert counts.tokens_a_step == 1
    assert counts.accepted_share is None


def test_a_step_gives_what_was_right_and_one_token_more() -> None:
    # after 3 it drafts (4, 5, wrong): 4, 5 and the engine's own 6; then 7 ends it
    drafts = {3: (4, 5, 9), 6: (9,)}
    counts = replay([1], [3, 4, 5, 6, 7], lambda ids, _: drafts[ids[-1]], 4)
    assert counts == Counts(tokens=4, steps=2, drafted=4, accepted=2, drafts=2)
    assert counts.tokens_a_step == 2
    assert counts.accepted_share == 0.5


def test_no_token_comes_after_the_end() -> None:
    counts = replay([1], [3, 4], lambda *_: (4, 5), 4)
    assert (counts.tokens, counts.steps, counts.accepted) == (1, 1, 1)


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_the_common_prefix_ends_where_two_sequences_part(a: list[int], b: list[int]) -> None:
    n = common_prefix(a, b)
    assert a[:n] == b[:n]
    assert n in {len(a), len(b)} or a[n] != b[n]


def test_ngrams_draft_what_followed_the_longest_and_then_the_first_match() -> None:
    assert list(Ngram(1, 2)([7, 1, 2, 8, 1, 2, 9, 1, 2], 2)) == [8, 1]
    assert list(Ngram(1, 3)([1, 2, 5, 4, 1, 2, 6, 4, 1, 2], 1)) == [6]
    assert list(Ngram(3, 4)([1, 2, 5, 1, 2], 2)) == []


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(1, 3), st.integers(0, 3))
def test_ngrams_draft_what_vllm_drafts(ids: list[int], shortest: int, more: int) -> None:
    pytest.importorskip("vllm")
    import numpy as np
    from vllm.v1.spec_decode.ngram_proposer import _find_longest_matched_ngram_and_propose_tokens

    theirs = _find_longest_matched_ngram_and_propose_tokens(
        np.array(ids, dtype=np.int32), shortest, shortest + more, 1000, 4
    )
    assert list(Ngram(shortest, shortest + more)(ids, 4)) == theirs.tolist()


def test_an_unchanged_version_is_followed_from_its_first_token() -> None:
    counts = replay_all([revision(PREVIOUS)], follow(2, 4), 19)
    assert (counts.tokens, counts.steps) == (20, 1)
    # n-grams need two matching tokens
    assert replay_all([revision(PREVIOUS)], ngram(2, 4), 19).steps == 2


@pytest.mark.parametrize(
    "answer",
    [
        (*PREVIOUS[:5], 99, *PREVIOUS[6:]),
        (*PREVIOUS[:5], 98, 99, *PREVIOUS[5:]),
        (*PREVIOUS[:5], *PREVIOUS[9:]),
        (*PREVIOUS[10:], *PREVIOUS[:10]),
    ],
    ids=["substitution", "insertion", "deletion", "move"],
)
def test_after_an_edit_the_place_is_found_again(answer: tuple[int, ...]) -> None:
    follower = Follower(PREVIOUS, 2, Ngram(2, 4))
    done = answer.index(17 if 17 in answer else 20) + 1
    assert list(follower([1, 2, *answer[:done]], 2)) == list(answer[done : done + 2])


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
def test_edits_are_as_large_as_asked_and_the_same_for_a_seed(share: float) -> None:
    text = " ".join(f"w{i}." if i % 7 == 6 else f"w{i}" for i in range(200))
    first, again = (edited(text, share, ["new "], random.Random(1)) for _ in range(2))
    assert first == again
    assert (first == text) == (share == 0)
    kept = set(words_of(text)) & set(words_of(first))
    assert len(kept) >= 200 * (1 - share) - 1


def test_the_revisions_prompt_extends_the_critiques() -> None:
    draft = Draft(prompt="p", response="old")
    critique, revised = round_traces(draft, "old", "Overall score: 1", "new", LETTERS)
    assert revised.prompt == (*critique.prompt, *critique.answer)
    assert revised.answer == (*map(ord, "new"), 0)
    assert revised.previous == tuple(map(ord, "old"))


def test_edits_are_asked_for_after_the_same_prompt_and_written_as_such() -> None:
    pair = Pair("one two three", "one 2 three", "p")
    edits, rewrite = edits_trace(pair, LETTERS), rewrite_trace(pair, LETTERS)
    assert edits.answer == (*map(ord, "- two\n+ 2"), 0)
    assert rewrite.answer == (*map(ord, pair.after), 0)
    assert edits.prompt != rewrite.prompt
    assert edits.previous == rewrite.previous == tuple(map(ord, pair.before))


def test_both_forms_are_counted_with_and_without_drafted_tokens() -> None:
    text = "".join(chr(97 + n % 26) * (n % 3 + 1) for n in range(60))
    found = figures([Pair(f"{text} end", f"{text} END")], LETTERS)
    rewrite, edits = found["rewrite"], found["edits"]
    assert rewrite["none"]["steps"] == rewrite["none"]["computed_tokens"] == len(text) + 4
    assert rewrite["ngram 2-4"]["steps"] < rewrite["none"]["steps"]
    assert rewrite["ngram 2-4"]["computed_tokens"] > rewrite["ngram 2-4"]["steps"]
    assert edits["none"]["tokens_a_step"] == 1
    best = min(rewrite[name]["steps"] for name in rewrite)
    assert found["edits_over_best_ngrams"] == pytest.approx(edits["none"]["steps"] / best, abs=1e-3)


def test_the_servers_counts_are_read_from_its_metrics() -> None:
    metrics = """vllm:spec_decode_num_drafts_total{engine="0"} 3.0
vllm:spec_decode_num_draft_tokens_total{engine="0"} 24.0
vllm:spec_decode_num_accepted_tokens_total{engine="0"} 9.0
vllm:spec_decode_num_accepted_tokens_per_pos_total{position="0"} 3.0
"""
    assert read_counts(metrics) == {"drafts": 3, "draft_tokens": 24, "accepted_tokens": 9}
