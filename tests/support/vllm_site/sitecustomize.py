"""Lets vLLM start where torchvision's compiled part doesn't fit torch; Python reads this at its start.

PyPI's torchvision is built for a torch with CUDA. Beside a torch for CPUs its import ends in "operator
torchvision::nms does not exist", and transformers' Qwen3-VL processor needs the import, though neither
operator. They are declared here where the compiled part can't be loaded.
"""

import importlib.util
from contextlib import suppress
from pathlib import Path


def declare() -> None:
    torchvision = importlib.util.find_spec("torchvision")
    if torchvision is None or not torchvision.origin or not importlib.util.find_spec("torch"):
        return
    import torch  # noqa: PLC0415 - heavy, and not in every environment

    for compiled in Path(torchvision.origin).parent.glob("_C*.so"):
        with suppress(OSError):
            torch.ops.load_library(str(compiled))
            return
    boxes = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    torch.library.define("torchvision::nms", boxes)
    torch.library.define("torchvision::qnms", boxes)


declare()
