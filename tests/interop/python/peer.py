"""Protocol that every peer of the tests speaks, whatever it is.

    stdin   one line of JSON: what the test wants; then nothing. The peer ends when it closes, so a test
            that dies never leaves one behind
    stdout  one line of JSON once the peer listens: {"port": …}
    stderr  the library's own log
"""

import json
import os
import shutil
import sys
import tempfile
import threading

_of_our_own = []


def wanted():
    """Reads what the test wants."""
    return json.loads(sys.stdin.readline())


def folder(wanted):
    """Where the peer keeps its tokens: the test's folder, else one that ends with the peer."""
    if "folder" in wanted:
        return wanted["folder"]
    _of_our_own.append(tempfile.mkdtemp())
    return _of_our_own[0]


def listening(port):
    """Reports the port, and ends the process with its standard input."""
    print(json.dumps({"port": port}), flush=True)
    threading.Thread(target=_end_with_stdin, daemon=True).start()


def _end_with_stdin():
    sys.stdin.read()
    for folder in _of_our_own:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)
