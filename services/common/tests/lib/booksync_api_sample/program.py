"""What the command line says of the service."""

from booksync_common.program import Program

PROGRAM = Program(
    name="sample",
    description="For tests.",
    port=8999,
)
