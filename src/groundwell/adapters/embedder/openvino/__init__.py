"""The embedder in this process: OpenVINO on the CPU."""

from groundwell.adapters.embedder.openvino.embedder import OpenVinoEmbedder
from groundwell.adapters.embedder.openvino.weights import find_model

__all__ = ["OpenVinoEmbedder", "find_model"]
