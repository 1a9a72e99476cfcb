"""Every error that revloop raises on purpose.

A message says what happened, where, and what to do about it. Errors of other libraries are
translated once, where they enter revloop, with the original as ``__cause__``.

    RevloopError
    ├── InputError                 an unusable draft, file or option
    │   └── MissingFieldError      a draft lacks a field that the prompt set uses
    ├── PromptSetError             an unusable prompt set folder
    ├── MissingExtraError          an optional dependency is not installed
    ├── StoreError                 a version store cannot be opened, read or written
    │   └── RunMismatchError       the store's run was made with other settings
    ├── JudgeError                 a judge cannot be asked, or gives no verdict
    ├── ServingError               a model cannot be planned, served or stopped
    │   ├── ModelConfigError       a model's configuration cannot be read
    │   └── DoesNotFitError        a deployment cannot work on the given hardware
    ├── TrainingError              a critic cannot be trained
    │   ├── TooLittleMemoryError       the training does not fit into memory
    │   └── DivergedError              the loss or the gradient is not finite
    ├── ReaderGoneError            a pipe has no reader any more
    ├── EngineGoneError            the whole run: no request can be answered any more
    └── EngineError                an engine gave no usable answer
        ├── ContextFullError           this row: the prompt leaves too little room in the context
        ├── RejectedError              this row: refused, and would be refused again
        │   ├── ContentFilterError         by a content filter
        │   └── RepeatedFaultError         the server fails on it every time, but answers others
        ├── UnusableEngineError        the whole run: every request would fail the same way
        │   ├── AuthenticationError        the key is missing or not accepted
        │   ├── ModelNotServedError        the server does not serve the requested model
        │   ├── QuotaError                 the account has no credit or quota left
        │   ├── SettingRefusedError        the server refuses a setting of every request
        │   └── WrongAddressError          the address is not an OpenAI-compatible server
        └── TransientError             temporary: the same request may succeed if sent again
            ├── UnreachableError           no connection, or a broken one
            │   └── LateReplyError             no reply by the deadline
            ├── OverloadedError            the server is busy or not ready (408, 409, 429, 503, ...)
            ├── ServerFaultError           the server failed (500), possibly due to this request
            └── BadReplyError              the reply breaks the protocol
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class RevloopError(Exception):
    """The root of the tree: catch it to catch everything that revloop raises on purpose.

    Attributes:
        exit_code: The command line's exit code when this error ends a command.
    """

    exit_code = 1


class RevloopWarning(UserWarning):
    """A single call has a result that its caller may not expect: rounds are missing."""


class InputError(RevloopError):
    """A draft, a file or an option cannot be used as given."""

    exit_code = 3


class MissingFieldError(InputError):
    """A draft lacks a field that the prompt set uses, or its value cannot be shown in a prompt."""


class ReaderGoneError(RevloopError):
    """Nobody reads the pipe any more, for example standard output.

    Not a failure: the command line prints nothing and exits as other tools do.
    """

    exit_code = 128 + 13  # a shell's code for a program ended by SIGPIPE


class PromptSetError(RevloopError):
    """A prompt set folder has a missing or misspelt file, or a wrong setting."""

    exit_code = 3


class MissingExtraError(RevloopError):
    """A feature needs an optional dependency that is not installed."""

    exit_code = 3


class StoreError(RevloopError):
    """A version store cannot be opened, read or written."""

    exit_code = 5


class RunMismatchError(StoreError):
    """The store holds a run whose settings would give other results."""


class JudgeError(RevloopError):
    """A judge cannot be asked, or its answer is not a verdict."""

    exit_code = 4


class ServingError(RevloopError):
    """A model cannot be planned, served or stopped."""

    exit_code = 6


class ModelConfigError(ServingError):
    """A model's configuration cannot be found, read or understood."""


class DoesNotFitError(ServingError):
    """A deployment cannot work: the heads do not divide, or the memory does not suffice."""


class TrainingError(RevloopError):
    """A critic cannot be trained, or its training cannot continue."""

    exit_code = 7


class TooLittleMemoryError(TrainingError):
    """The training would not fit into memory; raised before the first step."""


class DivergedError(TrainingError):
    """The loss or the gradient is not finite; earlier checkpoints are kept."""


class EngineGoneError(RevloopError):
    """No request of this run can be answered any more; the next run resumes its trajectories.

    The server was unreachable past the wait limit, or every request would fail the same way. Not
    an EngineError, because those end a single trajectory.
    """

    exit_code = 4


class EngineError(RevloopError):
    """An engine gave no usable answer."""

    exit_code = 4


class ContextFullError(EngineError):
    """The prompt leaves too little room for an answer in the model's context.

    Attributes:
        prompt_tokens: Tokens of the prompt; None if the server did not tell.
        context_tokens: Tokens of the model's context; None if the server did not tell.
    """

    def __init__(
        self,
        message: str,
        *,
        prompt_tokens: int | None = None,
        context_tokens: int | None = None,
    ) -> None:
        super().__init__(message)
        self.prompt_tokens = prompt_tokens
        self.context_tokens = context_tokens


class RejectedError(EngineError):
    """The engine refuses this request and would refuse it again; others may succeed."""


class ContentFilterError(RejectedError):
    """A content filter refuses the prompt or the answer."""


class RepeatedFaultError(RejectedError):
    """The server fails on this request every time, but answers others."""


class UnusableEngineError(EngineError):
    """Every request of this run would fail the same way."""


class AuthenticationError(UnusableEngineError):
    """The server requires a key, or does not accept the given one."""


class ModelNotServedError(UnusableEngineError):
    """The server does not serve the requested model."""


class QuotaError(UnusableEngineError):
    """The account has no credit or quota left."""


class SettingRefusedError(UnusableEngineError):
    """The server refuses a setting that every request of the run has.

    Attributes:
        parameter: The parameter, if a request can be sent without it or with another name for it.
        other_name: That name; None without one.
    """

    def __init__(
        self, message: str, *, parameter: str | None = None, other_name: str | None = None
    ) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.other_name = other_name


class WrongAddressError(UnusableEngineError):
    """What answers at the address is not an OpenAI-compatible server."""


class TransientError(EngineError):
    """The same request may succeed if it is sent again.

    Attributes:
        retry_after_s: Seconds to wait, as requested by the server; None if it named no time.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnreachableError(TransientError):
    """The server cannot be connected to, or the connection broke before the reply was complete."""


class LateReplyError(UnreachableError):
    """The server took the request, but did not answer it by the deadline."""


class OverloadedError(TransientError):
    """The server is busy or not ready (408, 409, 425, 429, 502, 503, 504)."""


class ServerFaultError(TransientError):
    """The server failed (500), either temporarily or due to this request."""


class BadReplyError(TransientError):
    """The reply breaks the protocol: HTML, half a body, a missing field."""


def failure_line(exc: BaseException) -> str:
    """The first line of an error's message, or its class name if there is none."""
    return next(iter(str(exc).strip().splitlines()), type(exc).__name__)


@contextmanager
def needs(message: str) -> Iterator[None]:
    """Translate a failed import of an optional library into a MissingExtraError.

    Args:
        message: What needs the library, and how to install it.
    """
    try:
        yield
    except ImportError as exc:
        raise MissingExtraError(message) from exc
