"""The conversations, one file each, and the small language they are written in."""
