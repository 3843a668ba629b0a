"""No models: Django tells an app of a migration (post_migrate) only where it has this module."""
