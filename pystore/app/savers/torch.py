"""Modules of PyTorch: their state as safetensors; the code that makes a module is the user's.

TM1  Each tensor comes back with its bits and its dtype; tensors that are one stay one.
TM2  A module that does not have exactly these tensors is refused.
"""

from typing import TYPE_CHECKING, Any

from .kind import Stored, Written, made, no_saver, unfit

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_FILE = "model.safetensors"


def write(value: Any) -> Written:
    """The state of a module. Raises BadStage where something in it is no dense tensor."""
    import torch

    if not isinstance(value, torch.nn.Module):
        raise no_saver(value, because="of PyTorch, only modules are saved as they are")
    state = value.state_dict()
    wrong = [name for name, item in state.items() if not isinstance(item, torch.Tensor)]
    if wrong:
        raise no_saver(value, because="a part of its state is no tensor", parts=", ".join(wrong))
    from safetensors.torch import save

    try:
        same, tensors = _distinct(state)
        return Written({"same": same}, {_FILE: save(tensors)})
    except (ValueError, KeyError, RuntimeError) as error:
        raise no_saver(value, because=f"{type(error).__name__}: {error}") from error


def read(stored: Stored) -> Any:
    """What `fresh` makes, with the saved tensors, ready to predict (`eval`)."""
    from safetensors.torch import load

    tensors = load(stored.files[_FILE])
    tensors |= {name: tensors[first] for name, first in stored.about["same"].items()}
    import torch

    module = made(stored, torch.nn.Module)
    _check_fits(module, tensors)
    _take_dtypes(module, tensors)
    module.load_state_dict(tensors, strict=True)
    now = module.state_dict()
    other = [name for name, tensor in tensors.items() if not _equal(now[name], tensor)]
    if other:
        raise unfit(module, other=", ".join(other))
    return module.eval()


def _distinct(state: "dict[str, Tensor]") -> "tuple[dict[str, str], dict[str, Tensor]]":
    """Which names are another tensor again, and the tensors, each once (TM1)."""
    firsts: dict[object, str] = {}
    same = {}
    for name, item in state.items():
        place = (item.data_ptr(), item.shape, item.stride(), item.dtype) if item.numel() else name
        if firsts.setdefault(place, name) != name:
            same[name] = firsts[place]
    # Clones, for tensors that overlap in part have no safetensors.
    tensors = {
        name: item.detach().cpu().contiguous().clone()
        for name, item in state.items()
        if name not in same
    }
    return same, tensors


def _check_fits(module: "Module", tensors: "dict[str, Tensor]") -> None:
    """Raises BadStage (TM2)."""
    has = module.state_dict()
    shapes = [
        f"{name}: saved {tuple(tensors[name].shape)}, made {tuple(has[name].shape)}"
        for name in tensors.keys() & has.keys()
        if tensors[name].shape != has[name].shape
    ]
    missing, unknown = sorted(has.keys() - tensors.keys()), sorted(tensors.keys() - has.keys())
    if shapes or missing or unknown:
        raise unfit(
            module,
            not_saved=", ".join(missing) or None,
            not_made=", ".join(unknown) or None,
            other_shapes="\n".join(sorted(shapes)) or None,
        )


def _take_dtypes(module: "Module", tensors: "dict[str, Tensor]") -> None:
    """Gives parameters and buffers the saved dtypes: `load_state_dict` would convert instead."""
    has = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    for name, item in has:
        if name in tensors and item.dtype != tensors[name].dtype:
            item.data = item.data.to(tensors[name].dtype)


def _equal(one: "Tensor", other: "Tensor") -> bool:
    """Whether two tensors have the same dtype and bits, so that nan is nan."""
    import torch

    if one.dtype != other.dtype:
        return False
    bits = [t.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for t in (one, other)]
    return bool(torch.equal(*bits))
