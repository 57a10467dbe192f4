"""LayerNorm with SiLU, added to what it is a correction of: one pass over the features forward and one backward."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from .forms import form_module


def norm_silu(
    x: Tensor,
    norm: nn.LayerNorm,
    base: Tensor | None = None,
    other: Tensor | None = None,
    *,
    gain: Tensor | None = None,
    keep: Tensor | None = None,
    form: str | None = None,
) -> Tensor:
    """gain silu(norm(x)) + keep base + other; what is not given counts as 1 where it multiplies, else as 0.

    x, base, other (b, h, w, d), the last two in any memory order, which the result then has too; gain, keep: single
    numbers (), for a base. The norm, over d, has weights and biases. `form` as in `selective_scan`.
    """
    if x.dim() != 4 or norm.normalized_shape != x.shape[3:] or norm.weight is None or norm.bias is None:
        raise ValueError(f"norm_silu needs x as (b, h, w, d) and an affine norm over d, but got {tuple(x.shape)}.")
    for one in (base, other):
        if one is not None and (one.shape != x.shape or one.dtype != x.dtype):
            raise ValueError(f"norm_silu adds tensors like x, {tuple(x.shape)}, but got {tuple(one.shape)}.")
    operands = (x, norm.weight, norm.bias, base, other, gain, keep)
    compiled = getattr(form_module(form, x.device, x.dtype), "norm_silu", None) if form != "reference" else None
    return torch_norm_silu(*operands, norm.eps) if compiled is None else compiled(*operands, norm.eps)


def torch_norm_silu(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    base: Tensor | None,
    other: Tensor | None,
    gain: Tensor | None,
    keep: Tensor | None,
    eps: float,
) -> Tensor:
    """The same in torch's own operators."""
    y = functional.silu(functional.layer_norm(x, weight.shape, weight, bias, eps))
    y = y if gain is None else gain * y
    if base is not None:
        y = y + (base if keep is None else keep * base)
    return y if other is None else y + other
