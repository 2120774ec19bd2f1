"""Makes onnx importable where libstdc++ is not on the loader's path: BOOKSYNC_LIBSTDCXX says where it is."""

import ctypes
import os

if path := os.environ.get("BOOKSYNC_LIBSTDCXX"):
    ctypes.CDLL(path, ctypes.RTLD_GLOBAL)
