// People sign in with passkeys of a virtual authenticator, and without scripts as ever.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { authenticator, issuer, launch, logIn, open, pressPasskey } from "./browser.mjs";

const browser = await launch();
after(() => browser.close());

/** Adds a passkey to somebody who has none, by the API, as an application's page would. */
async function addPasskey(page, name) {
  const login = await page.request.post(`${issuer}/auth/login`, { data: { username: name, password: `${name}-hash` } });
  const headers = { token: (await login.json()).token };
  const asked = await page.request.post(`${issuer}/auth/me/passkeys/options`, { headers });
  const { publicKey } = await asked.json();
  await page.goto(`${issuer}/`);
  const credential = await page.evaluate(async (json) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(json);
    return (await navigator.credentials.create({ publicKey })).toJSON();
  }, publicKey);
  const added = await page.request.post(`${issuer}/auth/me/passkeys`, { headers, data: { name: "Laptop", credential } });
  assert.equal(added.status(), 201, await added.text());
}

test("somebody adds a passkey, signs in with it, and types nothing", async () => {
  const { page, close } = await open(browser);
  const device = await authenticator(page);
  await addPasskey(page, "editor1");
  assert.equal(await device.count(), 1);
  await device.shows(false);
  await page.goto(`${issuer}/login`);
  await page.locator("#passkey-button").waitFor();
  await device.shows(true);
  await pressPasskey(page);
  await page.waitForURL(`${issuer}/`);
  await page.getByText("Editor One").waitFor();
  await close();
});

test("a passkey takes the second step after a password", async () => {
  const { page, close } = await open(browser);
  const device = await authenticator(page);
  await addPasskey(page, "viewer1");
  // Else it shows itself where the username is typed.
  await device.shows(false);
  await page.goto(`${issuer}/login`);
  await logIn(page, "viewer1");
  await page.locator("#code").waitFor();
  await device.shows(true);
  await page.locator("#passkey-button").click();
  await page.waitForURL(`${issuer}/`);
  await page.getByText("Viewer One").waitFor();
  await close();
});

test("whoever has no passkey is told so, and types a password", async () => {
  const { page, close } = await open(browser);
  await authenticator(page);
  await page.goto(`${issuer}/login`);
  await page.locator("#passkey-button").click();
  await page.locator("#passkey-said:not([hidden])").waitFor();
  assert.match(await page.locator("#passkey-said").textContent(), /enter your password/i);
  await logIn(page, "usr3");
  await page.waitForURL(`${issuer}/`);
  await close();
});

test("without scripts there is no button, and a password does", async () => {
  const { page, close } = await open(browser, { javaScriptEnabled: false });
  await page.goto(`${issuer}/login`);
  assert.equal(await page.locator("#passkey-button").isVisible(), false);
  await logIn(page, "usr1");
  await page.waitForURL(`${issuer}/`);
  await close();
});
