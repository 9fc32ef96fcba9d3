// oidc-provider: people log in at a provider that nobody here wrote, and log out there.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { after, before, test } from "node:test";
import Provider from "oidc-provider";

const { ISSUER, PORTERO, TLS_CERTIFICATE_FILE, TLS_KEY_FILE } = process.env;
const NAME = "elsewhere";
const SECRET = "0b3f6a5f0f4e8f5b7c1d2e3f40516273";

const tls = { cert: readFileSync(TLS_CERTIFICATE_FILE), key: readFileSync(TLS_KEY_FILE) };
const server = createServer(tls);
let issuer;

const accounts = {
  zoe: { email: "zoe@example.com", email_verified: true, name: "Zoe Elsewhere", preferred_username: "zoe" },
};

before(async () => {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer = `https://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: "portero",
      client_secret: SECRET,
      redirect_uris: [`${ISSUER}/login/callback/${NAME}`],
      backchannel_logout_uri: `${ISSUER}/login/providers/${NAME}/backchannel-logout`,
      backchannel_logout_session_required: true,
    }],
    claims: { email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
    cookies: { keys: [SECRET] },
    features: { backchannelLogout: { enabled: true } },
    // It calls no private address by itself.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts[id] }) }),
  });
  server.on("request", provider.callback());
  const words = ["--demo", "--json", "--quiet", "provider", "add", NAME, "--display-name", "Elsewhere", "--issuer", issuer];
  execFileSync(PORTERO, [...words, "--client-id", "portero", "--newcomers", "open"], { input: `${SECRET}\n` });
});

after(() => {
  server.close();
  server.closeAllConnections();
});

/** A browser without scripts, for two origins. */
class Browser {
  cookies = new Map();

  async open(url, form) {
    let options = form && { method: "POST", body: new URLSearchParams(form) };
    for (let hop = 0; hop < 15; hop++) {
      const { origin } = new URL(url);
      const jar = this.cookies.get(origin) ?? new Map();
      this.cookies.set(origin, jar);
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
      const answer = await fetch(url, { redirect: "manual", ...options, headers: { cookie, accept: "text/html" } });
      for (const line of answer.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        if (value) jar.set(name, value);
        else jar.delete(name);
      }
      const to = answer.headers.get("location");
      if (!to) return { url, status: answer.status, text: await answer.text() };
      [url, options] = [new URL(to, url).href, undefined];
    }
    throw new Error("in a circle");
  }

  /** Posts the form of a page. */
  submit(page, fields = {}) {
    const [, form] = /<form([\s\S]*?)<\/form>/.exec(page.text) ?? assert.fail(page.text);
    const action = /action="([^"]+)"/.exec(form)[1].replaceAll("&amp;", "&");
    const hidden = [...form.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([tag]) => [
      /name="([^"]+)"/.exec(tag)[1],
      /value="([^"]*)"/.exec(tag)[1],
    ]);
    return this.open(new URL(action, page.url).href, { ...Object.fromEntries(hidden), ...fields });
  }

  session() {
    return this.cookies.get(new URL(ISSUER).origin).get("__Host-portero");
  }
}

/** Logs in at the provider, and comes back. */
async function login(browser) {
  let page = await browser.open(`${ISSUER}/login/providers/${NAME}`);
  for (let step = 0; step < 3 && page.url.startsWith(issuer); step++) {
    page = await browser.submit(page, { login: "zoe", password: "any" });
  }
  return page;
}

const profile = (token) => fetch(`${ISSUER}/auth/profile`, { headers: { token } });

test("somebody logs in at the provider, is registered, comes back, and is logged out when they log out there", async () => {
  const browser = new Browser();
  const page = await login(browser);
  assert.match(page.text, /signed in as Zoe Elsewhere/);
  const first = browser.session();
  const { payload } = await (await profile(first)).json();
  assert.deepEqual([payload.username, payload.name], ["zoe", "Zoe Elsewhere"]);

  const again = new Browser();
  await login(again);
  const { payload: same } = await (await profile(again.session())).json();
  assert.equal(same.user_id, payload.user_id);

  const bye = await browser.open(`${issuer}/session/end`);
  await browser.submit(bye, { logout: "yes" });
  assert.equal((await profile(first)).status, 401, "that session has ended with the provider's");
  assert.equal((await profile(again.session())).status, 200, "and no other");
});
