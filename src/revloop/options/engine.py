"""How an engine is reached."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from revloop.errors import InputError
from revloop.files.text import read_text
from revloop.options.base import Flag, Options
from revloop.options.extras import checked_body, checked_headers

T = TypeVar("T")

EngineKind = Literal["openai-batch"]


class EngineOptions(Options):
    """How an engine is reached: a server by its address, or a model in this process."""

    panel: ClassVar[str] = "Engine"

    kind: Annotated[EngineKind | None, Flag(name="--engine", metavar="KIND")] = Field(
        default=None,
        description="How the server is asked: openai-batch submits jobs to its batch API, at half "
        "the price and within hours; only for revloop batch. By default, directly.",
    )
    base_url: Annotated[str | None, Flag(metavar="URL", variable="REVLOOP_BASE_URL")] = Field(
        default=None, description="Address of an OpenAI-compatible server."
    )
    model: Annotated[
        str | None, Flag(metavar="NAME|DIR", reads="the model", variable="REVLOOP_MODEL")
    ] = Field(
        default=None,
        min_length=1,
        description="With a server: the model it serves; by default its only one. Without: a model "
        "folder or hub id to run in this process; english proofreads (after revloop critic "
        "install), demo is the toy critic that ships with revloop.",
    )
    tensor_parallel_size: Annotated[int, Flag(short="-tp", metavar="N")] = Field(
        default=1, ge=1, description="GPUs that share a model in this process."
    )
    tokenizer: Annotated[str | None, Flag(metavar="DIR", reads="the tokenizer")] = Field(
        default=None,
        description="Folder of the served model, to send exact tokens. Detected automatically for "
        "a vLLM server on this machine.",
    )
    rpm: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None,
        ge=1,
        description="Most requests to the server a minute. By default, as many as its replies say.",
    )
    tpm: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None,
        ge=1,
        description="Most tokens a minute, of prompts and answers. By default, as many as its "
        "replies say.",
    )
    api_key_file: Annotated[Path | None, Flag(metavar="FILE", reads="the key")] = Field(
        default=None, description="File with the server's API key. Else: REVLOOP_API_KEY."
    )
    api_key: Annotated[SecretStr | None, Flag(variable="REVLOOP_API_KEY", only_in_python=True)] = (
        Field(
            default=None, description="The server's key; sent to it and nowhere else, never stored."
        )
    )

    extra_body: Annotated[str | None, BeforeValidator(checked_body), Flag(metavar="JSON")] = Field(
        default=None,
        description="A JSON object whose fields are added to each request to the server.",
    )
    header: Annotated[
        tuple[str, ...], AfterValidator(checked_headers), Flag(metavar="NAME=VARIABLE")
    ] = Field(
        default=(),
        description="A header of each request, and the environment variable that holds its value; "
        "once for each.",
    )

    @model_validator(mode="before")
    @classmethod
    def _with_key(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("api_key") is None:
            path = given.get("api_key_file")
            return given if path is None else {**given, "api_key": read_key(Path(path))}
        return given

    @classmethod
    def merge(cls, *layers: Mapping[str, T]) -> dict[str, T]:
        """As for all options; but a model or a key hides what would change its meaning below.

        A model named without a server runs in this process, so lower layers' servers are ignored.
        A key, or a key file, replaces both.
        """
        merged: dict[str, T] = {}
        for layer in layers:
            hidden = {"base_url"} if "model" in merged else set()
            if merged.keys() & {"api_key", "api_key_file"}:
                hidden |= {"api_key", "api_key_file"}
            merged = {**{name: layer[name] for name in layer.keys() - hidden}, **merged}
        return merged


def read_key(path: Path) -> SecretStr:
    """The key in a file.

    Raises:
        InputError: The file cannot be read, is not UTF-8, or holds no key.
    """
    key = read_text(path).strip()
    if not key:
        raise InputError(f"{path} holds no key.")
    return SecretStr(key)
