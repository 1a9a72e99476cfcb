"""The count of false alarms of the check `keeps`."""

from __future__ import annotations

from benchmarks.edits.pairs import Pair
from benchmarks.keeps import figures, is_respelt, lightly_edited, rates

ANSWER = """He paid 1,200 dollars for 3 cars and said "It's 2 too many".

1. First, do not wait.
2. Then **go**.

```
x = 1,200
```

The end."""


def test_light_edits_change_the_form_and_keep_quotations_and_code() -> None:
    edited = lightly_edited(ANSWER)
    assert "1200 dollars for three cars and said \u201cIt's 2 too many\u201d" in edited
    assert "- First, don't wait.\n- Then go." in edited
    assert "x = 1,200" in edited


def test_failed_checks_are_counted_by_kind() -> None:
    pairs = [
        Pair(ANSWER, lightly_edited(ANSWER)),
        Pair("I saw Anna and Effel in 2020.", "I saw Anna and Eiffel."),
        Pair("It is fine.", "It was fine."),
    ]
    found = figures(pairs)
    assert found["pairs"] == 3
    failed = found["failed"]
    assert (failed["numbers"], failed["names"], failed["all"]) == (1, 1, 1)
    assert found["with any"]["numbers"] == 2
    assert found["names that are only spelt otherwise"] == 1
    assert (rates(found)["numbers"], rates(found)["links"]) == ("50.0%", "none")


def test_a_name_is_respelt_only_if_another_one_is_like_it() -> None:
    message = "These names of the original are missing: Anna, Effel."
    assert not is_respelt(message, Pair("", "The Eiffel tower."))
    assert is_respelt(message, Pair("", "Hanna at the Eiffel tower."))
