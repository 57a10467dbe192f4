"""The Mamba block: projections, short convolution and selective scan. Knows nothing of scenes or networks around it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .conv import causal_conv1d
from .products import Linear, linear
from .scan import selective_scan


class MambaBlock(nn.Module):
    """The block of Gu and Dao (2023), section 3.4; its state dict is that of mamba_ssm.Mamba.

    d_state = n, d_inner = expand * d_model, dt_rank = ceil(d_model / 16). With `reverse` the block reads the tokens
    from the last to the first. `steps`: the step sizes at the start are spread log-uniformly over this range; a state
    forgets by exp(-step) or faster a token.
    """

    def __init__(
        self,
        d_model: int,
        d_state: int = 16,
        d_conv: int = 4,
        expand: int = 2,
        reverse: bool = False,
        steps: tuple[float, float] = (1e-3, 1e-1),
    ) -> None:
        super().__init__()
        if min(d_model, d_state, d_conv, expand) < 1:
            raise ValueError("A Mamba block needs d_model, d_state, d_conv and expand of at least 1.")
        self.d_state, self.reverse = d_state, reverse
        self.d_inner = expand * d_model
        self.dt_rank = math.ceil(d_model / 16)
        self.in_proj = Linear(d_model, 2 * self.d_inner, bias=False)
        self.conv1d = nn.Conv1d(self.d_inner, self.d_inner, d_conv, groups=self.d_inner, padding=d_conv - 1)
        self.x_proj = Linear(self.d_inner, self.dt_rank + 2 * d_state, bias=False)
        self.dt_proj = Linear(self.dt_rank, self.d_inner)
        self.A_log = nn.Parameter(torch.arange(1, d_state + 1).float().log().repeat(self.d_inner, 1))
        self.D = nn.Parameter(torch.ones(self.d_inner))
        self.out_proj = Linear(self.d_inner, d_model, bias=False)
        self._initialise_steps(*steps)

    def _initialise_steps(self, smallest: float, largest: float) -> None:
        """The bias is softplus^-1 of the step sizes."""
        bound = self.dt_rank**-0.5
        nn.init.uniform_(self.dt_proj.weight, -bound, bound)
        span = math.log(largest) - math.log(smallest)
        steps = torch.exp(torch.rand(self.d_inner) * span + math.log(smallest))
        with torch.no_grad():
            self.dt_proj.bias.copy_(steps + torch.log(-torch.expm1(-steps)))

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (b, l, d_model) -> (b, l, d_model)."""
        # Two products: the halves of one would have to be copied together again in the backward.
        x, z = (linear(tokens, half) for half in torch.split(self.in_proj.weight, self.d_inner))
        x = causal_conv1d(x, self.conv1d.weight[:, 0], self.conv1d.bias, reverse=self.reverse)
        widths = [self.dt_rank, self.d_state, self.d_state]
        low, B, C = torch.split(self.x_proj(x), widths, dim=-1)
        delta = linear(low, self.dt_proj.weight)  # the scan adds the bias
        A = -torch.exp(self.A_log.float() if self.A_log.dtype != torch.float64 else self.A_log)
        y = selective_scan(x, delta, A, B, C, self.D, z, self.dt_proj.bias, delta_softplus=True, reverse=self.reverse)
        if isinstance(y, tuple):
            raise ValueError("The scan returned a state that was not asked for.")
        projected: Tensor = self.out_proj(y)
        return projected
