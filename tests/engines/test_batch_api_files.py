"""The files of a batch API, its jobs as servers report them, and the journal in the store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop import Store
from revloop.engines.batch_api.journal import Journal, Recorded
from revloop.engines.batch_api.lines import Result, read_results, request_line
from revloop.engines.batch_api.protocol import RemoteJob
from revloop.errors import (
    AuthenticationError,
    BadReplyError,
    ContextFullError,
    EngineError,
    OverloadedError,
    RejectedError,
    ServerFaultError,
)
from tests.helpers.deterministic_server import reply_to

if TYPE_CHECKING:
    from pathlib import Path

GOOD = reply_to({"prompt": "Draft 1"})
JOB = {"id": "batch_1", "status": "in_progress", "input_file_id": "file-1"}


def line(response: Any = None, error: Any = None, name: Any = "a") -> bytes:
    return json.dumps({"custom_id": name, "response": response, "error": error}).encode()


def response(status: int, **body: Any) -> dict[str, Any]:
    return {"status_code": status, "request_id": "r", "body": body}


def failure(raw: bytes) -> EngineError:
    result = Result.read(raw)
    assert result is not None
    with pytest.raises(EngineError) as caught:
        result.answer("the job", model="m")
    return caught.value


class TestResults:
    def test_an_answer_is_read(self) -> None:
        result = Result.read(line(response(200, **GOOD)))
        assert result is not None
        assert result.answer("the job", model="m").text == "Draft 1 +"

    @pytest.mark.parametrize(
        ("said", "kind"),
        [
            (response(400, error={"message": "No.", "code": "invalid_prompt"}), RejectedError),
            (response(400, error={"code": "context_length_exceeded"}), ContextFullError),
            (response(401, error={"message": "Key."}), AuthenticationError),
            (response(429, error={"message": "Busy."}), OverloadedError),
            (response(500, error={"message": "Oops."}), ServerFaultError),
            (response(200, choices=[]), BadReplyError),
            (response(200), BadReplyError),
        ],
    )
    def test_a_failed_line_is_the_error_of_the_same_live_reply(
        self, said: dict[str, Any], kind: type[EngineError]
    ) -> None:
        assert isinstance(failure(line(said)), kind)

    @pytest.mark.parametrize("code", ["batch_expired", "batch_cancelled"])
    def test_a_line_that_was_not_done_may_be_submitted_again(self, code: str) -> None:
        fault = failure(line(error={"code": code, "message": "Not in time."}))
        assert isinstance(fault, OverloadedError)
        assert f"ended before this request was done ({code})" in str(fault)

    def test_another_error_of_a_line_has_the_servers_words(self) -> None:
        fault = failure(line(error={"code": "server_error", "message": "A cosmic ray."}))
        assert isinstance(fault, ServerFaultError)
        assert "A cosmic ray." in str(fault)

    def test_an_error_without_words_is_one_too(self) -> None:
        assert isinstance(failure(line(error={})), ServerFaultError)

    def test_malformed_lines_are_left_out(self, tmp_path: Path) -> None:
        file = tmp_path / "results"
        bad = [b"", b"{", b"[]", b'"a"', b"{}", line(), line(7), line({}), line({}, name=3)]
        file.write_bytes(b"\n".join([*bad, line(response(200, **GOOD), name="good"), b"\xff"]))
        names = [result.name for result in read_results(file)]
        assert "good" in names
        assert set(names) <= {"good", "a"}

    @given(st.binary())
    def test_any_bytes_can_be_read(self, raw: bytes) -> None:
        assert Result.read(raw) is None or Result.read(raw)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
        st.recursive(
            st.none() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["code", "a"]), inner),
        ),
        st.integers(min_value=-1, max_value=700) | st.text(),
    )
    def test_any_result_is_an_answer_or_an_error_of_ours(
        self, body: Any, error: Any, status: Any
    ) -> None:
        for raw in (line({"status_code": status, "body": body}), line(error=error)):
            result = Result.read(raw)
            if result is not None:
                with pytest.raises(EngineError):
                    result.answer("the job", model="m")

    @given(st.text(), st.text())
    def test_a_request_is_one_line_whatever_it_says(self, name: str, prompt: str) -> None:
        raw = request_line(name, "/v1/completions", {"prompt": prompt})
        assert raw.count(b"\n") == 1
        assert raw.endswith(b"\n")
        assert json.loads(raw)["body"] == {"prompt": prompt}


class TestRemoteJob:
    def test_what_is_missing_is_not_needed(self) -> None:
        job = RemoteJob.model_validate(JOB)
        assert (job.results, job.done, job.has_ended) == ((), 0, False)
        assert job.complaint == "(no reason is given)"

    def test_both_files_have_results(self) -> None:
        job = RemoteJob.model_validate(JOB | {"output_file_id": "o", "error_file_id": "e"})
        assert job.results == ("o", "e")

    @pytest.mark.parametrize("odd", ["some words", [], {}, {"data": 3}, {"data": ["x"]}, 7])
    def test_problems_and_counts_of_other_forms_do_no_harm(self, odd: Any) -> None:
        job = RemoteJob.model_validate(JOB | {"errors": odd, "request_counts": odd})
        assert (job.done, job.is_above_token_limit) == (0, False)

    def test_a_time_in_words_is_no_known_age(self) -> None:
        job = RemoteJob.model_validate(JOB | {"created_at": "2026-01-01T00:00:00Z"})
        assert not job.is_older_than(2e9)


class TestJournal:
    @pytest.fixture
    def store(self, tmp_path: Path) -> Path:
        path = tmp_path / "s.sqlite"
        Store.open(path).close()
        return path

    def test_a_job_is_there_after_opening_the_store_again(self, store: Path) -> None:
        journal = Journal.open(store, "http://a")
        added = journal.add("file-1", "/v1/completions", ["x", "y"])
        journal.close()
        again = Journal.open(store, "http://a")
        assert again.open_jobs() == [added]
        assert again.find("x") == Recorded(added.key, None)
        again.close()

    def test_jobs_at_another_server_are_left_alone(self, store: Path) -> None:
        here, there = Journal.open(store, "http://a"), Journal.open(store, "http://b")
        here.add("file-1", "/v1/completions", ["x"])
        assert there.open_jobs() == []
        assert there.find("x") is None
        here.close()
        there.close()

    def test_a_request_without_a_reply_is_free_once_its_job_has_ended(self, store: Path) -> None:
        journal = Journal.open(store, "http://a")
        job = journal.add("file-1", "/v1/completions", ["x", "y"])
        journal.keep(job.key, [("x", "{}")])
        journal.note_ended(job.key)
        assert journal.open_jobs() == []
        assert journal.find("x") == Recorded(job.key, "{}")
        assert journal.find("y") is None
        journal.close()

    def test_what_has_ended_is_forgotten_and_what_is_under_way_is_not(self, store: Path) -> None:
        journal = Journal.open(store, "http://a")
        ended = journal.add("file-1", "/v1/completions", ["x"])
        journal.keep(ended.key, [("x", "{}")])
        journal.note_ended(ended.key)
        going_on = journal.add("file-2", "/v1/completions", ["y"])
        journal.forget_ended()
        assert journal.find("x") is None
        assert journal.open_jobs() == [going_on]
        journal.close()

    def test_a_late_reply_of_an_old_job_does_not_replace_that_of_the_new_one(
        self, store: Path
    ) -> None:
        journal = Journal.open(store, "http://a")
        old = journal.add("file-1", "/v1/completions", ["x"])
        new = journal.add("file-2", "/v1/completions", ["x"])
        journal.keep(old.key, [("x", "old")])
        assert journal.find("x") == Recorded(new.key, None)
        journal.close()
