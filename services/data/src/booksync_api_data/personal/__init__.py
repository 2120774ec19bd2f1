"""What a user says of volumes, which nobody else sees."""
