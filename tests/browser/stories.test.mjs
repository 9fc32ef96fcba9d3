// People log in, agree, and log out in a browser.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { asking, codeOf, enrol, focused, issuer, launch, logIn, open, register, site, titled } from "./browser.mjs";

const browser = await launch();
const client = await site();
const clients = register(client.origin);
after(() => Promise.all([browser.close(), client.close()]));
const visit = (options) => open(browser, options, [client.origin]);
const request = (more) => asking(clients.asks, client.origin, more);
const came = (page) => new URL(page.url()).searchParams;

test("somebody logs in, allows it, and comes to the client's own origin", async () => {
  const { page, close } = await visit();
  await page.goto(request());
  await logIn(page);
  await titled(page, "Wiki asks for access");
  await page.locator("#allow").click();
  await page.waitForURL(`${client.origin}/callback?*`);
  assert.match(came(page).get("code"), /^pac_/);
  assert.deepEqual([came(page).get("state"), came(page).get("iss")], ["a state", issuer]);
  await close();
});

test("whoever does not allow it is brought back, too", async () => {
  const { page, close } = await visit();
  await page.goto(request());
  await logIn(page);
  await page.locator("#deny").click();
  await page.waitForURL(`${client.origin}/callback?*`);
  assert.equal(came(page).get("error"), "access_denied");
  await close();
});

test("a wrong password is told beside the field, read out, and typed anew", async () => {
  const { page, close } = await visit();
  await page.goto(request());
  await logIn(page, "juan", "wrong");
  const fault = page.locator("#password-error");
  assert.equal(await fault.getAttribute("role"), "alert");
  const text = await fault.textContent();
  assert.equal(text, "The username or the password is wrong.");
  const password = page.locator("#password");
  assert.deepEqual(
    [await password.getAttribute("aria-invalid"), await password.getAttribute("aria-describedby")],
    ["true", "password-error"],
  );
  assert.ok((await page.title()).startsWith(text), "the first thing that a screen reader says of a page");
  assert.equal(await page.locator("#username").inputValue(), "juan");
  assert.equal(await password.inputValue(), "");
  await focused(page, "password");
  const below = (await fault.boundingBox()).y - (await password.boundingBox()).y;
  assert.ok(below > 0 && below < 100, `${below} px below the field`);
  await password.fill("juan-hash");
  await page.keyboard.press("Enter");
  await page.locator("#allow").waitFor();
  await close();
});

for (const javaScriptEnabled of [true, false]) {
  test(`a second factor is asked for, by keyboard alone, ${javaScriptEnabled ? "with" : "without"} scripts`, async () => {
    const { page, close } = await visit({ javaScriptEnabled });
    const person = javaScriptEnabled ? "editor2" : "editor3";
    const { secret, recoveryCodes } = await enrol(page, person);
    const type = async (field, text) => {
      await page.locator(`#${field}:focus`).waitFor();
      await page.keyboard.type(text);
      await page.keyboard.press("Enter");
    };
    await page.goto(request({ login_hint: person }));
    await type("password", `${person}-hash`);
    await titled(page, "One more step");
    await type("code", "000000");
    await page.locator("#code-error").waitFor();
    await type("code", recoveryCodes[0]);
    await titled(page, "Wiki asks for access");
    // Another login, by the authenticator: the step of its confirmation is used up.
    await page.goto(request({ login_hint: person, prompt: "login" }));
    await type("password", `${person}-hash`);
    await titled(page, "One more step");
    await type("code", codeOf(secret, 1));
    await titled(page, "Wiki asks for access");
    await close();
  });
}

test("an empty field is told beside it", async () => {
  const { page, close } = await visit();
  await page.goto(request());
  await page.locator("#submit").click();
  assert.equal(await page.locator("#username-error").textContent(), "Enter your username.");
  await focused(page, "username");
  await close();
});

test("password managers know the fields", async () => {
  const { page, close } = await visit();
  await page.goto(request());
  for (const [field, expected] of [
    ["#username", ["username webauthn", "text", "username", "none", "false"]],
    ["#password", ["current-password", "password", "password", null, null]],
  ]) {
    const attributes = ["autocomplete", "type", "name", "autocapitalize", "spellcheck"];
    assert.deepEqual(await Promise.all(attributes.map((name) => page.locator(field).getAttribute(name))), expected);
  }
  assert.equal(await page.locator("form").count(), 1, "one form, with both fields and a submit button");
  assert.equal(await page.locator("form #username, form #password, form button[type=submit]").count(), 3);
  await close();
});

