"""One Mamba-in-Mamba of one scale: tokens in, fewer tokens out.

Letters: b patches times scan types, t tokens in, s tokens out, m = (t + 1) / 2 tokens of a half scan, d width,
n states, r rank of the step sizes. Section numbers are those of the paper's figures, see ``network``.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...scan import Linear, selective_scan
from .orders import feature_decay, halves, index_decay, pooling

STEPS = (0.02, 0.5)
"""Range of the scans' step sizes at the start; half scans are short, so they forget faster than in language models."""


class HalfScans(nn.Module):
    """The selective scan (S6) from both ends of the tokens to the centre.

    ``prepare`` makes all that a token brings along from the token alone, so that it is done once per pixel and not
    once per patch and scan type. Both halves and all scan types share the weights.
    """

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        rank = math.ceil(width / 16)
        self.parts, self.widths = [rank, 2 * states], [width, width, states, states]
        self.drive = Linear(width, rank + 2 * states, bias=False)
        self.steps = nn.Linear(rank, width)
        self.A_log = nn.Parameter(torch.arange(1, states + 1).float().log().repeat(width, 1))
        self.D = nn.Parameter(torch.ones(width))
        smallest, largest = (math.log(step) for step in STEPS)
        steps = torch.empty(width).uniform_(smallest, largest).exp()
        nn.init.uniform_(self.steps.weight, -(rank**-0.5), rank**-0.5)
        with torch.no_grad():
            self.steps.bias.copy_(steps + torch.log(-torch.expm1(-steps)))  # softplus^-1

    def prepare(self, x: Tensor) -> Tensor:
        """Input, step size, B and C of every token: (..., d) -> (..., 2d + 2n)."""
        u = functional.silu(x)
        low, states = torch.split(self.drive(u), self.parts, dim=-1)
        return torch.cat([u, functional.linear(low, self.steps.weight), states], dim=-1)

    def forward(self, walks: Tensor) -> Tensor:
        """Both halves, read towards the centre, (b, 2, m, 2d + 2n) -> the tokens from first to last (b, t, d).

        The centre, where both end, is their mean.
        """
        u, delta, B, C = torch.split(walks.flatten(0, 1), self.widths, dim=-1)
        A = -torch.exp(self.A_log)
        y = cast(Tensor, selective_scan(u, delta, A, B, C, self.D, None, self.steps.bias, delta_softplus=True))
        before, after = y.view(*walks.shape[:3], -1).unbind(dim=1)
        centre = (before[:, -1:] + after[:, -1:]) / 2
        return torch.cat([before[:, :-1], centre, after[:, :-1].flip(1)], dim=1)


