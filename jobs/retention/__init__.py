"""Retention: what became of records is removed by age and by number, a company a job, once a day.

Rules decide (rules.py), the reading says what goes (reading.py), the job removes it part by part (job.py). Sign-in
records, which belong to no company, go with the tick (sign_ins.py).
"""
