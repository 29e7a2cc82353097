"""One optimiser made of two: Muon for the hidden matrices, AdamW for all other weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.sandbox.nano.making.network.tower import fast_dtype

__all__ = ["Optimiser"]

_NOT_HIDDEN: Final = ("embed", "patch", "words", "says")
"""In the names of matrices that aren't hidden: they take inputs in or give outputs."""
_CLIP: Final = 1.0
"""The greatest norm of the gradients."""


class Optimiser:
    """Trains some modules.

    Args:
        modules: The modules, by name.
        rate: The learning rate; Muon's updates are scaled to match AdamW's.
        decay: The weight decay of a step, times the rate.

    Raises:
        ModelError: This PyTorch has no Muon.
    """

    def __init__(self, modules: Mapping[str, nn.Module], rate: float, decay: float = 0.02) -> None:
        if not hasattr(torch.optim, "Muon"):
            raise ModelError(
                f"expected PyTorch 2.9 or later to train with, got {torch.__version__}; update it"
            )
        self._named = {
            f"{name}.{part}": weight
            for name, module in modules.items()
            for part, weight in module.named_parameters()
        }
        hidden = [weight for name, weight in self._named.items() if _is_hidden(name, weight)]
        known = {id(weight) for weight in hidden}
        rest = [weight for weight in self._named.values() if id(weight) not in known]
        self._adam = torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=decay, fused=True)
        self._muon = torch.optim.Muon(
            hidden, lr=rate, weight_decay=decay, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        )

    def step(self, rate: float) -> None:
        """Clip the gradients, update the weights, and clear the gradients."""
        torch.nn.utils.clip_grad_norm_(self._named.values(), _CLIP)
        for optimiser in self._both():
            for group in optimiser.param_groups:
                group["lr"] = rate
            with self._products():
                optimiser.step()
            optimiser.zero_grad()

    def _products(self) -> AbstractContextManager[object]:
        device = next(iter(self._named.values())).device
        return nullcontext() if fast_dtype(device) is torch.bfloat16 else _Float32()

    def tensors(self) -> dict[str, Tensor]:
        """Return the state that is needed to continue, by "WEIGHT/NAME"."""
        return {
            f"{name}/{kept}": tensor
            for name, weight in self._named.items()
            for kept, tensor in self._state_of(weight).items()
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Load what `tensors` returned."""
        for path, tensor in tensors.items():
            name, _, kept = path.rpartition("/")
            weight = self._named[name]
            self._state_of(weight)[kept] = tensor.to(weight.device, copy=True)

    def _state_of(self, weight: Tensor) -> dict[str, Any]:
        for optimiser in self._both():
            if any(weight is one for group in optimiser.param_groups for one in group["params"]):
                state: dict[str, Any] = optimiser.state[weight]
                return state
        raise KeyError(weight.shape)

    def _both(self) -> Iterator[torch.optim.Optimizer]:
        yield self._adam
        yield self._muon


class _Float32(TorchFunctionMode):
    """Let Muon multiply in float32: it asks for bfloat16, which some CPUs multiply forty times slower."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is Tensor.bfloat16:
            return args[0].to(torch.float32, copy=True)
        return func(*args, **(kwargs or {}))


def _is_hidden(name: str, weight: Tensor) -> bool:
    return weight.ndim == 2 and not any(part in name for part in _NOT_HIDDEN)
