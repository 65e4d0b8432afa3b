"""A cross-encoder in this process: OpenVINO on the CPU."""

from groundwell.adapters.reranker.cross_encoder.reranker import CrossEncoderReranker

__all__ = ["CrossEncoderReranker"]
