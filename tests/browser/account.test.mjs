// People look after their accounts in a browser: by keyboard alone, without scripts, and on a small screen.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ACCOUNT, asking, atHome, codeOf, focused, issuer, launch, logIn, open, register, site } from "./browser.mjs";

const browser = await launch();
const client = await site();
const clients = register(client.origin);
after(() => Promise.all([browser.close(), client.close()]));
const visit = (options) => open(browser, options, [client.origin]);

const PASSWORD = "correct horse battery";
const OTHER = "another horse staple";

/** With the keys alone: what has the focus is always seen, and reached by Tab. */
const keys = {
  async on(page, name) {
    const look = () => {
      const on = document.activeElement;
      const ids = [on.id, on.getAttribute("name"), on.getAttribute("href")];
      return { ids, isSeen: getComputedStyle(on).outlineStyle !== "none" };
    };
    for (let tabs = 0; tabs < 80; tabs++) {
      const { ids, isSeen } = await page.evaluate(look);
      if (ids.includes(name)) {
        assert.ok(isSeen, `the focus on ${name} is seen`);
        return;
      }
      await page.keyboard.press("Tab");
    }
    assert.fail(`Tab never comes to ${name} on ${page.url()}`);
  },
  async fill(page, id, text) {
    await this.on(page, id);
    await page.keyboard.press("Control+A");
    await page.keyboard.press("Delete");
    await page.keyboard.type(text);
  },
  async press(page, id) {
    await this.on(page, id);
    await page.keyboard.press("Enter");
  },
  async choose(page, id, from) {
    await this.on(page, from);
    await page.keyboard.press("ArrowDown");
    await focused(page, id);
  },
  async check(page, name) {
    await this.on(page, name);
    await page.keyboard.press("Space");
  },
};

/** With a pointer, where no script runs. */
const pointer = {
  fill: (page, id, text) => page.locator(`#${id}`).fill(text),
  press: (page, id) => page.locator(`[id="${id}"], main [name="${id}"], nav [href="${id}"], .links [href="${id}"]`).first().click(),
  choose: (page, id) => page.locator(`#${id}`).check(),
  check: (page, name) => page.locator(`[name="${name}"]`).first().check(),
};

const told = async (page, text) => {
  await page.locator("#told").waitFor();
  assert.equal(await page.locator("#told").textContent(), text);
  assert.ok((await page.title()).startsWith(text) || (await page.title()).startsWith("Done"));
};

