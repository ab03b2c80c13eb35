"""The libraries that compute nets: PyTorch, ONNX Runtime, and a fake one for tests."""