class TokenGate(nn.Module):
    """How much each token counts, 0 to 1, judged by its largest and its mean feature.

    A plain sigmoid: the released one, of a ReLU, never falls below one half.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.1, 0.1]))
        self.bias = nn.Parameter(torch.tensor(1.0))

    def forward(self, largest: Tensor, mean: Tensor) -> Tensor:
        """Two features of the tokens, both (b, t) -> (b, t)."""
        return torch.sigmoid(self.weight[0] * largest + self.weight[1] * mean + self.bias)


class TokenLearner(nn.Module):
    """Semantic tokens, each a weighted mean of all tokens: u = softmax_t(U1 M^T) M U2."""

    def __init__(self, width: int, kept: int, dropout: float) -> None:
        super().__init__()
        self.gate = TokenGate()
        self.scores = nn.Parameter(torch.empty(kept, width).uniform_(-(width**-0.5), width**-0.5))
        self.values = Linear(width, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, decay: Tensor) -> Tensor:
        """Tokens (b, t, d) and how much of each is left (b, t), 0 to 1 -> (b, s, d).

        M is tokens * decay * gate; the factors, one a token, are moved behind the products.
        """
        weight = (decay * self.gate(decay * tokens.amax(dim=-1), decay * tokens.mean(dim=-1)))[:, None]
        scores = torch.matmul(self.scores, tokens.transpose(1, 2))
        attention = torch.softmax(scores * weight, dim=-1) * weight
        semantic: Tensor = self.dropout(self.values(attention @ tokens))
        return semantic


class TokenFuser(nn.Module):
    """Semantic tokens mixed, gated by the other branch z: sigmoid(z Wg) (P u) + z * gate(z)."""

    def __init__(self, width: int, kept: int) -> None:
        super().__init__()
        self.gate = TokenGate()
        self.mixing = nn.Parameter(torch.eye(kept) + 0.02 * torch.randn(kept, kept))
        self.weights = Linear(width, kept)

    def forward(self, semantic: Tensor, z: Tensor) -> Tensor:
        """Both (b, s, d) -> (b, s, d)."""
        z = functional.silu(z)
        kept = z * self.gate(z.amax(dim=-1), z.mean(dim=-1))[..., None]
        return torch.baddbmm(kept, torch.sigmoid(self.weights(z)) @ self.mixing, semantic)


class MimBlock(nn.Module):
    """T-Mamba of one scale: half scans, decay mask, token learner and fuser, residual.

    ``project`` works on every token alone, ``forward`` on what it made, in the order of the scans; ``next`` is both.
    """

    halves: Tensor
    pool: Tensor
    decay: Tensor

    def __init__(
        self, width: int, tokens: int, kept: int, states: int, dropout: float, decay_mask: bool, activation: str
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.to_scan, self.to_gate, self.to_residual = (Linear(width, width) for _ in range(3))
        self.scans = HalfScans(width, states)
        self.learner, self.fuser = TokenLearner(width, kept, dropout), TokenFuser(width, kept)
        self.out, self.out_norm = Linear(width, width), nn.LayerNorm(width)
        self.activation = {"relu": torch.relu, "tanh": torch.tanh}[activation]
        self.decay_mask = decay_mask
        self.register_buffer("decay", index_decay(tokens), persistent=False)
        self.register_buffer("halves", halves(tokens), persistent=False)
        self.register_buffer("pool", pooling(tokens, kept), persistent=False)

    def project(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (..., d) -> what is scanned (..., 2d + 2n), what goes beside the scan and is pooled (..., 2d)."""
        normal = self.norm(tokens)
        return self.scans.prepare(self.to_scan(normal)), self.beside(normal, tokens)

    def beside(self, normal: Tensor, tokens: Tensor) -> Tensor:
        """Gate and residual, before or after pooling: means and linear maps may change places."""
        return torch.cat([self.to_gate(normal), self.to_residual(tokens)], dim=-1)

    def next(self, tokens: Tensor) -> Tensor:
        """The tokens that an earlier scale has left, (b, t, d) -> (b, s, d)."""
        normal = self.norm(tokens)
        walks = self.scans.prepare(self.to_scan(normal))[:, self.halves]
        pooled = self.pool @ torch.cat([normal, tokens], dim=-1)
        fewer: Tensor = self(walks, self.beside(*pooled.chunk(2, dim=-1)), self.mask(tokens))
        return fewer

    def mask(self, tokens: Tensor) -> Tensor:
        """How much of each token is left, by its likeness to the centre: (b, t, d) -> (b, t), 1 at the centre."""
        return feature_decay(tokens) if self.decay_mask else tokens.new_ones(tokens.shape[:2])

    def forward(self, walks: Tensor, beside: Tensor, likeness: Tensor) -> Tensor:
        """What ``project`` made, as half scans (b, 2, m, .) and pooled (b, s, .), and the mask (b, t) -> (b, s, d)."""
        z, residual = beside.chunk(2, dim=-1)
        decay = likeness * self.decay if self.decay_mask else likeness
        fused = self.fuser(self.learner(self.scans(walks), decay), z)
        tokens: Tensor = self.out_norm(self.activation(self.out(fused) + residual))
        return tokens
