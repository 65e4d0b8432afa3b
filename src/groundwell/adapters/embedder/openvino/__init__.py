"""The embedder in this process: OpenVINO on the CPU."""

from groundwell.adapters.embedder.openvino.embedder import OpenVinoEmbedder

__all__ = ["OpenVinoEmbedder"]
