"""Maps a model's weights into memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groundwell.domain.chunks import Floats
from groundwell.domain.errors import StartupError

_MOST_HEADER_BYTES = 100_000_000  # the format's own limit


def map_weights(file: Path) -> dict[str, NDArray[np.generic]]:
    """The tensors of a safetensors file, mapped: nothing is read before it is used.

    bfloat16 tensors appear as uint16, because numpy has no such type.

    Errors: StartupError when the file is damaged or holds another type of numbers.
    """
    kinds = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8"}
    try:
        with file.open("rb") as stream:
            header_bytes = min(int.from_bytes(stream.read(8), "little"), _MOST_HEADER_BYTES)
            header = json.loads(stream.read(header_bytes))
        header.pop("__metadata__", None)
        # Copy-on-write, because OpenVINO shares only arrays that could be written.
        data = np.memmap(file, np.uint8, mode="c", offset=8 + header_bytes)
        return {
            name: data[slice(*entry["data_offsets"])]
            .view(kinds[entry["dtype"]])
            .reshape(entry["shape"])
            for name, entry in header.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartupError(f"{file} is not a readable safetensors file; get it again.") from error


def as_float32(tensor: NDArray[np.generic]) -> Floats:
    """A mapped tensor as float32; a float32 one is not copied."""
    if tensor.dtype == np.uint16:
        return (tensor.astype(np.uint32) << 16).view(np.float32)
    return tensor.astype(np.float32, copy=False)
