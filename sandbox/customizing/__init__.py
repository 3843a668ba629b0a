"""Changing what tables there are, over the metadata part of the Web API: tables, columns, choices, relationships, keys.

Names must begin with the prefix of a publisher that the environment has. What is made here is there at once; the real
service's caches lag behind for some seconds, which a client must bear anyway.
"""
