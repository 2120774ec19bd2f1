"""What the command line says of the service."""

from booksync_common.program import Program

PROGRAM = Program(
    name="data",
    description="Facts about volumes that Mangacollec does not have.",
    port=8001,
)
