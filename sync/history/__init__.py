"""Synchronization History: what synchronization wrote, field by field; shown, exported, and put back.

What undoes a job asks `reading.written_since`, and has values put back by `services.put_back`.
"""
