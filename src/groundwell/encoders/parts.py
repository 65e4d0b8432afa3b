"""The pieces of a graph, cut from a model's weights by name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from groundwell.domain.errors import StartupError
from groundwell.encoders.runtime import Node, ops
from groundwell.encoders.tensors import as_float32


class Parts:
    """Layers by the name of their tensors.

    A name is looked for below `prefix` first. A StartupError names a tensor that is missing.
    """

    def __init__(self, weights: Mapping[str, NDArray[np.generic]], prefix: str) -> None:
        self._weights = weights
        self._prefix = prefix

    def has(self, name: str) -> bool:
        """Whether there is such a tensor."""
        return self._prefix + name in self._weights or name in self._weights

    def linear(self, states: Node, name: str, scale: float = 1.0) -> Node:
        """`scale` times the affine map `name`."""
        weight, bias = name + ".weight", name + ".bias"
        if scale == 1.0:
            return ops.add(
                ops.matmul(states, self.constant(weight), False, True), self.constant(bias)
            )
        product = ops.matmul(
            states, ops.constant(self.tensor(weight) * np.float32(scale)), False, True
        )
        return ops.add(product, ops.constant(self.tensor(bias) * np.float32(scale)))

    def norm(self, states: Node, name: str, epsilon: float) -> Node:
        """The layer normalisation `name`."""
        norm = ops.mvn(states, axes(-1), True, epsilon, "inside_sqrt")
        scaled = ops.multiply(norm, self.constant(name + ".weight"))
        return ops.add(scaled, self.constant(name + ".bias"))

    def constant(self, name: str) -> Node:
        """A tensor as it stands in the file."""
        return ops.constant(self.tensor(name), shared_memory=True)

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A tensor to compute with before the graph runs."""
        tensor = self._weights.get(self._prefix + name)
        if tensor is None:
            tensor = self._weights.get(name)
        if tensor is None:
            raise StartupError(
                f"The model's weights lack {name}, which models of its type have; choose another "
                "model."
            )
        return as_float32(tensor)


def activate(states: Node, kind: str) -> Node:
    """An activation by its name in config.json."""
    match kind:
        case "gelu":
            return ops.gelu(states, "erf")
        case "relu":
            return ops.relu(states)
        case "tanh":
            return ops.tanh(states)
        case _:
            return ops.gelu(states, "tanh")


def axes(*numbers: int) -> Node:
    """Numbers of axes or sizes, as OpenVINO wants them."""
    return ops.constant(np.array(numbers, np.int64))
