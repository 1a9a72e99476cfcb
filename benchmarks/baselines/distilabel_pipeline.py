"""distilabel itself: a pipeline with one step for each critique and each revision.

It needs distilabel, which wants other versions of some libraries than vLLM does: give it a virtual
environment of its own, with revloop in it for the prompts::

    pip install 'distilabel[openai]' requests .

(``requests`` because distilabel 1.5.3 imports it, and leaves it to a library that no longer does.)
All options are distilabel's own: batches of 50 rows (``input_batch_size``), a process for each
step, and as long as its input lasts each step works on one batch at a time. So there is a barrier
in each step, but the steps of several rounds work side by side.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from distilabel.models.llms import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import Task
from openai import OpenAI

from revloop import Draft, PromptSet
from revloop.prompts.parsing import UnusableError

PROMPTS = PromptSet.load("cnr")


class Critique(Task):  # type: ignore[misc]  # distilabel is not installed beside vLLM
    """Asks for a critique of the last text."""

    @property
    def inputs(self) -> list[str]:
        """Columns that must be there."""
        return ["id", "prompt", "texts"]

    @property
    def outputs(self) -> list[str]:
        """Columns that this adds."""
        return ["critique"]

    def format_input(self, input: dict[str, Any]) -> str:  # noqa: A002
        """The prompt, as a text to continue."""
        return critique_prompt(input)

    def format_output(
        self,
        output: str | None,
        input: dict[str, Any] | None = None,  # noqa: A002, ARG002
    ) -> dict[str, Any]:
        """The critique to the letter."""
        return {"critique": output or ""}


class Revision(Task):  # type: ignore[misc]
    """Asks for the revision that follows from the critique."""

    @property
    def inputs(self) -> list[str]:
        """Columns that must be there."""
        return ["id", "prompt", "texts", "critique"]

    @property
    def outputs(self) -> list[str]:
        """Columns that this adds or changes."""
        return ["texts"]

    def format_input(self, input: dict[str, Any]) -> str:  # noqa: A002
        """The prompt, as a text to continue."""
        return str(PROMPTS.revision_prompt(critique_prompt(input), input["critique"]))

    def format_output(
        self,
        output: str | None,
        input: dict[str, Any] | None = None,  # noqa: A002
    ) -> dict[str, Any]:
        """All texts, with the new one; where the answer holds none, the last one stays."""
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


def revise_all(
    drafts: list[Draft], base_url: str, model: str, iterations: int
) -> list[dict[str, Any]]:
    """The rows of all drafts, with their texts."""

    def critic(max_new_tokens: int, **extra_body: Any) -> OpenAILLM:
        chosen: dict[str, Any] = {"temperature": 0, "max_new_tokens": max_new_tokens}
        if extra_body:
            chosen["extra_body"] = extra_body
        return OpenAILLM(
            model=model, base_url=f"{base_url}/v1", api_key="none", generation_kwargs=chosen
        )

    settings = PROMPTS.settings
    stops = list(PROMPTS.critique_stops())
    rows = [{"id": draft.id, "prompt": draft.prompt, "texts": [draft.response]} for draft in drafts]
    with (
        tempfile.TemporaryDirectory() as cache,
        Pipeline(name="critique-and-revise", cache_dir=cache) as pipeline,
    ):
        last: Any = LoadDataFromDicts(name="load", data=rows)
        for number in range(1, iterations + 1):
            critique = Critique(
                name=f"critique_{number}", llm=critic(settings.critique.max_tokens, stop=stops)
            )
            revision = Revision(name=f"revision_{number}", llm=critic(settings.revision.max_tokens))
            last >> critique >> revision
            last = revision
        done = pipeline.run(use_cache=False)
        return list(done["default"]["train"])


def served_model(base_url: str) -> str:
    """The one model that a server serves."""
    with OpenAI(base_url=f"{base_url}/v1", api_key="none") as client:
        (model,) = client.models.list().data
    return model.id


def main() -> None:
    """The command line: as that of the other baselines, but for real lengths."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("drafts", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--model")
    parser.add_argument("--iterations", type=int, default=5)
    chosen = parser.parse_args()
    with chosen.drafts.open(encoding="utf-8") as lines:
        drafts = [Draft.model_validate_json(line) for line in lines]
    model = chosen.model or served_model(chosen.base_url)
    rows = revise_all(drafts, chosen.base_url, model, chosen.iterations)
    with chosen.output.open("w", encoding="utf-8") as output:
        for row in rows:
            output.write(json.dumps({"id": row["id"], "texts": row["texts"]}) + "\n")


if __name__ == "__main__":
    main()
