"""Which volume of the pile to read next."""
