"""Ask Portero who a token belongs to and what they may do, and keep the answers safely for a while.

    portero = Portero("http://127.0.0.1:7878", key="psk_...", service=4)
    portero.start()                      # listens to GET /changes; without it every check is asked
    answer = portero.check(token)        # the JSON of POST /check-token, or None for a token that is not valid
    if answer and "read" in answer["permissions"]:
        ...

Needs nothing but Python 3.9. Safe to use from many threads. The rules that it follows are in docs/changes.md.

It fails closed: an answer is used again only while the stream is known to be live, which is told by when something was
last heard and not by a flag that a thread must not forget to take down. A listener that hangs, dies or is suspended makes
the cache useless after `SILENCE` seconds, never wrong for longer.
"""

import email.utils
import http.client
import json
import random
import threading
import time
import urllib.parse

SILENCE = 20.0  # seconds; a heartbeat comes after 15
MAX_AGE = 60.0  # seconds an answer is kept at most
MAX_KEPT = 10_000  # answers


class Unavailable(Exception):
    """Portero can't be asked. Refuse the request (503): nobody is known to be allowed anything."""


class Portero:
    def __init__(self, url, key, service, *, timeout=2.0, silence=SILENCE, max_age=MAX_AGE):
        parts = urllib.parse.urlsplit(url)
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._base = parts.netloc, parts.path.rstrip("/")
        self._key, self._service = key, service
        self._timeout, self._silence, self._max_age = timeout, silence, max_age
        self._lock = threading.Lock()
        self._kept = {}  # token -> (answer, moment until which it may be used)
        self._version = 0  # changes with each event
        self._heard = None  # when the stream last gave a sign of life; None before `ready`
        self._last_id = None
        self._stopped = threading.Event()
        self._stream = None

    # --- Checks ---

    def check(self, token):
        """The answer of POST /check-token, or None where the token is missing, unknown, revoked or expired."""
        if not token:
            return None
        with self._lock:
            before, was_live = self._version, self._is_live()
            if was_live and token in self._kept:
                answer, until = self._kept[token]
                if time.monotonic() < until:
                    return answer
                del self._kept[token]
        answer, seconds = self._ask(token)
        with self._lock:
            # An event that came while the question was under way may be younger than the answer: use it, don't keep it.
            if answer and seconds > 0 and was_live and self._is_live() and self._version == before:
                if len(self._kept) >= MAX_KEPT:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[token] = (answer, time.monotonic() + seconds)
        return answer

    def _ask(self, token):
        """The answer, and for how many seconds it may be kept."""
        asked = time.monotonic()
        connection = self._connect(self._host, timeout=self._timeout)
        try:
            body = json.dumps({"token": token, "service_id": self._service})
            connection.request("POST", self._base + "/check-token", body)
            response = connection.getresponse()
            answer = json.loads(response.read())
            date = response.headers["Date"]
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(str(error)) from error
        finally:
            connection.close()
        if response.status == 401:
            return None, 0
        if response.status != 200:
            raise Unavailable(f"{response.status} {answer.get('error')}: {answer.get('detail')}")
        # By Portero's clock, since the moments in the answer are.
        now = email.utils.parsedate_to_datetime(date).timestamp() if date else time.time()
        # Asking again in the first half of what remains lets a check renew the token in time.
        seconds = min(self._max_age, (answer["expires_at"] - now) / 2)
        if "valid_until" in answer:
            seconds = min(seconds, answer["valid_until"] - now - 1)  # Date has whole seconds
        return answer, seconds - (time.monotonic() - asked)

    def _is_live(self):
        return self._heard is not None and time.monotonic() - self._heard < self._silence

    @property
    def is_live(self):
        """Whether kept answers are used at the moment."""
        with self._lock:
            return self._is_live()

    # --- The stream ---

    def start(self):
        """Listens in a thread of its own, until `close` or until the key is refused."""
        threading.Thread(target=self._listen, name="portero-changes", daemon=True).start()

    def close(self):
        self._stopped.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    def _listen(self):
        while not self._stopped.is_set():
            try:
                if not self._read_stream():
                    return
            except Exception:  # whatever it was: what matters is below
                pass
            finally:
                with self._lock:
                    self._heard = None
            self._stopped.wait(1 + random.random())

    def _read_stream(self):
        """Reads one stream to its end. False where there is no use in coming back: the key is refused."""
        headers = {"token": self._key, "Accept": "text/event-stream"}
        if self._last_id is not None:
            headers["Last-Event-ID"] = self._last_id
        else:
            self._forget(lambda answer: True)
        # The time limit is for each read: silence raises TimeoutError.
        self._stream = connection = self._connect(self._host, timeout=self._silence)
        try:
            connection.request("GET", self._base + "/changes", headers=headers)
            response = connection.getresponse()
            if response.status in (401, 403):
                return False
            if response.status != 200:
                raise Unavailable(f"/changes answers {response.status}")
            for name, data in self._events(response):
                self._hear(name, data)
            return True
        finally:
            connection.close()

    def _events(self, lines):
        """Server-sent events (the HTML standard, section 9.2): (name or None, data) for each, heartbeats included."""
        name, data, last_id = None, [], None
        for line in lines:
            line = line.decode("utf-8").rstrip("\r\n")
            if not line:
                yield name, json.loads("\n".join(data)) if data else None
                if last_id is not None:
                    # Only now: an event is noted once it has been heeded.
                    self._last_id = last_id
                name, data = None, []
                continue
            field, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                last_id = value

    def _hear(self, name, data):
        with self._lock:
            if self._heard is not None or name == "ready":
                self._heard = time.monotonic()
            if name is None or name == "ready":
                return
            self._version += 1
            person = data.get("user_id")
            if name == "session-revoked":
                self._forget_locked(lambda answer: answer["session_id"] == data["session_id"])
            elif name in ("token-claims-change", "account-purged"):
                self._forget_locked(lambda answer: answer["payload"]["user_id"] == person)
            elif name == "grants-changed":
                self._forget_locked(lambda answer: person is None or answer["payload"]["user_id"] == person)
            elif name == "reset":
                self._kept.clear()
            # Events of other names don't concern answers: see docs/changes.md.

    def _forget(self, concerns):
        with self._lock:
            self._version += 1
            self._forget_locked(concerns)

    def _forget_locked(self, concerns):
        for token in [token for token, (answer, _) in self._kept.items() if concerns(answer)]:
            del self._kept[token]
