"""The programs: what each is given, how it is started, and how one sees that it has taken a change."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Tuple

BEFORE, AFTER = "one", "the second"


class Program(NamedTuple):
    """A program that watches files by one of the peers."""

    name: str
    # Packages of the index, its own first; constraints.txt has their versions.
    packages: Tuple[str, ...]
    peer: str
    # As its users write it; {port} is a free one.
    command: str
    # The file to change, and what is in it, with "{}" for what is changed there.
    changed: str
    content: str
    # Other files, by name.
    beside: Mapping[str, str] = {}
    # The page that has what is in the file; "" if the program prints it.
    page: str = ""
    # What it prints when it is ready for a change, if it prints that, ...
    ready: str = ""
    # ... when it is about to reload, ...
    notices: str = ""
    # ... and if it watches by something else than the peer.
    never: str = ""
    # Python that is run beside it, given the port: who uses it.
    visitor: str = ""
    # Of python -m inotify_cffi.compat....
    options: str = ""
    # False: it does not work with the newest release of the peer, whatever that runs on.
    takes_newest: bool = True


APPLICATION = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send(dict(type="http.response.start", status=200, headers=[]))
        await send(dict(type="http.response.body", body=b"{}"))
"""

FLASK = """
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "{}"
"""

STREAMLIT = """
import streamlit

print("{}", flush=True)
streamlit.write("{}")
"""

# A browser: it opens the stream, has the script run, and listens.
BROWSER = """
import sys

from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.sync.client import connect

with connect(f"ws://127.0.0.1:{sys.argv[1]}/_stcore/stream", subprotocols=["streamlit"], max_size=None) as stream:
    message = BackMsg()
    message.rerun_script.query_string = ""
    stream.send(message.SerializeToString())
    for _ in stream:
        pass
"""

PROGRAMS: Tuple[Program, ...] = (
    Program(
        "uvicorn --reload",
        ("uvicorn",),
        "watchfiles",
        "uvicorn --reload --port {port} app:app",
        "app.py",
        APPLICATION,
        page="/",
        notices="WatchFiles detected changes",
        never="StatReload",
    ),
    # With watchdog 7 its reloader never notices a change, see findings/watchdog-7-and-the-reloader-of-werkzeug.sh.
    Program(
        "flask --debug run",
        ("Flask", "Werkzeug"),
        "watchdog",
        "flask --debug run --port {port}",
        "app.py",
        FLASK,
        page="/",
        notices="Detected change in",
        never="Restarting with stat",
        takes_newest=False,
    ),
    Program(
        "watchmedo shell-command",
        ("watchdog", "PyYAML"),
        "watchdog",
        "watchmedo shell-command --patterns *.txt --recursive --command 'cat ${watch_src_path}' .",
        "notes.txt",
        "{}\n",
    ),
    # What is changed while its tests run is not noticed: it forgets that behind them, and says so where it is asked to.
    Program(
        "pytest-watcher (ptw)",
        ("pytest-watcher", "pytest"),
        "watchdog",
        "env PTW_DEBUG=1 ptw . --now -s",
        "test_it.py",
        "def test_it():\n    print('{}')\n",
        ready="Trigger released",
        notices="Detected ",
    ),
    Program(
        "streamlit run",
        ("streamlit", "websockets"),
        "watchdog",
        "streamlit run app.py --server.port {port} --server.headless true --server.runOnSave true",
        "app.py",
        STREAMLIT,
        ready=BEFORE,
        visitor=BROWSER,
    ),
    Program(
        "sphinx-autobuild",
        ("sphinx-autobuild", "Sphinx"),
        "watchfiles",
        "sphinx-autobuild --port {port} source build",
        "source/index.rst",
        "Title\n=====\n\nThis is {}.\n",
        {"source/conf.py": "project = 'it'\n"},
        page="/index.html",
        notices="Detected changes",
    ),
    Program(
        "mkdocs serve",
        ("mkdocs",),
        "watchdog",
        "mkdocs serve --dev-addr 127.0.0.1:{port}",
        "docs/index.md",
        "# Title\n\nThis is {}.\n",
        {"mkdocs.yml": "site_name: it\n"},
        page="/",
        notices="Detected file changes",
        options="--polling",
    ),
)
