"""Revisions of the schema, in order; each runs once."""
