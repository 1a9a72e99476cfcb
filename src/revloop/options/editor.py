"""Options of an editor: a model that revises after the critic's critiques."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from revloop.errors import InputError
from revloop.options.base import Flag, Options
from revloop.options.engine import EngineOptions

if TYPE_CHECKING:
    from typing import Any

_PANEL = "Editor"


def _checked_address(editor: str | None) -> str | None:
    if editor is not None and not editor.startswith(("http://", "https://")):
        raise InputError(
            f"--editor is '{editor:.200}'; it is a server's address, as http://127.0.0.1:8001, "
            "with #MODEL where that serves several. In Python, editor= takes any engine."
        )
    return editor


class EditorOptions(Options):
    """Who revises, and in whose words."""

    editor: Annotated[
        str | None,
        AfterValidator(_checked_address),
        Flag(metavar="URL[#MODEL]", panel=_PANEL),
    ] = Field(
        default=None,
        description="Server of a model that revises after the critiques of the model at "
        "--base-url, which is then the critic. By default that one revises too.",
    )
    editor_prompts: Annotated[
        str | None, Flag(metavar="NAME|DIR", reads="the editor's prompt set", panel=_PANEL)
    ] = Field(default=None, description="The editor's prompt set. By default the critic's.")
    editor_rpm: Annotated[int | None, Flag(metavar="N", panel=_PANEL)] = Field(
        default=None, ge=1, description="Most requests a minute to the editor's server."
    )
    editor_tpm: Annotated[int | None, Flag(metavar="N", panel=_PANEL)] = Field(
        default=None, ge=1, description="Most tokens a minute of the editor's server."
    )
    editor_api_key: Annotated[
        SecretStr | None, Flag(variable="REVLOOP_EDITOR_API_KEY", only_in_python=True)
    ] = Field(default=None, description="The key of the editor's server.")

    fresh_editor: Annotated[bool, Flag(panel=_PANEL)] = Field(
        default=False,
        description="The editor sees prompt, response and critique, not the conversation of the "
        "critique. For prompt sets with fresh.txt, such as chat.",
    )

    @model_validator(mode="after")
    def _limits_of_a_server(self) -> Self:
        if self.editor is None and (self.editor_rpm or self.editor_tpm):
            raise ValueError(
                "--editor-rpm and --editor-tpm are for a server: name it with --editor"
            )
        return self

    @property
    def editor_engine(self) -> EngineOptions | None:
        """How the editor's server is reached; None without one."""
        if self.editor is None:
            return None
        address, _, model = self.editor.partition("#")
        return EngineOptions(
            base_url=address,
            model=model or None,
            api_key=self.editor_api_key,
            rpm=self.editor_rpm,
            tpm=self.editor_tpm,
        )

    @property
    def editor_keywords(self) -> dict[str, Any]:
        """The editor as keywords of a reviser."""
        return {
            "editor": self.editor_engine,
            "editor_prompts": self.editor_prompts,
            "fresh_editor": self.fresh_editor,
        }
