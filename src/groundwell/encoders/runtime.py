"""OpenVINO itself: opened once, compiling and running for whoever asks."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import Any, TypeAlias

from groundwell.domain.chunks import Floats
from groundwell.domain.errors import StartupError
from groundwell.encoders.layout import Layout

# At its import OpenVINO would report to Google Analytics and write to ~/intel. Without this module
# it takes the stub that it has for that case. (None is how Python marks a module as absent; the
# type stubs do not know it.)
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
# Imported by name because its type stubs do not export what the package exports.
ov: Any = importlib.import_module("openvino")
ops: Any = importlib.import_module("openvino.opset13")

Node: TypeAlias = Any
Graph: TypeAlias = Any
CompiledModel: TypeAlias = Any
Request: TypeAlias = Any


@cache
def open_core() -> Any:  # noqa: ANN401 - OpenVINO has no types
    """One for the whole process.

    Unloading OpenVINO's processor plugin in another thread than loaded it frees the signal stack
    of the loading thread, whose next signal then kills the process (OpenVINO 2026.4).
    """
    return ov.Core()


def compile_graph(graph: Graph, *, threads: int, lanes: int = 1) -> CompiledModel:
    """Compile for this processor: `lanes` batches at once, which share `threads`.

    bfloat16 where the processor multiplies it natively (cosine to float32 at least 0.9999),
    else float32.

    Errors: StartupError when the graph cannot be compiled.
    """
    core = open_core()
    abilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    options = {
        "INFERENCE_PRECISION_HINT": "bf16" if "BF16" in abilities else "f32",
        "NUM_STREAMS": lanes,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,
    }
    try:
        return core.compile_model(graph, "CPU", options)
    except RuntimeError as error:
        raise StartupError("OpenVINO cannot compile the model for this processor.") from error


def infer(request: Request, layout: Layout) -> Floats:
    """One pass; what it returns is overwritten by the request's next pass."""
    # Always given as arrays: a request of one model that brings its own tensors makes a later
    # request that does not write into freed memory (OpenVINO 2026.4).
    request.infer(layout.inputs)
    output: Floats = request.get_output_tensor(0).data
    return output
