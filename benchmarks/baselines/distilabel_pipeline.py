"""distilabel itself: a pipeline with one step for each critique and each revision.

distilabel and vLLM need different versions of some libraries: give distilabel its own virtual
environment, with revloop for the prompts::

    pip install 'distilabel[openai]' requests .

(``requests`` because distilabel 1.5.3 imports it without requiring it.) All options are
distilabel's defaults: batches of 50 rows (``input_batch_size``) and a process for each step, which
works on one batch at a time. So each step has a barrier, but the steps of several rounds run
concurrently.
"""

from __future__ import annotations

import sys
import tempfile
from typing import TYPE_CHECKING, Any

from distilabel.models.llms import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import Task

from benchmarks.baselines.work import NO_KEY, Work, command_line
from revloop import Draft, PromptSet
from revloop.prompts.parsing import UnusableError

if TYPE_CHECKING:
    from collections.abc import Sequence

PROMPTS = PromptSet.load("cnr")


class Critique(Task):  # type: ignore[misc]  # distilabel is not installed beside vLLM
    """Requests a critique of the last text."""

    @property
    def inputs(self) -> list[str]:
        """Required columns."""
        return ["id", "prompt", "texts"]

    @property
    def outputs(self) -> list[str]:
        """Columns that this step adds."""
        return ["critique"]

    def format_input(self, input: dict[str, Any]) -> str:  # noqa: A002
        """The prompt, a text to continue."""
        return critique_prompt(input)

    def format_output(
        self,
        output: str | None,
        input: dict[str, Any] | None = None,  # noqa: A002, ARG002
    ) -> dict[str, Any]:
        """The critique, unchanged."""
        return {"critique": output or ""}


class Revision(Task):  # type: ignore[misc]
    """Requests the revision that follows the critique."""

    @property
    def inputs(self) -> list[str]:
        """Required columns."""
        return ["id", "prompt", "texts", "critique"]

    @property
    def outputs(self) -> list[str]:
        """Columns that this step adds or changes."""
        return ["texts"]

    def format_input(self, input: dict[str, Any]) -> str:  # noqa: A002
        """The prompt, a text to continue."""
        return str(PROMPTS.revision_prompt(critique_prompt(input), input["critique"]))

    def format_output(
        self,
        output: str | None,
        input: dict[str, Any] | None = None,  # noqa: A002
    ) -> dict[str, Any]:
        """All texts and the new one, which is the last one again if the reply is unusable."""
        texts = list(input["texts"]) if input else []
        try:
            revised = PROMPTS.parse_revision(output or "")
        except UnusableError:
            revised = texts[-1]
        return {"texts": [*texts, revised]}


def critique_prompt(row: dict[str, Any]) -> str:
    """The prompt for a critique of a row's last text."""
    text = row["texts"][-1]
    draft = Draft(id=row["id"], prompt=row["prompt"], response=text)
    return str(PROMPTS.critique_prompt(draft, text))


def revise_all(work: Work, drafts: Sequence[Draft]) -> list[list[str]]:
    """The texts of each draft, version 0 first."""
    if work.script is not None or work.prompts.name != PROMPTS.name:
        sys.exit(
            f"this program supports neither real lengths nor prompts other than {PROMPTS.name}"
        )

    def critic(max_new_tokens: int, **extra_body: Any) -> OpenAILLM:
        chosen: dict[str, Any] = {"temperature": 0, "max_new_tokens": max_new_tokens}
        if extra_body:
            chosen["extra_body"] = extra_body
        return OpenAILLM(
            model=work.model,
            base_url=f"{work.base_url}/v1",
            api_key=NO_KEY,
            generation_kwargs=chosen,
        )

    settings = PROMPTS.settings
    stops = list(PROMPTS.critique_stops())
    rows = [{"id": draft.id, "prompt": draft.prompt, "texts": [draft.response]} for draft in drafts]
    with (
        tempfile.TemporaryDirectory() as cache,
        Pipeline(name="critique-and-revise", cache_dir=cache) as pipeline,
    ):
        last: Any = LoadDataFromDicts(name="load", data=rows)
        for number in range(1, work.iterations + 1):
            critique = Critique(
                name=f"critique_{number}", llm=critic(settings.critique.max_tokens, stop=stops)
            )
            revision = Revision(name=f"revision_{number}", llm=critic(settings.revision.max_tokens))
            last >> critique >> revision
            last = revision
        done = pipeline.run(use_cache=False)
        texts = {row["id"]: row["texts"] for row in done["default"]["train"]}
        return [list(texts[draft.id]) for draft in drafts]


if __name__ == "__main__":
    command_line(revise_all, __doc__)
