"""libstdc++, for wheels that are C++: where the builder's libc stands alone, BOOKSYNC_LIBSTDCXX names it."""

import ctypes
import os


def load_libstdcxx() -> None:
    """Load it, if it is named: a library that is loaded already is taken by its name."""
    if path := os.environ.get("BOOKSYNC_LIBSTDCXX"):
        ctypes.CDLL(path, ctypes.RTLD_GLOBAL)
