"""Run the tests with the oldest packages that pyproject.toml allows.

    python tools/minimum.py FOLDER [OPTIONS OF PYTEST]

The environment in FOLDER gets revloop's direct dependencies at their lower bounds and the newest
indirect ones that fit. torch is the development version, since the oldest lacks CPU builds for some
machines. Tests that need vLLM or Ray are left out.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

EXTRAS = ("checks", "data", "evaluate", "local", "records")
TEST_PACKAGES = (
    *("pytest<9.2", "pytest-asyncio", "pytest-timeout", "pytest-xdist"),
    *("hypothesis", "pyyaml"),
)
NEEDS_MORE = (
    *("finetune", "benchmarks", "vllm"),
    *("test_docs", "test_wheel", "test_browser", "test_ray"),
)
_LOWER_BOUND = re.compile(r"^(?P<name>[\w.-]+)(?P<extras>\[[^]]*\])?>=(?P<version>[\w.]+)$")


def lowest(requirements: list[str]) -> list[str]:
    """Replace ``>=`` by ``==``.

    Raises:
        ValueError: A requirement is not just a lower bound.
    """
    pinned = []
    for requirement in requirements:
        found = _LOWER_BOUND.match(requirement)
        if found is None:
            raise ValueError(f"'{requirement}' is not of the form NAME>=VERSION.")
        pinned.append(f"{found['name']}{found['extras'] or ''}=={found['version']}")
    return pinned


def requirements(pyproject: str) -> list[str]:
    """The direct dependencies, at their lower bounds; without the test packages."""
    project = tomllib.loads(pyproject)["project"]
    extras = project["optional-dependencies"]
    wanted = {one for name in EXTRAS for one in extras[name] if not one.startswith("torch>")}
    return lowest([*project["dependencies"], *sorted(wanted)])


def files_of_tests() -> list[str]:
    """The test files that need neither vLLM, Ray nor development tools."""
    files = sorted(Path("tests").rglob("test_*.py"))
    return [str(file) for file in files if not any(word in str(file) for word in NEEDS_MORE)]


def main(folder: str, *options: str) -> int:
    """Install and test; return the exit code."""
    python = str(Path(folder) / "bin" / "python")
    venv.create(folder, with_pip=True, clear=True)
    torch = (python, "-c", "from tools import install; exit(not install.install_torch())")
    if subprocess.run(torch, check=False).returncode:
        return 1
    pinned = requirements(Path("pyproject.toml").read_text(encoding="utf-8"))
    install = (python, "-m", "pip", "install", "--quiet", *pinned, *TEST_PACKAGES)
    if subprocess.run(install, check=False).returncode:
        return 1
    editable = (python, "-m", "pip", "install", "--quiet", "--no-deps", "--editable", ".")
    if subprocess.run(editable, check=False).returncode:
        return 1
    # ignore the deprecation warnings of old packages
    marks = ("-m", "not slow and not vllm", "-W", "default")
    return subprocess.run(
        (python, "-m", "pytest", "-q", *options, *marks, *files_of_tests()), check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
