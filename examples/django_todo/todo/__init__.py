"""A list of things to do, the same in all windows of its user."""
