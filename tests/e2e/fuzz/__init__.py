"""Coverage-guided fuzzing of the parsers of untrusted input.

    make fuzz

feeds each target a fixed number of inputs. An input that breaks one is kept in ``cases/`` and is a
test from then on (``tests/e2e/test_fuzz_cases.py``), where no fuzzer is needed.
"""
