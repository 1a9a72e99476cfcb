"""The tokenizer: it reproduces any text, and spells fields with small tokens."""

from hypothesis import given
from hypothesis import strategies as st

from revloop.demo.phrases import HELD_OUT
from revloop.demo.training.tokenizer import END, VOCABULARY, make_tokenizer

TOKENIZER = make_tokenizer()


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER(text)["input_ids"]) == text


@given(st.text(), st.text())
def test_text_cut_at_a_line_break_gives_the_same_pieces(first: str, second: str) -> None:
    first, second = first.replace(END, ""), second.replace(END, "")
    parts = TOKENIZER(f"{first}\n")["input_ids"] + TOKENIZER(f"{second}\n")["input_ids"]
    assert parts == TOKENIZER(f"{first}\n{second}\n")["input_ids"]


def test_it_is_the_same_on_every_call() -> None:
    assert make_tokenizer().get_vocab() == TOKENIZER.get_vocab()
    assert len(TOKENIZER) <= VOCABULARY


def test_held_out_words_are_spelt_from_small_pieces() -> None:
    for word in (*HELD_OUT.names, *HELD_OUT.colours, *HELD_OUT.things):
        assert len(TOKENIZER(f" {word}")["input_ids"]) >= 3


def test_words_of_the_phrasings_are_single_pieces() -> None:
    for word in ("wonderful", "confirmed", "grateful", "right", "fault"):
        assert len(TOKENIZER(f" {word}")["input_ids"]) == 1


def test_the_end_token_is_one_token() -> None:
    assert TOKENIZER(END)["input_ids"] == [TOKENIZER.eos_token_id]
