"""Prompts as tokens, with the tokenizer of the shipped critic: `revloop.engines.tokens`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing

from revloop.engines import TokenPrefix
from revloop.engines.tokens import PromptTokenizer
from revloop.errors import ModelConfigError
from tests.helpers.repository import TINY_CRITIC

if TYPE_CHECKING:
    from pathlib import Path

END = "<|endoftext|>"
END_ID = 0
CRITIC = PromptTokenizer.from_folder(TINY_CRITIC)
LIBRARY = Tokenizer.from_file(str(TINY_CRITIC / "tokenizer.json"))

texts = st.text() | st.lists(st.sampled_from([END, "<|", "endoftext", "é", " ", "\n"])).map("".join)
splits = st.tuples(texts, texts)


def wrapping_tokenizer() -> PromptTokenizer:
    """A tokenizer that adds a token before every prompt, as many models require."""
    tokenizer = Tokenizer.from_file(str(TINY_CRITIC / "tokenizer.json"))
    tokenizer.post_processor = TemplateProcessing(
        single=f"{END} $A", special_tokens=[(END, END_ID)]
    )
    return PromptTokenizer(tokenizer)


LETTERS = {letter: number for number, letter in enumerate("\u2581\naxretun")}


def sentencepiece_tokenizer() -> PromptTokenizer:
    """A tokenizer whose decoder drops the first space, like those of Llama and Gemma."""
    tokenizer = Tokenizer(BPE(vocab=LETTERS, merges=[]))
    tokenizer.pre_tokenizer = Metaspace(prepend_scheme="always", split=False)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    return PromptTokenizer(tokenizer)


# text to tokens


@given(texts)
def test_any_text_comes_back_from_its_tokens(text: str) -> None:
    assert LIBRARY.decode(CRITIC.encode(text), skip_special_tokens=False) == text


@given(texts)
def test_no_text_holds_a_special_token(text: str) -> None:
    assert END_ID not in CRITIC.encode(f"{text}{END}{text}")


def test_the_library_itself_would_read_the_special_token() -> None:
    tokenizer = Tokenizer.from_file(str(TINY_CRITIC / "tokenizer.json"))
    assert tokenizer.encode(END).ids == [END_ID]
    assert PromptTokenizer(tokenizer).encode(END) != [END_ID]


@given(texts)
def test_tokens_are_counted(text: str) -> None:
    assert CRITIC.count(text) == len(CRITIC.encode(text))


def test_tokens_that_a_model_wants_around_a_prompt_are_added() -> None:
    wrapping = wrapping_tokenizer()
    assert wrapping.encode("one") == [END_ID, *CRITIC.encode("one")]


def test_tokens_around_a_prompt_are_not_counted_with_a_text() -> None:
    assert wrapping_tokenizer().count("one") == CRITIC.count("one")


def test_a_tokenizer_that_would_cut_or_pad_does_neither() -> None:
    tokenizer = Tokenizer.from_file(str(TINY_CRITIC / "tokenizer.json"))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=6)
    assert PromptTokenizer(tokenizer).encode("a longer text") == CRITIC.encode("a longer text")
    assert PromptTokenizer(tokenizer).encode("ab") == CRITIC.encode("ab")


# prefixes


@given(splits)
def test_a_known_prefix_is_used_as_it_is_and_only_the_rest_is_encoded(
    parts: tuple[str, str],
) -> None:
    start, rest = parts
    prefix = TokenPrefix(start, (7, 7, 7))
    assert CRITIC.encode(start + rest, prefix) == [7, 7, 7, *CRITIC.encode(rest)]


def test_a_prefix_of_another_text_is_not_used() -> None:
    prefix = TokenPrefix("Another text", (7, 7, 7))
    assert CRITIC.encode("The text.", prefix) == CRITIC.encode("The text.")


def test_after_a_prefix_nothing_is_put_around_the_rest() -> None:
    prefix = TokenPrefix("one", (END_ID, 7))
    assert wrapping_tokenizer().encode("one two", prefix) == [END_ID, 7, *CRITIC.encode(" two")]


@given(splits)
def test_prompt_and_answer_are_the_prefix_of_what_comes_next(parts: tuple[str, str]) -> None:
    prompt, said = parts
    prompt_ids, said_ids = CRITIC.encode(prompt), CRITIC.encode(said)
    prefix = CRITIC.prefix(prompt, prompt_ids, said, said_ids)
    assert prefix == TokenPrefix(prompt + said, (*prompt_ids, *said_ids))


def test_an_end_token_is_no_part_of_a_prefix() -> None:
    said_ids = [*CRITIC.encode("So."), END_ID]
    prefix = CRITIC.prefix("p", CRITIC.encode("p"), "So.", said_ids)
    assert prefix == TokenPrefix("pSo.", tuple(CRITIC.encode("pSo.")))


def test_a_special_token_within_an_answer_spoils_its_prefix() -> None:
    said_ids = [*CRITIC.encode("So"), END_ID, *CRITIC.encode(".")]
    assert CRITIC.prefix("p", CRITIC.encode("p"), "So.", said_ids) is None


@given(texts, texts.filter(bool))
def test_tokens_that_reach_beyond_the_text_give_no_prefix(said: str, beyond: str) -> None:
    assert CRITIC.prefix("p", CRITIC.encode("p"), said, CRITIC.encode(said + beyond)) is None


@given(st.text("\n axreturn", min_size=1))
def test_an_answer_keeps_the_blanks_that_it_begins_with(answer: str) -> None:
    tokenizer = sentencepiece_tokenizer()
    ids = [LETTERS[letter.replace(" ", "\u2581")] for letter in answer]
    assert tokenizer.spell(ids) == answer
    asked = tokenizer.encode("a")
    assert tokenizer.prefix("a", asked, answer, ids) == TokenPrefix(f"a{answer}", (*asked, *ids))


def test_an_answer_without_tokens_gives_no_prefix() -> None:
    assert CRITIC.prefix("p", CRITIC.encode("p"), "So.", []) is None


def test_an_empty_answer_leaves_the_prompt_as_prefix() -> None:
    ids = CRITIC.encode("p")
    assert CRITIC.prefix("p", ids, "", [END_ID]) == TokenPrefix("p", tuple(ids))


@pytest.mark.parametrize(
    ("ids", "ended"), [([], False), ([5], False), ([5, END_ID], True), ([END_ID, 5], False)]
)
def test_an_answer_has_ended_when_its_last_token_is_an_end_token(
    ids: list[int], ended: bool
) -> None:
    assert CRITIC.has_ended(ids) is ended


# folders


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match=r"has no tokenizer\.json"):
        PromptTokenizer.from_folder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"version": "1.0"'])
def test_a_broken_tokenizer_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(ModelConfigError, match=r"tokenizer\.json is not a tokenizer: "):
        PromptTokenizer.from_folder(tmp_path)


def test_a_folder_may_be_named_by_a_string(tmp_path: Path) -> None:
    shutil.copy(TINY_CRITIC / "tokenizer.json", tmp_path)
    assert PromptTokenizer.from_folder(str(tmp_path)).encode("So.") == CRITIC.encode("So.")
