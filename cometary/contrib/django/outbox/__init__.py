"""The outbox in the database: an application for INSTALLED_APPS with which not even a crash loses an update."""