for (const [how, by, options, name] of [
  ["by keyboard alone", keys, {}, "grace"],
  ["without scripts", pointer, { javaScriptEnabled: false }, "edsger"],
]) {
  test(`an account from its beginning to its last sign-out, ${how}`, async () => {
    const { page, close } = await visit(options);
    await page.goto(`${issuer}/login`);
    await by.press(page, "/register");
    await page.waitForURL(`${issuer}/register`);
    await by.fill(page, "username", name);
    await by.fill(page, "password", PASSWORD);
    await by.fill(page, "again", "something else");
    await by.press(page, "submit");
    await page.locator("#again-error").waitFor();
    assert.equal(await page.locator("#username").inputValue(), name);
    assert.equal(await page.locator("#password").inputValue(), "");
    await by.fill(page, "password", PASSWORD);
    await by.fill(page, "again", PASSWORD);
    await by.press(page, "submit");
    await told(page, "Your account is ready, and you are signed in.");

    await by.press(page, "/account/profile");
    await page.waitForURL(`${issuer}/account/profile`);
    await by.fill(page, "name", `${name} by name`);
    await by.fill(page, "website", "nowhere");
    await by.press(page, "submit");
    await page.locator("#website-error").waitFor();
    await by.fill(page, "website", "https://example.com/");
    await by.press(page, "submit");
    await told(page, "Your profile is saved.");
    assert.equal(await page.locator("#website").inputValue(), "https://example.com/");

    await by.press(page, "/account/password");
    await page.waitForURL(`${issuer}/account/password`);
    await by.fill(page, "current_password", "a wrong one");
    await by.fill(page, "new_password", OTHER);
    await by.fill(page, "again", OTHER);
    await by.press(page, "submit");
    await page.locator("#current_password-error").waitFor();
    await by.fill(page, "current_password", PASSWORD);
    await by.fill(page, "new_password", OTHER);
    await by.fill(page, "again", OTHER);
    await by.press(page, "submit");
    await told(page, "Your password is changed. You are signed out everywhere else.");

    await by.press(page, "/account/email");
    await page.waitForURL(`${issuer}/account/email`);
    await by.fill(page, "email", `${name}@example.com`);
    await by.press(page, "submit");
    await told(page, "A mail is on its way. Open it and confirm the address.");
    assert.match(await page.locator("#pending").textContent(), new RegExp(`^${name}@example.com awaits`));
    await by.press(page, "send-again");
    await told(page, "A mail is on its way. Open it and confirm the address.");

    const other = await visit();
    await atHome(other.page, "/account", name, OTHER);
    await by.press(page, "/account/sessions");
    await page.waitForURL(`${issuer}/account/sessions`);
    await by.press(page, "end");
    await told(page, "That session is over.");
    await other.page.goto(`${issuer}/account`);
    await other.page.waitForURL(`${issuer}/login?page=overview`);
    await logIn(other.page, name, OTHER);
    await other.page.waitForURL(`${issuer}/account`);
    await page.goto(`${issuer}/account/sessions`);
    await by.press(page, "end-others");
    await told(page, "You are signed out everywhere else.");
    await other.page.goto(`${issuer}/account`);
    await other.page.waitForURL(`${issuer}/login?page=overview`);
    await other.close();

    await page.goto(asking(clients.asks, client.origin, { scope: "openid profile" }));
    await by.press(page, "allow");
    await page.waitForURL(`${client.origin}/callback?*`);
    await page.goto(`${issuer}/account/applications`);
    await by.press(page, "revoke");
    await told(page, "That application may act for you no more.");
    await page.locator("#none").waitFor();

    await by.press(page, "/account/activity");
    await page.waitForURL(`${issuer}/account/activity`);
    assert.match(await page.locator("#events").textContent(), /The password was changed/);

    await by.press(page, "/account/language");
    await page.waitForURL(`${issuer}/account/language`);
    await by.choose(page, "language-es", "language-en");
    await by.press(page, "submit");
    await told(page, "Desde ahora las páginas y los correos estarán en español.");
    assert.equal(await page.locator("html").getAttribute("lang"), "es");
    await by.press(page, "sign-out");
    await page.locator("#signed-out").waitFor();
    await page.goto(`${issuer}/login`);
    await page.getByRole("heading", { name: "Iniciar sesión" }).waitFor();

    await by.press(page, "/forgot-password");
    await page.waitForURL(`${issuer}/forgot-password`);
    await by.fill(page, "who", name);
    await by.press(page, "submit");
    await page.locator("#told").waitFor();
    assert.match(await page.locator("#told").textContent(), /^Si existe esa cuenta/);
    await close();
  });
}

/** Registers somebody, who is signed in then. */
const newcomer = async (page, by, name) => {
  await page.goto(`${issuer}/register`);
  await by.fill(page, "username", name);
  await by.fill(page, "password", PASSWORD);
  await by.fill(page, "again", PASSWORD);
  await by.press(page, "submit");
  await told(page, "Your account is ready, and you are signed in.");
};

