"""Records as token ids: training sees the tokens of inference."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from revloop import AsyncReviser, PromptSet
from revloop.engines import TransformersEngine
from revloop.engines.local_tokens import LocalTokenizer
from revloop.errors import InputError
from revloop.finetune.examples import IGNORED, Encoder, divide, read_usable, summary
from revloop.records import Lesson, Record, training_texts
from tests.helpers.record_samples import BOTTLES
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.tiny_falcon import feedback, write_records

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.engines.generation import BatchedPrompt

CNR = PromptSet.load("cnr")
END_ID = 0
PLAIN = feedback("Maria")
TRICKY = PLAIN | {
    "prompt": "What does <|endoftext|> do?\n\n### Response:\nNothing",
    "response": "It <|endoftext|> ends.  \n",
    "negative": "12345 \u00e9\u4e16\U0001f600 says\n\nnothing",
    "revision": "\u00e9 <|endoftext|> ends a document.",
}
TURNS = {key: value for key, value in PLAIN.items() if key != "prompt"} | {
    "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Go on"}]
}


@pytest.fixture(scope="module")
def tokenizer() -> LocalTokenizer:
    return LocalTokenizer.from_model(str(TINY_CRITIC))


@pytest.fixture(scope="module")
def encoder(tokenizer: LocalTokenizer) -> Encoder:
    return Encoder(CNR, tokenizer, END_ID, max_tokens=2048)


class Recital:
    """A fake model that generates the target of one example and records its inputs."""

    context_tokens = 4096
    version = "recital"

    def __init__(self, tokenizer: LocalTokenizer, target_ids: tuple[int, ...]) -> None:
        self.prompts: list[list[int]] = []
        self._tokenizer = tokenizer
        self._left = list(target_ids)

    def generate(self, rows: list[BatchedPrompt]) -> list[list[int]]:
        (row,) = rows
        self.prompts.append(row.prompt_ids)
        written: list[int] = []
        while self._left:
            written.append(self._left.pop(0))
            if any(stop in self._tokenizer.text(written) for stop in row.stop):
                break
        return [written]


@pytest.mark.parametrize("data", [PLAIN, TRICKY, TURNS, BOTTLES])
@pytest.mark.parametrize("single_pass", [False, True])
async def test_training_tokens_are_inference_tokens(
    encoder: Encoder, tokenizer: LocalTokenizer, data: dict[str, Any], single_pass: bool
) -> None:
    record = Record.model_validate(data)
    (text,) = training_texts(record, CNR)
    example = encoder.example(text)
    model: Any = Recital(tokenizer, example.target_ids)
    engine = TransformersEngine("recital", model, tokenizer, batch_size=1)
    async with AsyncReviser(engine=engine, single_pass=single_pass) as reviser:
        trajectory = await reviser.revise(record.draft, iterations=1)
    assert record.revision is not None
    assert trajectory.final == record.revision.strip()
    assert model.prompts[0] == list(example.prompt_ids)
    if not single_pass:
        # the critique and the bridge as generated, without retokenising
        whole = [*example.prompt_ids, *example.target_ids]
        assert model.prompts[1] == whole[: len(model.prompts[1])]
        assert tokenizer.text(model.prompts[1]).endswith(CNR.bridge)


def test_the_loss_is_on_critique_and_revision_only(
    encoder: Encoder, tokenizer: LocalTokenizer
) -> None:
    (text,) = training_texts(Record.model_validate(PLAIN), CNR)
    row = encoder.example(text).row()
    with_loss = [label for label in row["labels"] if label != IGNORED]
    assert tokenizer.text(with_loss) == (
        "Overall score: 6\nPositive aspects: Polite.\nNegative aspects: No full stop."
        "\n\n### Revised response:\nDear Maria, thank you."
    )
    assert row["input_ids"][-len(with_loss) :] == with_loss
    assert set(row["labels"][: -len(with_loss)]) == {IGNORED}


def test_the_end_token_is_learnt(encoder: Encoder) -> None:
    (text,) = training_texts(Record.model_validate(PLAIN), CNR)
    assert encoder.example(text).row()["labels"][-1] == END_ID


def test_a_special_token_in_a_text_is_letters(encoder: Encoder) -> None:
    (text,) = training_texts(Record.model_validate(TRICKY), CNR)
    example = encoder.example(text)
    assert END_ID not in (*example.prompt_ids, *example.target_ids[:-1])


def test_a_critique_without_a_revision_does_not_end(encoder: Encoder) -> None:
    data = {key: value for key, value in PLAIN.items() if key != "revision"}
    (text,) = training_texts(Record.model_validate(data), CNR)
    assert text.lesson is Lesson.CRITIQUE
    assert encoder.example(text).target_ids[-1] != END_ID


def test_a_chat_set_uses_the_bases_chat_template(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(TINY_CRITIC, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    settings["chat_template"] = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    tokenizer = LocalTokenizer.from_model(str(folder))
    encoder = Encoder(PromptSet.load("chat"), tokenizer, END_ID, max_tokens=4096)
    made = encoder.examples([Record.model_validate(PLAIN)])
    assert (made.records, len(made.sequences)) == (1, 2)
    assert tokenizer.text(list(made.sequences[1].prompt_ids)).startswith("user: Here is a prompt")
    assert tokenizer.text(list(made.sequences[1].target_ids)).startswith(
        "<revised_response>\nDear Maria"
    )


def test_a_chat_set_needs_a_chat_template(tokenizer: LocalTokenizer) -> None:
    encoder = Encoder(PromptSet.load("chat"), tokenizer, END_ID, max_tokens=4096)
    with pytest.raises(InputError, match="no chat template"):
        encoder.examples([Record.model_validate(PLAIN)])


def test_a_too_long_record_is_left_out_and_never_truncated(tokenizer: LocalTokenizer) -> None:
    encoder = Encoder(CNR, tokenizer, END_ID, max_tokens=200)
    long = PLAIN | {"response": "word " * 200, "id": "long"}
    made = encoder.examples([Record.model_validate(PLAIN), Record.model_validate(long)])
    assert made.records == 1
    (reason,) = made.left_out
    assert reason.startswith("record long: ")
    assert reason.endswith("tokens, more than 200")


def test_a_record_that_does_not_fit_the_prompt_set_is_left_out(encoder: Encoder) -> None:
    made = encoder.examples([Record.model_validate(PLAIN | {"score": 99, "id": "high"})])
    assert made.sequences == ()
    assert "record high: the score 99 is outside" in made.left_out[0]


def test_the_digest_changes_with_a_letter(encoder: Encoder) -> None:
    one = encoder.examples([Record.model_validate(PLAIN)])
    other = encoder.examples([Record.model_validate(PLAIN | {"positive": "Polite!"})])
    assert one.digest != other.digest
    assert one.digest == encoder.examples([Record.model_validate(PLAIN)]).digest


# files and sides


def test_a_bad_line_is_reported_and_the_others_are_used(tmp_path: Path) -> None:
    path = write_records(tmp_path / "r.jsonl", [PLAIN, {"prompt": "p"}, PLAIN])
    records, findings = read_usable(path)
    assert len(records) == 1
    assert findings[0].startswith("line 2: ")
    assert findings[1] == "line 3: the same as an earlier record"


@pytest.mark.parametrize("content", ["", "\n", "nonsense\n", '{"prompt": "p"}\n'])
def test_a_file_without_a_record_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"r\.jsonl holds no record that can be used"):
        read_usable(path)


def test_no_prompt_is_on_both_sides() -> None:
    rows = [PLAIN | {"prompt": f"Prompt {n % 5}", "positive": f"{n}"} for n in range(40)]
    records = [Record.model_validate(row) for row in rows]
    training, held_out = divide(records, validation_share=0.2, seed=3)
    assert len(training) + len(held_out) == 40
    assert held_out
    assert not {r.prompt for r in training} & {r.prompt for r in held_out}


def test_one_prompt_cannot_be_split() -> None:
    record = Record.model_validate(PLAIN)
    assert divide([record, record], validation_share=0.5, seed=0) == ([record, record], [])


def test_a_share_of_zero_holds_nothing_out() -> None:
    records = [Record.model_validate(feedback(name)) for name in ("Ali", "Zoe")]
    assert divide(records, validation_share=0, seed=0) == (records, [])


def test_a_summary_has_the_first_reasons_and_counts_the_rest() -> None:
    assert summary([]) == ""
    assert summary(["a.", "b"]) == ": a; b"
    assert summary(["a", "b", "c", "d", "e"]) == ": a; b; c; and 2 more"
