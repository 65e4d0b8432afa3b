"""Transformers from a model's own files, run on the processor with OpenVINO.

Adapters of more than one port stand on this: the local embedder and the cross-encoder.
"""
