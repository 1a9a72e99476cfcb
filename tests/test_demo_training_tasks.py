"""What the two stages are trained on."""

from itertools import islice
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from revloop.demo.judge import judge
from revloop.demo.phrases import HELD_OUT
from revloop.demo.training.tasks import base_examples, make_records, record_example
from revloop.demo.training.tokenizer import END, make_tokenizer
from revloop.demo.truth import LABELS, check
from revloop.prompts import PromptSet

CNR = PromptSet.load("cnr")


def test_the_base_never_sees_the_layout_of_the_critic() -> None:
    for example in islice(base_examples(Random(0)), 500):
        text = "".join(part for part, _ in example.parts)
        assert not any(
            label in text for label in (*LABELS, "### Critique:", "### Revised response:")
        )


def test_no_stage_sees_a_held_out_word() -> None:
    texts = [
        "".join(part for part, _ in example.parts)
        for example in islice(base_examples(Random(1)), 1000)
    ]
    texts += [
        record.draft.prompt + record.draft.response for record in make_records(Random(1), 500)
    ]
    words = {word.strip(".,").lower() for text in texts for word in text.split()}
    assert not words & {
        word.lower() for word in (*HELD_OUT.names, *HELD_OUT.colours, *HELD_OUT.things)
    }


def test_an_example_ends_with_the_end_token_and_learns_it() -> None:
    for example in islice(base_examples(Random(2)), 50):
        assert example.parts[-1][0].endswith(END)
        assert example.parts[-1][1]


@given(st.integers(0, 2**32))
def test_a_record_is_true_and_mends_its_draft(seed: int) -> None:
    (record,) = make_records(Random(seed), 1)
    assert judge(record.draft.prompt, record.revision).faults == ()
    assert all(
        s.is_true for s in check(record.draft.prompt, record.draft.response, record.critique)
    )


def test_records_come_out_the_same_for_the_same_seed() -> None:
    assert make_records(Random(5), 20) == make_records(Random(5), 20)


def test_a_record_is_laid_out_as_the_loop_will_ask_for_it() -> None:
    (record,) = make_records(Random(0), 1)
    text = "".join(part for part, _ in record_example(record, CNR).parts)
    assert text == (
        f"### Prompt:\n{record.draft.prompt}\n\n### Response:\n{record.draft.response}\n\n"
        "### Critique:\n"
        f"{record.critique}\n\n### Revised response:\n{record.revision}{END}"
    )


def test_records_fit_512_tokens() -> None:
    tokenizer = make_tokenizer()
    for record in make_records(Random(3), 300):
        assert (
            sum(len(tokenizer(part)["input_ids"]) for part, _ in record_example(record, CNR).parts)
            <= 512
        )
