"""The door of a site: somebody's application, beside the sessions in one process."""
