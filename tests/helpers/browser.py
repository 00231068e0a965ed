"""A headless Chromium, by the protocol of WebDriver; nothing but chromedriver and chromium have to be installed."""

from __future__ import annotations

import json
import subprocess
import urllib.request

PATIENCE_S = 60
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]


class Browser:
    """One window."""

    def __init__(self, profile):
        self._driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        self._address = f"http://127.0.0.1:{self._port()}/session"
        options = {"args": [*OPTIONS, f"--user-data-dir={profile}"]}
        wanted = {"alwaysMatch": {"goog:chromeOptions": options, "timeouts": {"script": PATIENCE_S * 1000}}}
        self._address += "/" + self._ask("", {"capabilities": wanted})["sessionId"]

    def _port(self):
        for line in self._driver.stdout:
            if "started successfully on port" in line:
                return int(line.rstrip(".\n").rpartition(" ")[2])
        raise AssertionError("chromedriver has ended")

    def _ask(self, what, body):
        request = urllib.request.Request(self._address + what, json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE_S * 2) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self._ask("/url", {"url": url})

    def text_when(self, condition):
        """The text of the page, as soon as a condition in JavaScript holds; it is looked at whenever the page changes."""
        script = f"""
            const done = arguments[arguments.length - 1];
            const look = () => {{ if ({condition}) {{ watch.disconnect(); done(document.body.innerText); }} }};
            const watch = new MutationObserver(look);
            watch.observe(document.body, {{childList: true, subtree: true, characterData: true}});
            look();"""
        return self._ask("/execute/async", {"script": script, "args": []})

    def close(self):
        request = urllib.request.Request(self._address, method="DELETE")
        urllib.request.urlopen(request, timeout=PATIENCE_S).close()
        self._driver.terminate()
        self._driver.communicate(timeout=PATIENCE_S)
