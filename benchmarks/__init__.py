"""What Tandem costs, each measured against a floor in the same run: `python -m benchmarks [NAME ...] [--quick]`.

A floor is the least that has to be done for the same result: a plain dictionary, the same pages downloaded and decoded,
the same rows inserted. Tandem and its floor run in turn, several times; what is told is the ratio of the two, so that
the machine hardly matters. Nothing here is a test: a busy machine must not fail one.
"""
