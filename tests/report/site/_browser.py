"""Headless Chromium over its DevTools protocol on a pipe: no driver, no further package."""

import base64
import fcntl
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

CHROMIUM = os.environ.get("DICFACE_CHROMIUM") or shutil.which("chromium") or ""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--hide-scrollbars",
)
KEYS = {" ": (32, "Space"), "ArrowLeft": (37,), "ArrowRight": (39,), "Home": (36,), "End": (35,)}
KEYS |= {"Enter": (13, "Enter"), "Tab": (9,)}
TIMEOUT_S = 60


def _key(key: str) -> dict:
    code, *text = KEYS.get(key, (ord(key[0].upper()), f"Key{key.upper()}"))
    return {"key": key, "windowsVirtualKeyCode": code, "code": text[0] if text else key}


class Browser:
    """A browser with an empty profile and one page."""

    def __init__(self, profile: Path) -> None:
        # Chromium reads commands from descriptor 3 and writes to 4.
        read, self._commands = os.pipe()
        self._answers, write = os.pipe()
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (read, write)]

        def place() -> None:
            os.dup2(theirs[0], 3)
            os.dup2(theirs[1], 4)

        self._process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe"],
            pass_fds=(3, 4),
            preexec_fn=place,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for fd in (read, write, *theirs):
            os.close(fd)
        self._messages: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self._count = 0
        self._session = None
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def close(self) -> None:
        os.close(self._commands)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._answers)

    def send(self, method: str, **parameters):
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + TIMEOUT_S
        while True:
            answer = self._messages.get(timeout=max(0.1, end - time.monotonic()))
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def open(self, address: str) -> None:
        """Loads a page and waits until it is complete; forgets errors and requests before it."""
        self.send("Page.navigate", url="about:blank")
        self.errors.clear()
        self.requests.clear()
        self.send("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script: str):
        """Value of an expression; promises are awaited."""
        answer = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + TIMEOUT_S
        while not self.run(condition):
            assert time.monotonic() < end, f"never came true: {condition}"
            time.sleep(0.05)

    def press(self, key: str, *, shift: bool = False) -> None:
        self.hold(key, shift=shift)
        self.release(key)

    def hold(self, key: str, *, shift: bool = False) -> None:
        typed = {"text": {"Enter": "\r"}.get(key, key)} if key in (" ", "Enter") else {}
        if len(key) == 1 and key != " ":
            typed = {"text": key}
        event = _key(key) | typed | {"modifiers": 8 if shift else 0}
        self.send("Input.dispatchKeyEvent", type="keyDown", **event)

    def release(self, key: str) -> None:
        self.send("Input.dispatchKeyEvent", type="keyUp", **_key(key))

    def mouse(self, kind: str, x: float, y: float, **more) -> None:
        """Sends "Moved", "Pressed", "Released" or "Wheel" at a place of the window, px."""
        self.send("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **more)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """Sends "Start", "Move" or "End" of fingers at places of the window, px."""
        fingers = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
        self.send("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=fingers)

    def resize(self, width: int, height: int, scheme: str = "light") -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def picture(self, *, whole: bool = False) -> bytes:
        """PNG of the window, or of the whole page."""
        answer = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def _read(self) -> None:
        rest = b""
        while True:
            try:
                more = os.read(self._answers, 1 << 16)
            except OSError:
                return
            if not more:
                return
            *whole, rest = (rest + more).split(b"\0")
            for message in whole:
                self._messages.put(json.loads(message))

    def _note(self, event: dict) -> None:
        method, facts = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(facts["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and facts["type"] in ("error", "warning"):
            self.errors.append(json.dumps(facts["args"]))
        elif method == "Log.entryAdded" and facts["entry"]["level"] in ("error", "warning"):
            self.errors.append(facts["entry"]["text"])
