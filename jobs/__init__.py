"""Jobs as rows: kinds register a handler, services start and cancel, the runner works in slices under a lease.

The Job row is the only truth about a job; a Celery message carries its id and nothing else. What may come in: kinds
(jobs.registry.register), work for the tick (jobs.registry.on_tick), lines for the Job Queue Entries page
(jobs.registry.schedules).
"""
