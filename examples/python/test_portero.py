"""`python3 -m unittest discover examples/python`: against a stand-in that can hang and lie in wait, and against a real Portero
where PORTERO_URL and PORTERO_KEY (of service 4 of the demo data) name one."""

import http.server
import json
import os
import queue
import threading
import time
import unittest
import urllib.request

from portero import Portero, Unavailable


def eventually(true, seconds=10):
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            raise AssertionError("it did not come about")
        time.sleep(0.01)


class StandIn(http.server.ThreadingHTTPServer):
    """Answers checks as `answer` says, and streams what is put into `events`; None ends a stream."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.valid, self.checks, self.streams = True, 0, []
        self.events, self.refuse_streams, self.during_check = queue.Queue(), None, lambda: None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server_address[1]

    def tell(self, name, data=None, number=None):
        self.events.put("event: %s\nid: %s\ndata: %s\n\n" % (name, number or 1, json.dumps(data or {})))


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.checks += 1
        valid = self.server.valid
        self.server.during_check()
        body = {"valid": False, "error": "invalid_token"}
        if valid:
            body = {"valid": True, "payload": {"user_id": 7}, "session_id": "s1", "expires_at": int(time.time()) + 300}
        text = json.dumps(body).encode()
        self.send_response(200 if valid else 401)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.server.streams.append(self.headers.get("Last-Event-ID"))
        if self.server.refuse_streams:
            return self.send_error(self.server.refuse_streams)
        self.send_response(200)
        self.end_headers()
        while (event := self.server.events.get()) is not None:
            self.wfile.write(event.encode())
            self.wfile.flush()


class Cache(unittest.TestCase):
    def setUp(self):
        self.there = StandIn()
        self.addCleanup(self.there.shutdown)

    def client(self, **options):
        client = Portero(self.there.url, "psk_test", 4, **options)
        self.addCleanup(client.close)
        client.start()
        return client

    def live(self, **options):
        client = self.client(**options)
        self.there.tell("ready")
        eventually(lambda: client.is_live)
        return client

    def test_an_answer_is_kept_while_the_stream_lives(self):
        client = self.live()
        self.assertEqual([client.check("t")["payload"]["user_id"] for _ in range(5)], [7] * 5)
        self.assertEqual(self.there.checks, 1)

    def test_before_ready_nothing_is_kept(self):
        client = self.client()
        for _ in range(3):
            client.check("t")
        self.assertEqual(self.there.checks, 3)

    def test_each_event_is_heeded(self):
        for name, data in [
            ("session-revoked", {"session_id": "s1", "user_id": 7}),
            ("token-claims-change", {"user_id": 7}),
            ("account-purged", {"user_id": 7}),
            ("grants-changed", {"service_id": 4, "user_id": 7}),
            ("grants-changed", {"service_id": 4}),
            ("reset", {"reason": "too_much"}),
        ]:
            with self.subTest(name=name, data=data):
                self.setUp()  # a stream that still ends would take the next one's events
                client = self.live()
                self.assertTrue(client.check("t"))
                self.there.valid = False
                self.assertTrue(client.check("t"), "kept")
                self.there.tell(name, data)
                eventually(lambda: client.check("t") is None)

    def test_events_of_others_change_nothing(self):
        client = self.live()
        client.check("t")
        self.there.tell("session-revoked", {"session_id": "another", "user_id": 8})
        self.there.tell("grants-changed", {"service_id": 4, "user_id": 8}, 5)
        eventually(lambda: client._last_id == "5")
        client.check("t")
        self.assertEqual(self.there.checks, 1)

    def test_silence_makes_the_cache_useless(self):
        client = self.live(silence=0.5)
        self.assertTrue(client.check("t"))
        self.there.valid = False
        eventually(lambda: client.check("t") is None, 5)

    def test_a_listener_that_is_dead_or_suspended_makes_the_cache_useless(self):
        client = self.live(silence=0.5)
        client.check("t")
        self.there.valid = False
        client._listen = client._read_stream = None  # nobody takes a flag down any more
        eventually(lambda: client.check("t") is None, 5)

    def test_a_stream_that_ends_makes_the_cache_useless_until_it_is_back(self):
        client = self.live()
        client.check("t")
        self.there.tell("ready", number=41)
        eventually(lambda: client._last_id == "41")
        self.there.events.put(None)
        eventually(lambda: not client.is_live)
        self.there.valid = False
        self.assertIsNone(client.check("t"))
        self.there.tell("ready", number=42)
        eventually(lambda: client.is_live)
        self.assertEqual(self.there.streams, [None, "41"], "it asks for what it missed")

    def test_an_event_while_a_question_is_under_way_counts(self):
        client = self.live()

        def revoke():
            self.there.during_check = lambda: None
            self.there.tell("session-revoked", {"session_id": "s1", "user_id": 7}, 9)
            eventually(lambda: client._last_id == "9")

        self.there.during_check = revoke
        self.assertTrue(client.check("t"), "used")
        self.there.valid = False
        self.assertIsNone(client.check("t"), "but not kept")

    def test_a_refused_key_is_not_tried_for_ever(self):
        self.there.refuse_streams = 401
        client = self.client()
        eventually(lambda: self.there.streams)
        eventually(lambda: all(thread.name != "portero-changes" for thread in threading.enumerate()))
        self.assertTrue(client.check("t"), "checks are asked")

    def test_no_answer_is_no_yes(self):
        client = self.live()
        self.there.shutdown()
        self.there.server_close()
        with self.assertRaises(Unavailable):
            client.check("another")


@unittest.skipUnless(os.environ.get("PORTERO_URL"), "no PORTERO_URL")
class AgainstPortero(unittest.TestCase):
    """Against a real one with the demo data."""

    def post(self, path, body=None, token=None, method="POST"):
        headers = {"token": token} if token else {}
        data = json.dumps(body or {}).encode()
        request = urllib.request.Request(os.environ["PORTERO_URL"] + path, data, headers, method=method)
        return json.load(urllib.request.urlopen(request))

    def login(self, name):
        return self.post("/auth/login", {"username": name, "password": name + "-hash"})["token"]

    def setUp(self):
        self.client = Portero(os.environ["PORTERO_URL"], os.environ["PORTERO_KEY"], 4)
        self.addCleanup(self.client.close)
        self.client.start()
        eventually(lambda: self.client.is_live)

    def test_a_logout_is_heard(self):
        token = self.login("juan")
        self.assertEqual(self.client.check(token)["permissions"], ["read"])
        self.assertIs(self.client.check(token), self.client.check(token), "kept")
        self.post("/auth/logout", token=token)
        eventually(lambda: self.client.check(token) is None)

    def test_a_grant_is_heard(self):
        admin, token = self.login("adm1"), self.login("juan")
        grant = {"person_id": "juan", "service_id": 4, "role_id": "Editor"}
        self.assertEqual(self.client.check(token)["roles"], ["Viewer"])
        self.post("/person-service-roles", grant, admin)
        eventually(lambda: "Editor" in self.client.check(token)["roles"])
        self.post("/person-service-roles", grant, admin, "DELETE")
        eventually(lambda: self.client.check(token)["roles"] == ["Viewer"])

    def test_what_is_no_token_is_not_valid(self):
        self.assertIsNone(self.client.check("ptk_nonsense"))
        self.assertIsNone(self.client.check(""))


if __name__ == "__main__":
    unittest.main()
