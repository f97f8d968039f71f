"""Policies as bundles that act without this project: ONNX graphs, what describes them, an example."""
