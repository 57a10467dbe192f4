"""The selective scan (S6), the short causal convolution and the Mamba block on them.

Arrays in, arrays out: no files, no scenes, no jobs.
"""

from .block import MambaBlock
from .conv import causal_conv1d
from .forms import chosen_form, forms
from .products import Linear
from .products import sentence as products_sentence
from .scan import selective_scan

__all__ = [
    "Linear",
    "MambaBlock",
    "causal_conv1d",
    "chosen_form",
    "forms",
    "products_sentence",
    "selective_scan",
]
