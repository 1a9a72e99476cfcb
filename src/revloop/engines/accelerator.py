"""Where a model runs in this process."""

from __future__ import annotations

from typing import Any


def on_accelerator(model: Any) -> Any:
    """A torch model ready to run on this machine's accelerator, or on the CPU without one.

    torch names the accelerator that it was built for, unless asked whether it is there.
    """
    import torch  # heavy and optional

    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return model.to(accelerator if accelerator is not None else "cpu").eval()
