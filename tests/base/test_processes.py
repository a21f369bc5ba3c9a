"""Processes end with the one that started them, and one that dies is told."""

import os
import select
import signal
import subprocess
import sys

import pytest

from dicface.base.errors import ClipError
from dicface.base.processes import each_in_processes

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
print(child.pid, child.stdout.readline().decode(), flush=True)
child.wait()
"""
CHILD = """
import signal
from dicface.base.processes import end_with_parent
end_with_parent()
print("ready", flush=True)
signal.pause()
"""


def test_each_call_is_made_and_named():
    calls = {"one": (1, 2), "two": (3, 4)}
    assert set(each_in_processes(pow, calls, 2, error=ClipError)) == {"one", "two"}


def test_a_process_that_is_killed_is_one_sentence():
    calls = {"clip_3": (signal.SIGKILL,)}
    with pytest.raises(ClipError, match="a process died while it worked on 'clip_3'.*fewer"):
        list(each_in_processes(signal.raise_signal, calls, 1, error=ClipError))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a parent's end")
def test_a_process_ends_with_its_parent():
    words = [sys.executable, "-c", PARENT, CHILD]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as parent:
        child, ready = parent.stdout.readline().split()
        assert ready == b"ready"
        handle = os.pidfd_open(int(child))
        parent.kill()
        # Waits for its end without being its parent.
        assert select.select([handle], [], [], 10)[0]
        os.close(handle)
