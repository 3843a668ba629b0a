"""A kind of job for tests with real worker processes; loaded there through EXTRA_APPS."""
