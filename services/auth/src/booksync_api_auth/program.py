"""What the command line says of the service."""

from booksync_common.program import Program

PROGRAM = Program(
    name="auth",
    description="Profiles, sessions and the link to Mangacollec.",
    port=8000,
    commands={
        "create-admin": "make an administrator; asks for a name and a password",
        "reset-password": (
            "set a profile's password, end its sessions and turn it on; asks for the name and the password"
        ),
    },
)