for (const [how, by, options, name] of [
  ["by keyboard alone", keys, {}, "barbara"],
  ["without scripts", pointer, { javaScriptEnabled: false }, "niklaus"],
]) {
  test(`an authenticator is set up, asked for and removed, ${how}`, async () => {
    const { page, close } = await visit(options);
    await newcomer(page, by, name);
    await by.press(page, "/account/factors");
    await page.waitForURL(`${issuer}/account/factors`);
    await by.fill(page, "name", "Phone");
    await by.press(page, "begin");
    await page.locator(".qr svg").waitFor();
    const { width, height } = await page.locator(".qr svg").boundingBox();
    assert.ok(width > 100 && height > 100, "the QR code can be scanned");
    await by.fill(page, "code", "000000");
    await by.fill(page, "next_code", "000000");
    await by.press(page, "submit");
    await page.locator("#code-error").waitFor();
    const secret = await page.locator("#secret").textContent();
    await by.fill(page, "code", codeOf(secret, -1));
    await by.fill(page, "next_code", codeOf(secret, 0));
    await by.press(page, "submit");
    await page.locator("#recovery-codes").waitFor();
    assert.equal(await page.locator("#recovery-codes li").count(), 10);
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator("nav").isVisible(), false, "only the codes are printed");
    assert.ok(await page.locator("#recovery-codes").isVisible());
    await page.emulateMedia({ media: "screen" });
    await by.press(page, "continue");
    await page.locator("#codes-left").waitFor();
    await by.press(page, "sign-out");
    await page.locator("#signed-out").waitFor();

    await page.goto(`${issuer}/account/factors`);
    await by.fill(page, "username", name);
    await by.fill(page, "password", PASSWORD);
    await by.press(page, "submit");
    await page.getByRole("heading", { name: "One more step" }).waitFor();
    await by.fill(page, "code", codeOf(secret, 1));
    await by.press(page, "submit");
    await page.locator("#factors").waitFor();
    await page.locator("#factors li > form button").click();
    await told(page, "The authenticator is removed.");
    await close();
  });
}

for (const [how, by, options] of [
  ["by keyboard alone", keys, {}],
  ["without scripts", pointer, { javaScriptEnabled: false }],
]) {
  test(`an API key is made, copied, used and revoked, ${how}`, async () => {
    const { page, close } = await visit(options);
    await atHome(page, "/account/keys");
    await by.press(page, "submit");
    await page.locator("#name-error").waitFor();
    await page.locator("#scopes-error").waitFor();
    await by.fill(page, "name", `Export ${how}`);
    await by.fill(page, "networks", "here");
    await by.check(page, "scope");
    await by.press(page, "submit");
    await page.locator("#networks-error").waitFor();
    assert.ok(await page.locator("[name=scope]").first().isChecked(), "what was chosen stays");
    await by.fill(page, "networks", "");
    await by.press(page, "submit");
    await page.locator("#api-key").waitFor();
    const key = await page.locator("#api-key").textContent();
    assert.match(key, /^pak_[0-9a-f]{72}$/);
    if (by === keys) {
      await page.locator("#api-key").click();
      assert.equal(await page.evaluate(() => getSelection().toString()), key, "one click takes all of it");
    }
    assert.equal((await page.request.post(`${issuer}/check-token`, { headers: { token: key } })).status(), 200);
    await by.press(page, "continue");
    await page.locator("#keys").waitFor();
    assert.match(await page.locator("#keys").textContent(), new RegExp(`Export ${how}`));
    assert.ok(!(await page.content()).includes(key), "it is shown once");
    await by.press(page, "revoke");
    await told(page, "The key is revoked. Programs that have it are refused from now on.");
    assert.equal((await page.request.post(`${issuer}/check-token`, { headers: { token: key } })).status(), 401);
    await close();
  });
}

/** An authenticator in the browser of this page: what it keeps, until it is lost. */
const authenticator = async (page) => {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", { options });
  return {
    kept: async () => (await devtools.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
    lost: () => devtools.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId }),
  };
};

const addFirstPasskey = async (page, name) => {
  await beginPasskey(page, name);
  await keys.press(page, "passkey-button");
  await page.locator("#recovery-codes").waitFor();
  assert.equal(await page.locator("#recovery-codes li").count(), 10, "the first brings recovery codes");
  await keys.press(page, "continue");
  await page.locator("#passkeys").waitFor();
};

const beginPasskey = async (page, name) => {
  await keys.fill(page, "name", name);
  await keys.press(page, "begin");
  await page.locator("#passkey-button").waitFor();
};

