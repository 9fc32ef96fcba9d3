"""Authlib, as a Flask application uses it: client_secret_basic, ID tokens signed with RS256."""

import json
import os
import subprocess
import unittest
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from authlib.integrations.base_client import MismatchingStateError, OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask, jsonify, request

ISSUER = os.environ["ISSUER"]
METADATA = f"{ISSUER}/.well-known/openid-configuration"
with open(os.environ["CLIENTS"]) as file:
    CLIENT = json.load(file)["authlib"]


def person(url, *options):
    words = ["python3", os.environ["PERSON"], os.path.join(os.environ["JARS"], "authlib"), url, *options]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def check(token):
    question = {"token": token, "service_id": 4, "permission": "read"}
    return requests.post(f"{ISSUER}/check-token", json=question)


def application():
    app = Flask(__name__)
    app.secret_key, app.testing = os.urandom(32), True
    portero = OAuth(app).register(
        "portero",
        client_id=CLIENT["client_id"],
        client_secret=CLIENT["client_secret"],
        server_metadata_url=METADATA,
        client_kwargs={"scope": "openid profile offline_access UI%20Store:read", "code_challenge_method": "S256"},
    )
    app.add_url_rule("/login", "login", lambda: portero.authorize_redirect(CLIENT["redirect_uri"], **request.args))
    app.add_url_rule("/callback", "callback", lambda: jsonify(portero.authorize_access_token()))
    return app.test_client()


class Flows(unittest.TestCase):
    def back(self, app, *options):
        """Somebody is sent to log in; the path and query with which they come back."""
        told = person(app.get("/login?prompt=consent").location, *options)
        self.assertTrue(told.get("url", "").startswith(CLIENT["redirect_uri"]), told)
        return "/callback?" + urlsplit(told["url"]).query

    def test_somebody_logs_in_goes_on_and_logs_out(self):
        app = application()
        token = app.get(self.back(app)).json
        self.assertEqual((token["userinfo"]["sub"], token["token_type"]), ("7", "Bearer"))  # the verified ID token
        metadata = requests.get(METADATA).json()
        own = OAuth2Session(CLIENT["client_id"], CLIENT["client_secret"], token=token)
        self.assertEqual(own.get(metadata["userinfo_endpoint"]).json()["preferred_username"], "juan")
        self.assertTrue(check(token["access_token"]).json()["allowed"])
        told = own.introspect_token(metadata["introspection_endpoint"], token["access_token"]).json()
        self.assertEqual((told["active"], told["sub"]), (True, "7"))

        fresh = own.refresh_token(metadata["token_endpoint"], token["refresh_token"])
        self.assertNotEqual(fresh["refresh_token"], token["refresh_token"])
        revoked = own.revoke_token(metadata["revocation_endpoint"], fresh["refresh_token"], "refresh_token")
        self.assertEqual(revoked.status_code, 200)
        told = own.introspect_token(metadata["introspection_endpoint"], fresh["access_token"]).json()
        self.assertEqual(told, {"active": False})
        self.assertEqual(check(fresh["access_token"]).status_code, 401)

        left = CLIENT["post_logout_redirect_uri"]
        out = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": left, "state": "abc"}
        self.assertEqual(person(f"{metadata['end_session_endpoint']}?{urlencode(out)}")["url"], f"{left}?state=abc")

    def test_a_client_gets_a_token_of_its_own(self):
        own = OAuth2Session(CLIENT["client_id"], CLIENT["client_secret"])
        token = own.fetch_token(requests.get(METADATA).json()["token_endpoint"], grant_type="client_credentials")
        answer = check(token["access_token"]).json()
        self.assertEqual((answer["allowed"], answer["payload"]["username"]), (True, "client:authlib"))

    def test_what_does_not_fit_together_is_refused(self):
        app = application()
        with self.assertRaisesRegex(OAuthError, "access_denied"):
            app.get(self.back(app, "--deny"))
        code = parse_qs(urlsplit(self.back(app)).query)["code"][0]
        with self.assertRaises(MismatchingStateError):
            app.get(f"/callback?code={code}&state=another")
        for name, refusal in (("nonce", "nonce"), ("code_verifier", "invalid_grant")):
            back = self.back(app)
            with app.session_transaction() as kept:
                states = [key for key in kept if key.startswith("_state_portero_")]
                for state in states:
                    kept[state] = {**kept[state], "data": {**kept[state]["data"], name: "another" * 8}}
            with self.assertRaisesRegex(Exception, refusal):
                app.get(back)


if __name__ == "__main__":
    unittest.main()
