"""Starts manage.py quickly, as a process of its own each time: what the settings do not decide is imported before.

Runs as a process (`python -m tests.starts`), so that starts inherit nothing of the tests. It reads a JSON object per
line - {"command": [words], "environment": {...}, "folder": where output goes} - forks, lets the child be
`manage.py COMMAND` with that environment and nothing else, and answers with {"code": n}. Where the first word is -c,
the second is run as Python runs it.
"""

import importlib
import json
import os
import runpy
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

BEFORE = (
    "environ", "cryptography.x509", "dataverse.client", "django.core.management", "django.db.models",
    "django.template.defaulttags", "django.urls", "markdown_it", "msal", "numpy", "phonenumbers", "rapidfuzz.process",
    "requests", "yaml",
)  # fmt: skip
"""Imported before the first fork: what reads neither settings nor variables of ours."""
ROOT = Path(__file__).resolve().parent.parent


class Starter:
    """The process that starts others."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.starts"],
            cwd=ROOT, env={"PATH": os.environ["PATH"]}, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, command: list[str], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Return what `manage.py COMMAND` came to, or what the code of ["-c", CODE, ...] did.

        folder: exists; output is kept there meanwhile.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"command": command, "environment": environment, "folder": str(folder)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        code = json.loads(self._process.stdout.readline())["code"]
        out, err = ((folder / name).read_text() for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(command, code, out, err)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


def main() -> None:
    for name in BEFORE:
        importlib.import_module(name)
    assert not any(name.partition(".")[0] == "config" for name in sys.modules), "read before the environment is known"
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(asked)
        print(json.dumps({"code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}), flush=True)


def child(asked: dict[str, Any]) -> None:
    """Become manage.py; never returns."""
    code: int | str | None = 0
    try:
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(Path(asked["folder"]) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))  # as Python reads it itself
        if asked["command"][0] == "-c":
            sys.argv = ["-c", *asked["command"][2:]]
            exec(asked["command"][1], {"__name__": "__main__"})
        else:
            sys.argv = ["manage.py", *asked["command"]]
            runpy.run_path(str(ROOT / "manage.py"), run_name="__main__")
    except SystemExit as ended:
        code = ended.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


if __name__ == "__main__":
    main()
