"""Options of the gateway: where drafts and critiques come from, and who may ask."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, SecretStr, model_validator

from revloop.errors import InputError
from revloop.options.base import Flag, Options
from revloop.options.engine import EngineOptions, read_key

_DEADLINE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(ms|s|m|)")
_UNIT_S = {"ms": 1e-3, "s": 1.0, "m": 60.0, "": 1.0}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def seconds_of(text: str) -> float:
    """A time such as ``20s``, ``1.5m`` or ``20`` in seconds.

    Raises:
        InputError: It is none, or zero.
    """
    match = _DEADLINE.fullmatch(text.strip())
    seconds = 0.0 if match is None else float(match[1]) * _UNIT_S[match[2]]
    if not seconds:
        raise InputError(f"--deadline is '{text:.50}'; it is a time such as 20s, 1.5m or 500ms.")
    return seconds


def _checked_time(text: str | None) -> str | None:
    if text is not None:
        seconds_of(text)
    return text


def _checked_address(address: str | None) -> str | None:
    if address is not None and not address.startswith(("http://", "https://")):
        raise InputError(
            f"'{address:.200}' is no server's address: it begins with http:// or https://."
        )
    return address


class GatewayOptions(Options):
    """Where drafts and critiques come from, and who may ask."""

    panel: ClassVar[str] = "Gateway"

    upstream: Annotated[str | None, AfterValidator(_checked_address), Flag(metavar="URL")] = Field(
        default=None, description="OpenAI-compatible server that writes the drafts."
    )
    model: Annotated[str | None, Flag(metavar="NAME")] = Field(
        default=None,
        description="The upstream's model; by default its only one. Clients ask for NAME, NAME@0 "
        "(the draft as it is) or NAME@3 (three rounds).",
    )
    critic: Annotated[str | None, AfterValidator(_checked_address), Flag(metavar="URL[#MODEL]")] = (
        Field(
            default=None,
            description="Server of the critic, which reviews and revises. By default the "
            "upstream's model does, with the prompt set chat.",
        )
    )
    deadline: Annotated[str | None, AfterValidator(_checked_time), Flag(metavar="TIME")] = Field(
        default=None,
        coerce_numbers_to_str=True,
        description="When this time is up (20s), no round is waited for: the best version so far "
        "is the answer. The draft is always waited for. By default all rounds are.",
    )
    revise_json: bool = Field(
        default=False,
        description="Revise answers for which the client asks in JSON, too: the critic is shown "
        "the schema, and a version that does not fit it is not answered. By default such answers "
        "are returned as they are.",
    )
    host: Annotated[str, Flag(metavar="ADDRESS")] = Field(
        default="127.0.0.1",
        description="Address to listen on. Any but this machine's own needs --gateway-key-file.",
    )
    port: Annotated[int, Flag(metavar="N")] = Field(
        default=8080, ge=0, le=65535, description="Port to listen on; 0: a free one."
    )
    gateway_key_file: Annotated[Path | None, Flag(metavar="FILE", reads="the gateway's key")] = (
        Field(default=None, description="File with the key that clients must send.")
    )
    api_key_file: Annotated[Path | None, Flag(metavar="FILE", reads="the key")] = Field(
        default=None,
        description="File with the upstream's API key. Else: REVLOOP_API_KEY. Without both, and "
        "without --gateway-key-file, each client's own key is sent on.",
    )
    max_concurrency: Annotated[int, Flag(metavar="N")] = Field(
        default=64, ge=1, description="Most requests that are worked on at a time."
    )
    max_queue: Annotated[int, Flag(metavar="N")] = Field(
        default=256,
        ge=0,
        description="Most requests that wait; further ones are refused (429, with Retry-After).",
    )
    api_key: Annotated[SecretStr | None, Flag(variable="REVLOOP_API_KEY", only_in_python=True)] = (
        Field(default=None, description="The upstream's key; sent to it alone, never stored.")
    )
    critic_api_key: Annotated[
        SecretStr | None, Flag(variable="REVLOOP_CRITIC_API_KEY", only_in_python=True)
    ] = Field(default=None, description="The critic's key; sent to it alone, never stored.")
    gateway_key: Annotated[SecretStr | None, Flag(only_in_python=True)] = Field(
        default=None, description="What clients must send; from the file."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_keys(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        keys = {
            name: read_key(Path(path))
            for name in ("api_key", "gateway_key")
            if (path := given.get(f"{name}_file")) is not None
        }
        return {**given, **keys}

    def check(self) -> None:
        """Refuse what could not be served, or not safely.

        Raises:
            InputError: No upstream is named, or others could use the gateway without a key.
        """
        if self.upstream is None:
            raise InputError(
                "No upstream is named, so nobody would write the drafts. Name an OpenAI-compatible "
                "server: --upstream URL. Its model reviews its own drafts, unless you name a "
                "critic (--critic URL). For a first try, serve the demo's toy critic: "
                "`revloop serve demo`."
            )
        if not self.is_local and self.gateway_key is None:
            raise InputError(
                f"--host {self.host} lets other machines use the gateway: name a file with the key "
                "that they must send (--gateway-key-file FILE)."
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in _LOOPBACK

    @property
    def deadline_s(self) -> float | None:
        """Seconds for all rounds; None: no limit."""
        return None if self.deadline is None else seconds_of(self.deadline)

    @property
    def passes_keys_on(self) -> bool:
        """Whether the upstream gets each client's own key."""
        return self.api_key is None and self.gateway_key is None

    @property
    def critic_engine(self) -> EngineOptions:
        """How the critic is reached."""
        if self.critic is None:
            return EngineOptions(base_url=self.upstream, model=self.model, api_key=self.api_key)
        address, _, model = self.critic.partition("#")
        return EngineOptions(base_url=address, model=model or None, api_key=self.critic_api_key)
