"""Where classifying networks start: the class scores of a logistic regression, which they then learn to correct.

A network of some ten thousand weights learns by heart the areas it is trained on, and elsewhere errs more than a linear
classifier does. So it starts from one, with a head that says nothing at first, and its corrections are kept only if the
validation pixels are better off with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from ..cube import Array, Cube
from ..training import Record
from .contract import TrainingData
from .patches import Normalisation

COMPONENTS = 60
"""Whitened principal components that the regression sees at the most."""
PIXELS = 5
"""Training pixels for each of them: fewer would fit noise."""
STRENGTH = 0.1
"""Inverse of the ridge penalty on weights of components of variance 1 (scikit-learn's C)."""
MOST = 50_000
"""Training pixels that the regression learns from; of more, as many evenly spread."""
NAMES = ("start_weight", "start_bias")
"""Under which it is kept beside a network's weights; its mean is the normalisation's."""
ABSENT = -5.0
"""The score of a class without training pixels."""


@dataclass(frozen=True)
class Start:
    """Class scores of single spectra: ``weight`` (classes, bands) times reflectance less ``mean`` (bands,) + ``bias``.

    Fitted to the training pixels alone.
    """

    mean: Array
    weight: Array
    bias: Array

    @classmethod
    def of(cls, data: TrainingData) -> Start:
        """Multinomial logistic regression with the classes weighted as in the network's loss."""
        labelled = [item for item in data.training if (item.labels > 0).any()]
        pixels = np.concatenate([item.pixels for item in labelled])
        classes = np.concatenate([item.classes for item in labelled]).astype(np.int64) - 1
        every = -(-len(pixels) // MOST)
        normal = Normalisation.of(pixels, max(1, min(COMPONENTS, len(pixels) // PIXELS)))
        weight = np.zeros((data.num_classes, len(normal.mean)), np.float32)
        bias = np.full(data.num_classes, ABSENT, np.float32)
        present = np.unique(classes[::every])
        bias[present] = 0
        if len(present) > 1:
            scores = (pixels[::every] - normal.mean) @ normal.folded
            counted = data.class_weights[classes[::every]]
            model = LogisticRegression(C=STRENGTH, max_iter=1000).fit(scores, classes[::every], counted)
            found, offsets = model.coef_, model.intercept_
            if len(present) == 2:  # scikit-learn gives the second class's alone
                found, offsets = np.concatenate([-found, found]) / 2, np.concatenate([-offsets, offsets]) / 2
            weight[present], bias[present] = found @ normal.folded.T, offsets
        return cls(normal.mean, weight, bias)

    def scores(self, cube: Cube, chosen: NDArray[np.int64] | slice) -> Tensor:
        """Class scores (classes, n) of the chosen pixels, by row-major number."""
        values = torch.from_numpy(cube.reflectance.reshape(len(self.mean), -1)[:, chosen])
        centred = values - torch.from_numpy(self.mean)[:, None]
        return torch.addmm(torch.from_numpy(self.bias)[:, None], torch.from_numpy(self.weight), centred)


def silence(*heads: nn.Module) -> None:
    """Let linear heads give scores of 0 until they are trained."""
    for head in heads:
        for one in head.parameters():
            nn.init.zeros_(one)


def kept_if_better(record: Record, validate: Callable[[], float], head: nn.Module) -> Record:
    """Silence a trained head again if the validation pixels have a lower loss without what it says.

    The record then begins with the start's own loss, as that of step 0, which is the best step if the head is silent.
    """
    if not record.validation:
        return record
    trained = {name: value.clone() for name, value in head.state_dict().items()}
    silence(head)
    with torch.no_grad():
        loss = validate()
    better = min(one for _, one in record.validation) < loss
    if better:
        head.load_state_dict(trained)
    return replace(record, validation=[(0, loss), *record.validation], best_step=record.best_step if better else 0)
