"""Copies in a bucket: what is kept there, which copy is newer, bringing it back."""
