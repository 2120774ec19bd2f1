"""Makes onnx importable, which is C++."""

from booksync_testing.libstdcxx import load_libstdcxx

load_libstdcxx()
