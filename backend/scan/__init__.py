"""The selective scan (S6), the short causal convolution, the Mamba block on them and the norm behind it.

Arrays in, arrays out: no files, no scenes, no jobs.
"""

from .block import MambaBlock
from .conv import causal_conv1d
from .forms import chosen_form, forms
from .norm import norm_silu
from .products import Linear
from .products import sentence as products_sentence
from .scan import selective_scan

__all__ = [
    "Linear",
    "MambaBlock",
    "causal_conv1d",
    "chosen_form",
    "forms",
    "norm_silu",
    "products_sentence",
    "selective_scan",
]
