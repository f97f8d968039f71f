"""A real browser without a screen, driven over the DevTools protocol."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket
from testbed.waiting import eventually

NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")
"""Programs that can do it, the smallest first. `make browser` brings it."""
TOLD_BY_BROWSERS = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")


class Tab:
    """A page that is open. `complaints` has what its console said: errors, warnings, refused scripts."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=60)
        self._sent = 0
        self._told: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """Leave it."""
        self._socket.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command of the protocol."""
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._sent:
                assert "error" not in message, message
                return message["result"]
            self._told.append(message)

    def open(self, file: Path, width: int, height: int = 844, dark: bool = False) -> None:
        """Show a file in a window of this width, and wait until everything in it is loaded."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=file.as_uri())
        self.wait(f"document.readyState === 'complete' && location.href === {file.as_uri()!r}")

    def wait(self, expression: str) -> None:
        """Until it is true in the page."""
        eventually(lambda: self.value(expression), expression, seconds=60)

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript is in the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def click(self, element: str) -> None:
        """Press the mouse on an element, which an expression names, as a person does."""
        place = self.value(
            f"(e => {{ e.scrollIntoView({{block: 'center', inline: 'center'}});"
            f" const r = e.getBoundingClientRect();"
            f" return [r.x + r.width / 2, r.y + r.height / 2]; }})({element})"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1
            )

    def complaints(self) -> list[str]:
        """What the console has been told since it was asked last, and exceptions."""
        self.value("new Promise(done => setTimeout(done, 50))")  # so that what is under way has arrived
        told, self._told = self._told, []
        return [json.dumps(message) for message in told if message["method"] in TOLD_BY_BROWSERS]

    def picture(self) -> bytes:
        """The whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        return b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"])


@contextmanager
def chromium(folder: Path) -> Iterator[Tab]:
    """A tab of a browser that keeps its profile in `folder`.

    Raises:
        AssertionError: there is no such program.
    """
    program = next(filter(None, map(shutil.which, NAMES)), None)
    assert program, f"none of {', '.join(NAMES)} is installed: make browser brings one"
    words = [program, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    words += ["--remote-allow-origins=*", "--hide-scrollbars", f"--user-data-dir={folder}", "about:blank"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # A group of its own: Debian's program is a script that a signal alone would end, and not the browser.
    with subprocess.Popen(words, start_new_session=True, **quiet) as process:
        try:
            tab = Tab(_address(folder))
            yield tab
            tab.close()
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def _address(profile: Path) -> str:
    """Where the first tab of a browser listens, which has written its port into its profile."""
    file = profile / "DevToolsActivePort"
    eventually(lambda: file.exists() and file.read_text().count("\n"), "the browser has begun", seconds=60)
    port = file.read_text().split("\n")[0]
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://127.0.0.1:{port}/json/list", timeout=60) as answer:
        (page,) = (target for target in json.load(answer) if target["type"] == "page")
    return str(page["webSocketDebuggerUrl"])
