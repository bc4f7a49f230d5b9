"""The door of a site: an application of somebody's, beside the sessions in one process."""
