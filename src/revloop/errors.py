"""Every error that revloop raises on purpose.

A message says what happened, where, and what to do about it. Errors of other libraries are
translated once, where they cross into revloop, with the original as ``__cause__``.

    RevloopError
    ├── InputError                 a draft, a file or an option that cannot be used
    ├── PromptSetError             a prompt set folder that cannot be used
    ├── MissingExtraError          a feature whose optional dependency is not installed
    ├── StoreError                 a version store that cannot be opened, read or written
    │   └── RunMismatchError       a store whose run was made with other settings
    ├── JudgeError                 a judge that cannot be asked, or whose answer is none
    ├── ServingError               a model that cannot be planned, served or stopped
    │   ├── ModelConfigError       a model whose config cannot be read
    │   └── DoesNotFitError        a deployment that cannot work on the hardware named
    ├── TrainingError              a critic that cannot be trained
    │   ├── TooLittleMemoryError       the training would not fit
    │   └── DivergedError              the loss or the gradient is no longer a number
    ├── ReaderGoneError            a pipe that nobody reads any more
    ├── EngineGoneError            no request of this run can be answered any more
    └── EngineError                an engine that did not give a usable answer
        ├── ContextFullError           this row: the prompt leaves too little room in the context
        ├── RejectedError              this row: refused, and it would be refused again
        │   ├── ContentFilterError         by a content filter
        │   └── RepeatedFaultError         the server fails on it each time, and answers others
        ├── UnusableEngineError        the run: every request would fail in the same way
        │   ├── AuthenticationError        the key is missing or not accepted
        │   ├── ModelNotServedError        the server does not serve the model asked for
        │   ├── QuotaError                 the account has no credit or quota left
        │   ├── SettingRefusedError        a setting that every request of the run has is refused
        │   └── WrongAddressError          what answers there is not an OpenAI-compatible server
        └── TransientError             passing: the same request may succeed when it is sent again
            ├── UnreachableError           no connection, or one that broke
            ├── OverloadedError            the server is busy or not ready (408, 409, 429, 503, ...)
            ├── ServerFaultError           the server failed (500), maybe because of this request
            └── BadReplyError              an answer that is not what the protocol promises
"""

from __future__ import annotations


class RevloopError(Exception):
    """The root of the tree: catch this to catch everything that revloop raises on purpose.

    Attributes:
        exit_code: What the command line exits with when this error ends a command.
    """

    exit_code = 1


class InputError(RevloopError):
    """A draft, a file or an option cannot be used as it was given."""

    exit_code = 3


class ReaderGoneError(RevloopError):
    """Nobody reads a pipe any more that is written to, standard output for example.

    Nothing went wrong, so the command line says nothing, and exits as other tools do.
    """

    exit_code = 128 + 13  # as a shell tells that SIGPIPE ended a program


class PromptSetError(RevloopError):
    """A prompt set folder is missing a file, misspells one, or holds a setting that is wrong."""

    exit_code = 3


class MissingExtraError(RevloopError):
    """A feature needs an optional dependency that is not installed."""

    exit_code = 3


class StoreError(RevloopError):
    """A version store cannot be opened, read or written."""

    exit_code = 5


class RunMismatchError(StoreError):
    """A store holds a run made with settings that would give other results."""


class JudgeError(RevloopError):
    """A judge cannot be asked, or gives something that is no verdict."""

    exit_code = 4


class ServingError(RevloopError):
    """A model cannot be planned, served or stopped."""

    exit_code = 6


class ModelConfigError(ServingError):
    """A model's configuration cannot be found, read or understood."""


class DoesNotFitError(ServingError):
    """A deployment cannot work: heads that do not divide, or memory that does not suffice."""


class TrainingError(RevloopError):
    """A critic cannot be trained, or its training cannot go on."""

    exit_code = 7


class TooLittleMemoryError(TrainingError):
    """The training would not fit into memory; said before the first step."""


class DivergedError(TrainingError):
    """The loss or the gradient is no longer a number; the checkpoints before it are kept."""


class EngineGoneError(RevloopError):
    """No request of this run can be answered any more: the trajectories wait for the next run.

    The server was unreachable past the wait limit, or every request would fail in the same way.
    Not an EngineError: those end a trajectory, and nothing is wrong with the trajectories.
    """

    exit_code = 4


class EngineError(RevloopError):
    """An engine did not give a usable answer."""

    exit_code = 4


class ContextFullError(EngineError):
    """The prompt leaves too little room for an answer in the model's context."""


class RejectedError(EngineError):
    """The engine refuses this request and would refuse it again; others may succeed."""


class ContentFilterError(RejectedError):
    """A content filter refuses the prompt or the answer."""


class RepeatedFaultError(RejectedError):
    """The server fails on this request each time, while it answers others."""


class UnusableEngineError(EngineError):
    """Every request of this run would fail in the same way."""


class AuthenticationError(UnusableEngineError):
    """The server wants a key, or does not accept the one it was given."""


class ModelNotServedError(UnusableEngineError):
    """The server does not serve the model that was asked for."""


class QuotaError(UnusableEngineError):
    """The account has no credit or quota left."""


class SettingRefusedError(UnusableEngineError):
    """The server refuses a setting that every request of the run has."""


class WrongAddressError(UnusableEngineError):
    """What answers at the address is not an OpenAI-compatible server."""


class TransientError(EngineError):
    """The same request may succeed when it is sent again.

    Attributes:
        retry_after_s: Seconds the server asked to be left alone, or None if it named no time.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnreachableError(TransientError):
    """No connection to the server could be made, or it broke before the answer was whole."""


class OverloadedError(TransientError):
    """The server is busy or not ready (408, 409, 425, 429, 502, 503, 504)."""


class ServerFaultError(TransientError):
    """The server failed (500): for the moment, or because of this very request."""


class BadReplyError(TransientError):
    """The answer is not what the protocol promises: HTML, half a body, a missing field."""
