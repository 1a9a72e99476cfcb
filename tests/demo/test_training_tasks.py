"""The training tasks of the base."""

import re
from itertools import islice
from random import Random

from revloop.demo.phrases import HELD_OUT
from revloop.demo.training.tasks import base_examples
from revloop.demo.training.tokenizer import END
from revloop.demo.truth import LABELS


def test_the_base_never_sees_the_layout_of_the_critic() -> None:
    for example in islice(base_examples(Random(0)), 500):
        text = "".join(part for part, _ in example.parts)
        assert not any(
            label in text for label in (*LABELS, "### Critique:", "### Revised response:")
        )


def test_the_base_never_sees_a_held_out_word() -> None:
    texts = [
        "".join(part for part, _ in example.parts)
        for example in islice(base_examples(Random(1)), 1000)
    ]
    words = {word.strip(".,").lower() for text in texts for word in text.split()}
    assert not words & {
        word.lower() for word in (*HELD_OUT.names, *HELD_OUT.colours, *HELD_OUT.things)
    }


def test_an_example_ends_with_the_end_token_and_learns_it() -> None:
    for example in islice(base_examples(Random(2)), 50):
        assert example.parts[-1][0].endswith(END)
        assert example.parts[-1][1]


def test_the_number_of_faults_is_that_of_the_marks() -> None:
    counted = 0
    for example in islice(base_examples(Random(3), 100_000), 200):
        text = "".join(part for part, _ in example.parts)
        if told := re.search(r"### Number of faults:\n(\d+)", text):
            assert int(told[1]) == len(re.findall(r", fault \d+\)", text))
            counted += 1
    assert counted > 50