/** A passkey says once more who it is. */
const prove = async (page, path) => {
  await page.goto(`${issuer}/account/prove?page=${path}`);
  await keys.press(page, "passkey-button");
  await told(page, "Thank you. Go on where you were.");
};

test("a password is turned off and on again", async () => {
  const { page, close } = await visit();
  const laptop = await authenticator(page);
  await newcomer(page, keys, "hedy");
  await keys.press(page, "/account/password");
  await page.locator("#missing").waitFor();
  await keys.press(page, "/account/passkeys");
  await page.waitForURL(`${issuer}/account/passkeys`);
  await addFirstPasskey(page, "Laptop");
  await prove(page, "passkeys");
  await beginPasskey(page, "Phone");
  await laptop.lost();
  await authenticator(page);
  await keys.press(page, "passkey-button");
  await told(page, "The passkey is added. You can sign in with it.");
  await keys.press(page, "/account/password");
  await page.waitForURL(`${issuer}/account/password`);
  await keys.press(page, "turn-off");
  await told(page, "Your password is off. From now on your passkeys open your account.");
  await page.locator("#has-none").waitFor();
  await keys.fill(page, "new_password", OTHER);
  await keys.fill(page, "again", OTHER);
  await keys.press(page, "submit");
  await told(page, "Your password is set. You are signed out everywhere else.");
  await page.locator("#current_password").waitFor();
  await close();
});

test("the browser hears which passkeys are good, what their owner is called, and which one was refused", async () => {
  const { page, close } = await visit();
  const { kept } = await authenticator(page);
  await page.addInitScript(() => {
    window.heard = {};
    if (!window.PublicKeyCredential) return;
    for (const method of ["signalAllAcceptedCredentials", "signalCurrentUserDetails", "signalUnknownCredential"]) {
      const own = PublicKeyCredential[method].bind(PublicKeyCredential);
      PublicKeyCredential[method] = (what) => {
        window.heard[method] = what;
        return own(what);
      };
    }
  });
  const heard = async (method) => (await page.evaluate(() => window.heard))[method];
  await newcomer(page, keys, "rosalind");
  await keys.press(page, "/account/passkeys");
  await page.waitForURL(`${issuer}/account/passkeys`);
  assert.equal(await heard("signalAllAcceptedCredentials"), undefined, "there is nothing to tell yet");
  await addFirstPasskey(page, "Laptop");
  const id = Buffer.from((await kept())[0].credentialId, "base64").toString("base64url");
  assert.deepEqual((await heard("signalAllAcceptedCredentials")).allAcceptedCredentialIds, [id]);
  assert.equal((await heard("signalCurrentUserDetails")).displayName, "rosalind");
  assert.equal((await kept()).length, 1, "the browser keeps what is good");

  await prove(page, "passkeys");
  await beginPasskey(page, "Tablet");
  // Else it makes no second one for them.
  await page.locator("form[data-passkey]").evaluate((form) => {
    const options = JSON.parse(form.dataset.options);
    options.publicKey.excludeCredentials = [];
    options.publicKey.user.id = "AAAA";
    form.dataset.options = JSON.stringify(options);
    // And what it makes is refused.
    form.addEventListener("submit", () => {
      const made = JSON.parse(form.elements.passkey.value);
      const signed = JSON.parse(atob(made.response.clientDataJSON.replaceAll("-", "+").replaceAll("_", "/")));
      const elsewhere = btoa(JSON.stringify({ ...signed, origin: "https://elsewhere.example" }));
      made.response.clientDataJSON = elsewhere.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
      form.elements.passkey.value = JSON.stringify(made);
    });
  });
  await keys.press(page, "passkey-button");
  await page.locator("#form-error").waitFor();
  assert.notEqual((await heard("signalUnknownCredential")).credentialId, id);
  assert.deepEqual((await heard("signalAllAcceptedCredentials")).allAcceptedCredentialIds, [id]);
  await page.goto(`${issuer}/account/passkeys`);
  await page.locator("#passkeys li > form button").click();
  await told(page, "The passkey is removed. It opens nothing any more.");
  assert.deepEqual((await heard("signalAllAcceptedCredentials")).allAcceptedCredentialIds, []);
  for (let looks = 0; looks < 50 && (await kept()).length > 0; looks++) await page.waitForTimeout(100);
  assert.deepEqual(await kept(), [], "the browser has forgotten both");
  await close();
});

