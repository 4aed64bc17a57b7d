"""Policies as ONNX: models to push, and what becomes of them."""
