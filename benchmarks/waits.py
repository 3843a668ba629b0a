"""Count requests that several processes send although Dataverse has asked one of them to wait.

There is no floor but zero.
"""

import os
import subprocess
import sys
import time

from benchmarks.house import house
from benchmarks.telling import Line

ASKING = """
import sys, time
import django
django.setup()
from connection_setup.connection.clients import client_for
from dataverse.errors import Throttled
from masterdata.models import Company
client = client_for(Company.objects.get(pk=int(sys.argv[1])))
def ask(_):
    while True:
        try:
            return client.function("WhoAmI")
        except Throttled as told:
            time.sleep(told.retry_after)
list(client.map(ask, range(int(sys.argv[2]))))
"""


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    processes, requests, limit, window_s = (2, 20, 12, 2) if quick else (4, 180, 60, 12)
    early, refused, took = [], 0, 0.0
    with house(database) as own:
        for _ in range(repeats or 1):
            own.plain.control("PUT", "limits", {"requests": limit, "window_s": window_s})
            own.plain.control("DELETE", "requests")
            began = time.perf_counter()
            command = [sys.executable, "-c", ASKING, str(own.company.pk), str(requests // processes)]
            children = [subprocess.Popen(command, env=os.environ.copy()) for _ in range(processes)]
            assert [child.wait() for child in children] == [0] * processes
            took = time.perf_counter() - began
            told = own.plain.control("GET", "requests")
            early.append(float(told["before_retry_after"]))
            refused += told["throttled"]
    what = f"{requests} requests of {processes} processes, {limit} allowed in {window_s} s, on {database}"
    note = f"{refused} refused, {took:.0f} s"
    return [Line(f"{what}: sent before the wait was over", "", early, 0, note=note)]
