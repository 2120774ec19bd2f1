"""Compile modules to .pyc files whose bytes depend on the source alone.

Problem: in one process, what was compiled before changes the bytes of what comes after
(marshal's FLAG_REF follows reference counts of interned objects). Choice: one forked process a
file, all from the same clean parent, so that neither order nor architecture matters. Rejected:
one fresh interpreter a file (30 times slower), and sorting the files (equal only on one machine).

The parent itself still differs in one thing: CPython has one object for each string of a single
Latin-1 character, and marshal writes whether it is interned, which depends on how the modules of
the parent were loaded. So all of them are.
It is to run with ``-X no_debug_ranges`` (PEP 657): tracebacks then name the line, without carets below a part of it.
The hash in the file is never checked at run time (PEP 552, unchecked), since images are read-only.
"""

import marshal
import os
import py_compile
import sys
from pathlib import Path

#: Bytes before the code (PEP 552).
HEADER = 16


def compile_tree(root: Path, *, jobs: int) -> None:
    """Compile every module below ``root``, which stands for ``/`` in the image.

    Modules that this CPython cannot compile (test data, other versions' syntax) get no .pyc.

    :raises RuntimeError: one could not be written, as on a full disk
    """
    for code in range(256):
        sys.intern(chr(code))
    running: dict[int, Path] = {}
    for path in sorted(root.rglob("*.py")):
        if len(running) >= jobs:
            wait_for_one(running)
        if (child := os.fork()) == 0:
            status = 1
            try:
                compile_module(path, f"/{path.relative_to(root)}")
                status = 0
            finally:
                os._exit(status)
        running[child] = path
    while running:
        wait_for_one(running)


def wait_for_one(running: dict[int, Path]) -> None:
    """Wait until one of the processes has ended, and take it away.

    :raises RuntimeError: it has failed, or was killed
    """
    child, status = os.wait()
    path = running.pop(child)
    if code := os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{path}: its .pyc could not be written (exit code {code})")


def compile_module(path: Path, embedded: str) -> None:
    """Write the .pyc of one module, with ``embedded`` as its file name in tracebacks; none where it does not compile.

    :raises Exception: it could not be written, or not as a whole
    """
    try:
        target = py_compile.compile(
            str(path),
            dfile=embedded,
            doraise=True,
            quiet=1,
            optimize=0,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    except py_compile.PyCompileError as error:
        if isinstance(error.exc_value, MemoryError):
            raise
        return
    assert target is not None
    # importlib writes it by one call, and does not look at how much of it a full disk has taken
    marshal.loads(Path(target).read_bytes()[HEADER:])  # noqa: S302 - written a moment ago
