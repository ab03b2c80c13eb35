"""What computes nets: PyTorch, ONNX Runtime, and a fake for tests; `choose` picks one."""
