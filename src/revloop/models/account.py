"""Environment variables for a process whose user has no account or no writable home folder.

Containers often run so. vLLM and torch keep compiled kernels and caches in the home folder, under
the user's name, and fail without them.
"""

from __future__ import annotations

import getpass
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def user_name() -> str:
    """The user's name, or ``uid_N`` (as in torch) if the user id N has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # by platform and version of Python
        return f"uid_{os.getuid()}" if hasattr(os, "getuid") else "nobody"


def account_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables to add so that a program finds a user name and writable folders.

    Empty for a user with a name and a writable home folder. Caches go to the same place below the
    temporary folder at every start.

    Args:
        environment: The variables that are set; none is replaced.
    """
    added = {"USER": user_name()} if not _has_name(environment) else {}
    home = environment.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - Path's own fails
    if home == "~":
        added["HOME"] = str(_own_folder())
    elif not os.access(home, os.W_OK):
        added["VLLM_CACHE_ROOT"] = str(_own_folder() / "vllm")
        added["TRITON_HOME"] = str(_own_folder())
    return {name: value for name, value in added.items() if not environment.get(name)}


def _has_name(environment: Mapping[str, str]) -> bool:
    if any(environment.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
        return True
    return not user_name().startswith("uid_")


def _own_folder() -> Path:
    """This user's folder below the temporary folder."""
    folder = Path(tempfile.gettempdir()) / f"revloop-{user_name()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
        # somebody else's: compiled code in it must not be trusted
        return Path(tempfile.mkdtemp(prefix=f"revloop-{user_name()}-"))
    return folder
