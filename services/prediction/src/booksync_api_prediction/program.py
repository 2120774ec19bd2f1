"""What the command line says of the service."""

from booksync_common.program import Program

#: The command that gives the column of vectors another length.
RECREATE = "recreate-embeddings"

PROGRAM = Program(
    name="prediction",
    description="What to read next.",
    port=8002,
    commands={RECREATE: "give the column of vectors VECTOR_DIMENSION, and embed the library again"},
)
