#!/usr/bin/env python3
"""A person at a browser without scripts: `person.py JAR URL [--as NAME] [--deny]`.

Goes to the URL, follows redirects within Portero (ISSUER), logs in, agrees (or not), confirms. Stops where it is sent
elsewhere, or at a page with nothing to do, and prints JSON: {"url"} or, for `form_post`, {"url", "form"}; else {"page",
"status"}, the page's heading. Cookies are kept in the file JAR. Needs nothing but Python.
"""

import argparse
import html.parser
import http.cookiejar
import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request


class Page(html.parser.HTMLParser):
    """Its heading, and its first form: action, fields, ids of what may be pressed or filled in."""

    def __init__(self, text):
        super().__init__()
        self.heading, self.action, self.fields, self.ids, self._in_heading, self._is_over = "", None, {}, set(), False, False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self._in_heading = tag == "h1"
        if tag == "form" and self.action is None:
            assert attributes["method"] == "post", attributes
            self.action = attributes["action"]
        elif self.action is not None and not self._is_over and tag in ("input", "button"):
            self.ids.add(attributes.get("id"))
            if attributes.get("type") == "hidden":
                self.fields[attributes["name"]] = attributes["value"]

    def handle_endtag(self, tag):
        self._in_heading = False
        self._is_over = self._is_over or tag == "form"

    def handle_data(self, data):
        if self._in_heading:
            self.heading += data


class Stays(urllib.request.HTTPRedirectHandler):
    """Redirects are followed by hand: one of them leaves."""

    def redirect_request(self, *_):
        return None


def visit(issuer, jar, url, name, answer):
    context = ssl.create_default_context(cafile=os.environ.get("CA_FILE"))
    browser = urllib.request.build_opener(
        Stays, urllib.request.HTTPCookieProcessor(jar), urllib.request.HTTPSHandler(context=context)
    )
    form = None
    for _ in range(20):
        if not url.startswith(issuer + "/"):
            return {"url": url, **({"form": form} if form else {})}
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": "null"} if form is not None else {}
        body = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            response = browser.open(urllib.request.Request(url, body, headers))
        except urllib.error.HTTPError as error:
            response = error
        if response.status in (302, 303):
            url, form = urllib.parse.urljoin(url, response.headers["Location"]), None
            continue
        page = Page(response.read().decode())
        filled = {
            "password": {"username": name, "password": name + "-hash"},
            "allow": {"answer": answer},
            "confirm": {},
            "continue": {},
        }
        pressed = next((button for button in filled if button in page.ids), None)
        if pressed is None or response.status != 200:
            return {"page": page.heading, "status": response.status}
        url, form = urllib.parse.urljoin(url, page.action), page.fields | filled[pressed]
    raise SystemExit("in a circle")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("jar")
    options.add_argument("url")
    options.add_argument("--as", dest="name", default="juan")
    options.add_argument("--deny", dest="answer", action="store_const", const="deny", default="allow")
    asked = options.parse_args()
    jar = http.cookiejar.LWPCookieJar(asked.jar)
    if os.path.exists(asked.jar):
        jar.load(ignore_discard=True)
    print(json.dumps(visit(os.environ["ISSUER"], jar, asked.url, asked.name, asked.answer)))
    jar.save(ignore_discard=True)


if __name__ == "__main__":
    main()