test("a passkey is added with the virtual authenticator, and signs in", async () => {
  const { page, close } = await visit();
  await authenticator(page);
  await newcomer(page, keys, "radia");
  await keys.press(page, "/account/passkeys");
  await page.waitForURL(`${issuer}/account/passkeys`);
  await addFirstPasskey(page, "Laptop");
  assert.match(await page.locator("#passkeys").textContent(), /Laptop/);
  await keys.press(page, "sign-out");
  await page.locator("#signed-out").waitFor();
  await page.goto(`${issuer}/account/passkeys`);
  await page.waitForURL((url) => url.pathname === "/account/passkeys" || url.pathname === "/login");
  if (new URL(page.url()).pathname === "/login") {
    await page.locator("#passkey-button").click({ timeout: 5_000 }).catch(() => {});
  }
  await page.waitForURL(`${issuer}/account/passkeys`);
  await close();
});

test("whoever is not signed in comes back to the page that they wanted, also after a wrong password", async () => {
  const { page, close } = await visit();
  await page.goto(`${issuer}/account/activity`);
  await logIn(page, "juan", "wrong");
  await page.locator("#password-error").waitFor();
  await logIn(page);
  await page.waitForURL(`${issuer}/account/activity`);
  await close();
});

test("the menu can be skipped, and says which page one is on", async () => {
  const { page, close } = await visit();
  await atHome(page, "/account/activity");
  await page.keyboard.press("Tab");
  await focused(page, "A Skip the menu");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  assert.equal(await page.locator("nav [aria-current=page]").textContent(), "Activity");
  await close();
});

test("on a small screen the menu is on its own page, and one gets back to it", async () => {
  const { page, close } = await visit({ viewport: { width: 320, height: 640 } });
  await atHome(page, "/account");
  await page.locator("nav").getByRole("link", { name: "Password" }).click();
  await page.waitForURL(`${issuer}/account/password`);
  assert.equal(await page.locator("nav").isVisible(), false);
  await page.locator(".back a").click();
  await page.waitForURL(`${issuer}/account`);
  assert.ok(await page.locator("nav").isVisible());
  await close();
});

test("whatever one presses is 44 px high at least, and as wide", async () => {
  const { page, close } = await visit();
  await atHome(page, "/account");
  for (const width of [1280, 320]) {
    await page.setViewportSize({ width, height: 800 });
    for (const path of [...ACCOUNT, "/register", "/forgot-password", "/reset-password", "/verify-email", "/"]) {
      await page.goto(`${issuer}${path}`);
      const small = await page.evaluate(() => {
        const all = document.querySelectorAll("a:not(.skip), button, input:not([type=hidden], [type=radio], [type=checkbox], [hidden]), textarea, summary, .option, .check");
        const boxes = [...all].map((one) => [one.outerHTML.slice(0, 60), one.getBoundingClientRect()]);
        return boxes.filter(([, { width, height }]) => height > 0 && (height < 43.9 || width < 43.9)).map(([html, { height }]) => `${html}: ${height}`);
      });
      assert.deepEqual(small, [], `${path}, ${width} px wide`);
    }
  }
  await close();
});

test("no page of the account is kept, framed, or told of where one goes from it", async () => {
  const { page, close } = await visit();
  await atHome(page, "/account");
  for (const path of ACCOUNT) {
    const headers = (await page.goto(`${issuer}${path}`)).headers();
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.match(headers["content-security-policy"], /default-src 'none';.*frame-ancestors 'none';.*require-trusted-types-for 'script'/);
  }
  await close();
});
