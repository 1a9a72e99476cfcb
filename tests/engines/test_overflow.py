"""The numbers in errors about prompts that are too long: `revloop.engines.overflow`.

`tests/dialects` has the words of each server.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.engines.overflow import Overflow

WORDS = """
This model's maximum context length is {context} tokens. However, you requested {total} tokens \
({prompt} in the messages, {answer} in the completion).
Requested token count exceeds the model's maximum context length of {context} tokens. You \
requested a total of {total} tokens: {prompt} tokens from the input messages and {answer} tokens \
for the completion.
`inputs` tokens + `max_new_tokens` must be <= {context}. Given: {prompt} `inputs` tokens and \
{answer} `max_new_tokens`
input length and `max_tokens` exceed context limit: {prompt} + {answer} > {context}, decrease
""".strip().splitlines()
numbers = st.integers(1, 10**9)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("form", ["{}", "{:,}"])
@given(prompt=numbers, answer=numbers, context=numbers)
def test_any_numbers_are_read_from_a_servers_words(
    words: str, form: str, prompt: int, answer: int, context: int
) -> None:
    counts = {"prompt": prompt, "answer": answer, "context": context, "total": prompt + answer}
    written = {name: form.format(count) for name, count in counts.items()}
    assert Overflow.read(words.format(**written), {}) == Overflow(prompt, answer, None, context)


@given(st.text())
def test_any_words_have_numbers_or_none(words: str) -> None:
    assert Overflow.read(words, {}).sentence().isprintable()


@pytest.mark.parametrize("words", ["Too long.", "The context length 'x' is too short.", ""])
def test_without_numbers_nothing_is_said(words: str) -> None:
    assert Overflow.read(words, {"n_ctx": None, "n_prompt_tokens": "many"}).sentence() == ""


def test_numbers_in_fields_count_before_those_in_words() -> None:
    fields = {"n_ctx": 8192, "n_prompt_tokens": 9000}
    read = Overflow.read("The request (1 tokens) exceeds the context size (2 tokens).", fields)
    assert read.sentence() == "The prompt takes 9000 tokens, the limit is 8192."


def test_a_number_of_characters_is_none_of_tokens() -> None:
    read = Overflow.read("Your prompt contains 9000 characters.", {})
    assert read == Overflow()
