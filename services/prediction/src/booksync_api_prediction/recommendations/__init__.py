"""Series to look for, from what somebody owns and has read."""
