"""Answer files of benchmarks, as their own programs read them.

AlpacaEval (``load_or_convert_to_dataframe`` and ``annotate_head2head`` of tatsu-lab/alpaca_eval)
reads a JSON array and joins it with the reference outputs by ``instruction``. Arena-Hard
(``load_model_answers`` and ``pairwise_judgment`` of lmarena/arena-hard-auto) and MT-Bench
(``load_model_answers`` and ``check_data`` of lm-sys/FastChat, ``llm_judge``) read JSONL files that
are named after the model, and find answers by ``uid`` and ``question_id``. Read on 2026-11-29.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from revloop.values import digest_of

if TYPE_CHECKING:
    from revloop.trajectory import Trajectory, Version

_ID_DIGITS = 22


class Benchmark(NamedTuple):
    """A benchmark's answer file.

    Attributes:
        files: What it is called in messages.
        ending: The only ending that its program reads.
        is_array: Whether it is one JSON array, not JSONL.
    """

    files: str
    ending: str
    is_array: bool = False


BENCHMARKS = {
    "alpaca-eval": Benchmark("AlpacaEval's outputs", ".json", is_array=True),
    "arena-hard": Benchmark("Arena-Hard's answers", ".jsonl"),
    "mt-bench": Benchmark("MT-Bench's answers", ".jsonl"),
}
"""The benchmarks by the name of their form."""


def answer_row(
    name: str, trajectory: Trajectory, round_: int | None, model_name: str
) -> dict[str, Any]:
    """The answer that a trajectory gives: always one, so that the file has the input's rows.

    Args:
        name: One of :data:`BENCHMARKS`.
        trajectory: Finished or not.
        round_: The round whose kept version answers; after the last if it has fewer or None.
        model_name: Who answers.
    """
    last = trajectory.rounds if round_ is None else min(round_, trajectory.rounds)
    version = trajectory.versions[trajectory.kept_after(last)]
    if name == "alpaca-eval":
        return _alpaca_eval(trajectory, version, model_name)
    if name == "arena-hard":
        return _arena_hard(trajectory, version, model_name)
    return _mt_bench(trajectory, version, model_name)


def _alpaca_eval(trajectory: Trajectory, version: Version, model_name: str) -> dict[str, Any]:
    extra = trajectory.draft.extra
    known: dict[str, Any] = {
        name: extra[name] for name in ("dataset", "datasplit") if name in extra
    }
    return {
        **known,
        "instruction": trajectory.draft.prompt_text,
        "output": version.text,
        "generator": model_name,
    }


def _arena_hard(trajectory: Trajectory, version: Version, model_name: str) -> dict[str, Any]:
    turns = [{"role": turn.role, "content": turn.content} for turn in trajectory.draft.conversation]
    return {
        "uid": _named(trajectory, "uid", "question_id"),
        "ans_id": _answer_id(trajectory, version),
        "model": model_name,
        "messages": [*turns, {"role": "assistant", "content": {"answer": version.text}}],
        "tstamp": version.created_at.timestamp(),
    }


def _mt_bench(trajectory: Trajectory, version: Version, model_name: str) -> dict[str, Any]:
    earlier = [turn.content for turn in trajectory.draft.conversation if turn.role == "assistant"]
    return {
        "question_id": _named(trajectory, "question_id"),
        "answer_id": _answer_id(trajectory, version),
        "model_id": model_name,
        "choices": [{"index": 0, "turns": [*earlier, version.text]}],
        "tstamp": version.created_at.timestamp(),
    }


def _named(trajectory: Trajectory, *names: str) -> object:
    """The question's id, by the first of the draft's fields that holds it; else the draft's id."""
    extra = trajectory.draft.extra
    return next((extra[name] for name in names if extra.get(name) is not None), trajectory.draft.id)


def _answer_id(trajectory: Trajectory, version: Version) -> str:
    return digest_of(trajectory.id, version.round, length=_ID_DIGITS)
