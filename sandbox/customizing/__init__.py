"""Changes of metadata over the Web API: tables, columns, choices, relationships, keys.

Names must begin with the prefix of a publisher that the environment has. A change takes effect at once, that of
an option once it is published; the real service's caches lag behind for some seconds, which a client has to tolerate
anyway.
"""
