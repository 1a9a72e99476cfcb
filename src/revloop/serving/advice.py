"""Advice for the known root causes of vLLM failures.

Each was observed, or its message is in vLLM's source (0.32).
"""

from __future__ import annotations

import re

_ADVICE = (
    (r"attention heads .* must be divisible", "Choose another tensor-parallel size."),
    (r"Cannot find any model weights", "Put the model's *.safetensors files into its folder."),
    (r"Address already in use", "Choose another port, or none for a free one."),
    (
        r"Not enough allowed NUMA nodes|CPU id list",
        (
            "Unset VLLM_CPU_OMP_THREADS_BIND, so that revloop assigns cores to workers, or set it "
            "to one list of cores for each worker, such as '0|1'."
        ),
    ),
    (
        r"requested memory for kv|CPU memory utilization",
        "Set VLLM_CPU_KVCACHE_SPACE to fewer GiB (1 is enough for a tiny model), or free memory.",
    ),
    (
        r"desired GPU memory utilization",
        "Another process uses this GPU's memory: stop it, or lower --gpu-memory-utilization.",
    ),
    (
        (
            r"No available memory for the cache|larger than the available KV cache"
            r"|out of memory|killed by signal 9|Cannot allocate memory"
        ),
        (
            "Use more GPUs (--tensor-parallel-size), a shorter --max-model-len or a smaller "
            "model; `revloop plan` shows what fits."
        ),
    ),
    (r"common block size", "Choose another --block-size: on a CPU, a multiple of 32."),
    (
        r"torchvision|torchaudio|torchcodec",
        (
            "A text server needs no torchvision, torchaudio or torchcodec, and builds that do not "
            "match torch break it: pip uninstall torchvision torchaudio torchcodec"
        ),
    ),
    (r"does not support LoRA", "Merge the adapter into the model's weights and serve those."),
    (
        r"backend tokenizer|Can't load tokenizer",
        (
            "The model's folder seems to lack tokenizer files: put tokenizer.json and "
            "tokenizer_config.json there."
        ),
    ),
    (
        r"rejects its options",
        (
            "Check the options after `--`. To list vLLM's: python -m "
            "vllm.entrypoints.openai.api_server --help"
        ),
    ),
    (r"max_model_len .* is greater", "Choose a --max-model-len within the model's context."),
    (
        r"Attempted to load weight|size mismatch",
        "The weights do not match this config.json: copy both from the same source.",
    ),
    (
        r"Unterminated string|deserializing header|SafetensorError",
        "A weights file seems to be truncated: copy or download it again.",
    ),
    (
        r"outgoing traffic has been disabled|couldn't connect to",
        "The model is not in the local cache: download it first, or name its folder.",
    ),
    (r"gated repo|401 Client Error", "Request access on the model hub and set HF_TOKEN."),
    (
        r"does not recognize this architecture|are not supported for now",
        "This vLLM does not know the architecture: check config.json, or install a newer vLLM.",
    ),
)


def advice(cause: str) -> str | None:
    """What to do about a root cause, or None if it is not known.

    Args:
        cause: From `revloop.serving.diagnosis.root_cause`.
    """
    return next((text for pattern, text in _ADVICE if re.search(pattern, cause)), None)