test("a client for members shows others a page, with a way to another account and back", async () => {
  const { page, close } = await visit();
  await page.goto(asking(clients.members, client.origin));
  await logIn(page);
  await titled(page, "No access here");
  const back = new URL(await page.locator("#back").getAttribute("href"));
  assert.deepEqual([back.origin, back.searchParams.get("error")], [client.origin, "access_denied"]);
  await page.getByRole("link", { name: "Use another account" }).click();
  await logIn(page, "usr2"); // User in Service B
  await page.locator("#allow").click();
  await page.waitForURL(`${client.origin}/callback?code=*`);
  await close();
});

test("an unknown client or address is told here, and nobody is sent anywhere", async () => {
  const { page, close } = await visit();
  for (const wrong of [{ client_id: "nobody" }, { redirect_uri: "https://evil.example/" }]) {
    const answer = await page.goto(request(wrong));
    assert.equal(answer.status(), 400);
    assert.equal(new URL(page.url()).origin, issuer);
    assert.equal(await page.locator("#error").getAttribute("role"), "alert");
  }
  await close();
});

test("form_post takes the answer to the client at the press of a button", async () => {
  const { page, close } = await visit();
  await page.goto(request({ response_mode: "form_post" }));
  await logIn(page);
  await page.locator("#allow").click();
  await focused(page, "continue");
  await page.locator("#continue").click();
  await page.waitForURL(`${client.origin}/callback`);
  assert.equal(await page.locator("#method").textContent(), "POST");
  const body = new URLSearchParams(await page.locator("#body").textContent());
  assert.deepEqual([body.get("state"), body.get("iss"), body.get("code").slice(0, 4)], ["a state", issuer, "pac_"]);
  await close();
});

test("the start page signs in and out", async () => {
  const { page, close } = await visit();
  await page.goto(`${issuer}/`);
  await page.locator("#sign-in").click();
  await logIn(page);
  await page.waitForURL(`${issuer}/`);
  await page.locator(".lead", { hasText: "Juan Demo" }).waitFor();
  const cookies = (await page.context().cookies()).map(({ name, httpOnly, secure, sameSite }) => [name, httpOnly, secure, sameSite]);
  assert.deepEqual(cookies.sort(), [["__Host-portero", true, true, "Lax"], ["__Host-portero-form", true, true, "Lax"]]);
  await page.locator("#sign-out").click();
  await page.locator("#signed-out").waitFor();
  await page.goto(`${issuer}/`);
  await page.locator("#sign-in").waitFor();
  assert.deepEqual(await page.context().cookies(), []);
  await close();
});

test("a client that asks without a hint has people asked before they are logged out", async () => {
  const { page, close } = await visit();
  await page.goto(`${issuer}/login`);
  await logIn(page);
  await page.waitForURL(`${issuer}/`);
  const left = { client_id: clients.asks, post_logout_redirect_uri: `${client.origin}/left`, state: "s" };
  const logout = `${issuer}/oauth/logout?${new URLSearchParams(left)}`;
  await page.goto(logout);
  await page.locator("#stay").click();
  await page.locator(".lead", { hasText: "Juan Demo" }).waitFor();
  await page.goto(logout);
  await page.locator("#confirm").click();
  await page.waitForURL(`${client.origin}/left?state=s`);
  await close();
});

test("without scripts all of it works", async () => {
  const { page, close } = await visit({ javaScriptEnabled: false });
  await page.goto(request({ response_mode: "form_post" }));
  await logIn(page, "juan", "wrong");
  await page.locator("#password-error").waitFor();
  await logIn(page);
  await page.locator("#allow").click();
  await page.locator("#continue").click();
  await page.waitForURL(`${client.origin}/callback`);
  await page.goto(`${issuer}/oauth/logout`);
  await page.locator("#confirm").click();
  await page.locator("#signed-out").waitFor();
  await close();
});

test("by keyboard alone all of it works, in the order of reading, and the focus is seen", async () => {
  const { page, close } = await visit();
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const tabs = async (...expected) => {
    for (const on of expected) {
      await press("Tab");
      await focused(page, on);
    }
  };
  await page.goto(request({ response_mode: "form_post" }));
  await focused(page, "username");
  await page.keyboard.type("juan");
  await tabs("password");
  await page.keyboard.type("juan-hash");
  await tabs("submit");
  await Promise.all([page.waitForURL(/\/oauth\/authorize/), press("Enter")]);
  await page.locator("#allow").waitFor();
  await tabs("A Use another account", "allow", "deny");
  await press("Shift+Tab");
  await focused(page, "allow");
  await press("Space");
  await page.locator("#continue").waitFor();
  await focused(page, "continue");
  await press("Enter");
  await page.waitForURL(`${client.origin}/callback`);
  await page.goto(`${issuer}/oauth/logout`);
  await tabs("confirm", "stay");
  await press("Shift+Tab", "Enter");
  await page.locator("#signed-out").waitFor();
  await tabs("A To the start page");
  await press("Enter");
  await page.waitForURL(`${issuer}/`);
  await tabs("sign-in", "A Documentation for developers", "A OpenAPI");
  await close();
});
