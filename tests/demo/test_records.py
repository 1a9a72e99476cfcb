"""Generated records: true, corrected, and in the loop's format."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from revloop.demo.judge import judge
from revloop.demo.phrases import HELD_OUT
from revloop.demo.records import demo_records
from revloop.demo.training.tokenizer import make_tokenizer
from revloop.demo.truth import check
from revloop.prompts import PromptSet
from revloop.records import Lesson, training_texts

CNR = PromptSet.load("cnr")


@given(st.integers(0, 2**32))
def test_a_record_is_true_and_mends_its_draft(seed: int) -> None:
    (record,) = demo_records(1, seed=seed)
    prompt, critique = record.prompt or "", record.critique or ""
    assert judge(prompt, record.revision or "").faults == ()
    assert all(statement.is_true for statement in check(prompt, record.response, critique))


def test_records_come_out_the_same_for_the_same_seed() -> None:
    assert list(demo_records(20, seed=5)) == list(demo_records(20, seed=5))
    assert list(demo_records(20, seed=5)) == list(islice(demo_records(100, seed=5), 20))
    assert next(demo_records(1, seed=5)) != next(demo_records(1, seed=6))


def test_no_record_holds_a_held_out_word() -> None:
    texts = [f"{record.prompt} {record.response}" for record in demo_records(500)]
    words = {word.strip(".,").lower() for text in texts for word in text.split()}
    held_out = (*HELD_OUT.names, *HELD_OUT.colours, *HELD_OUT.things)
    assert not words & {word.lower() for word in held_out}


def test_a_record_is_laid_out_as_the_loop_will_ask_for_it() -> None:
    (record,) = demo_records(1)
    (text,) = training_texts(record, CNR)
    assert (text.lesson, text.ends) == (Lesson.BOTH, True)
    assert text.prompt == (
        f"### Prompt:\n{record.prompt}\n\n### Response:\n{record.response}\n\n### Critique:\n"
    )
    assert text.target == f"{record.critique}\n\n### Revised response:\n{record.revision}"


def test_records_fit_512_tokens() -> None:
    tokenizer = make_tokenizer()
    for record in demo_records(300, seed=3):
        (text,) = training_texts(record, CNR)
        assert len(tokenizer(str(text.prompt) + text.target)["input_ids"]) < 512
