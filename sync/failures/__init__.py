"""Integration Synchronization Errors: the records that coupling failed with, and settling them where they are shown."""
