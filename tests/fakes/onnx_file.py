"""Writes a tiny model in ONNX's form, byte by byte."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

_FLOAT, _INT64 = 1, 7


def make_onnx(table: NDArray[np.float32]) -> bytes:
    """A model of two nodes: last_hidden_state[n] = the sum of table[input_ids[: n + 1]].

    What a text yields thus depends on all that stands before it in its row.
    """
    numbers = struct.pack(f"<{table.size}f", *table.ravel())
    graph = _node("Gather", "table", "input_ids", "words")
    graph += _node("CumSum", "words", "axis", "last_hidden_state")
    graph += _field(2, b"encoder")
    graph += _field(5, _tensor("table", _FLOAT, table.shape, numbers))
    graph += _field(5, _tensor("axis", _INT64, (), struct.pack("<q", 1)))
    for name in ("input_ids", "attention_mask"):
        graph += _field(11, _value_info(name, _INT64, "batch", "length"))
    graph += _field(12, _value_info("last_hidden_state", _FLOAT, "batch", "length", "width"))
    return _field(1, 8) + _field(8, _field(1, b"") + _field(2, 13)) + _field(7, graph)


def _field(number: int, content: bytes | int) -> bytes:
    """A protocol-buffers field: a varint below 128, or bytes below 16384."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([number << 3 | 2]) + length + content


def _node(kind: str, left: str, right: str, output: str) -> bytes:
    names = _field(1, left.encode()) + _field(1, right.encode()) + _field(2, output.encode())
    return _field(1, names + _field(4, kind.encode()))


def _tensor(name: str, kind: int, shape: tuple[int, ...], data: bytes) -> bytes:
    dimensions = b"".join(_field(1, size) for size in shape)
    return dimensions + _field(2, kind) + _field(8, name.encode()) + _field(9, data)


def _value_info(name: str, kind: int, *dimensions: str) -> bytes:
    shape = b"".join(_field(1, _field(2, dimension.encode())) for dimension in dimensions)
    tensor = _field(1, _field(1, kind) + _field(2, shape))
    return _field(1, name.encode()) + _field(2, tensor)
