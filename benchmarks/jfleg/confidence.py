"""Judges that know no reference: how sure the critic is of its own change.

For `revloop batch --keep gate --judge benchmarks.jfleg.confidence:judge`. A critic that rewrites a
text as another has a probability for that, and one for leaving it as it was; the change must be
the likelier one by a margin, after what the untrained model says of both texts is added.
`REVLOOP_JFLEG_CRITIC` and `REVLOOP_JFLEG_BASE` name the models' folders, and the first may name
several critics, as `PATH` names folders: what counts is their mean. Critics of errors are
tuned in the same way elsewhere (GECToR's confidence bias: K. Omelianchuk et al., arXiv 2005.12592).
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from statistics import fmean

from benchmarks.jfleg import fluency
from revloop.prompts import PromptSet
from revloop.records import Record, training_texts

FOLDER = "REVLOOP_JFLEG_CRITIC"
CRITIQUE = "wording, spelling"
"""The critique that both probabilities are of: the one that critics give most."""

WEIGHT = 10.0
"""Of a difference of mean log-probability a token under the untrained model."""
MARGIN = 2.0
"""Least sum, in nats, of a change that is kept."""

CAREFUL_WEIGHT = 2.0
CAREFUL_MARGIN = 2.0
"""The same for a gate that spares good sentences."""

_accepted: dict[tuple[str, str, float, float], str] = {}
"""Why each change was accepted: text, revision, weight and margin."""

_PROMPTS = Path(__file__).parent / "prompts" / "rewrite"


def judge(_prompt: str, first: str, second: str) -> tuple[str, str]:
    """The text that the other one should be changed to, by critic and untrained model."""
    return _verdict(first, second, WEIGHT, MARGIN)


def careful_judge(_prompt: str, first: str, second: str) -> tuple[str, str]:
    """The same with the weight and margin that spare good sentences."""
    return _verdict(first, second, CAREFUL_WEIGHT, CAREFUL_MARGIN)


def gain(text: str, revision: str) -> float:
    """By how many nats the critics prefer a change to leaving a text alone, on average."""
    critics = os.environ[FOLDER].split(os.pathsep)
    return fmean(
        log_probability(text, revision, critic) - log_probability(text, text, critic)
        for critic in critics
    )


def _verdict(first: str, second: str, weight: float, margin: float) -> tuple[str, str]:
    """A gate asks in both orders; the way back from an accepted change is not computed."""
    with fluency.LOCK:
        known = _accepted.get((second, first, weight, margin))
        if known is not None:
            return "first", known
        sums = []
        for text, revision, preference in ((first, second, "second"), (second, first, "first")):
            sums.append(_sum(text, revision, weight))
            reason = f"{sums[-1]:.2f} nats"
            if sums[-1] > margin:
                _accepted[text, revision, weight, margin] = reason
                return preference, reason
    return "tie", f"{sums[0]:.2f} and {sums[1]:.2f} nats"


def _sum(text: str, revision: str, weight: float) -> float:
    likelier = fluency.score(revision) - fluency.score(text) if weight else 0.0
    return gain(text, revision) + weight * likelier


@cache
def log_probability(text: str, revision: str, critic: str) -> float:
    """Of a critic's whole reply to a text, with the usual critique and this revision."""
    import torch

    record = Record(id="pair", response=text, critique=CRITIQUE, revision=revision)
    (whole,) = training_texts(record, _prompts())
    tokenizer, model = fluency.loaded(critic)
    asked, reply = (
        tokenizer(part, add_special_tokens=False).input_ids for part in (whole.prompt, whole.target)
    )
    ids = torch.tensor([[*asked, *reply, tokenizer.eos_token_id]])
    with torch.inference_mode():
        logits = model(input_ids=ids[:, :-1], logits_to_keep=len(reply) + 1).logits[0].float()
    wanted = ids[0, len(asked) :, None]
    return float(logits.log_softmax(-1).gather(-1, wanted).sum())


@cache
def _prompts() -> PromptSet:
    return PromptSet.load(_PROMPTS)
