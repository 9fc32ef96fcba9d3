// Who must have a second factor (REQUIRE_MFA=all) and has none gets it while they log in.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { LANGUAGES, authenticator, codeOf, issuer, launch, logIn, mustLookRight, open, pressPasskey, titled } from "./browser.mjs";

const browser = await launch();
after(() => browser.close());

// Neither is too old if a step of time ends while they are typed.
const [NOW, NEXT] = [0, 1];

/** To the page that has them set up their first. */
const mustEnrol = async (page, name) => {
  await page.goto(`${issuer}/login`);
  await logIn(page, name);
  await page.locator("#secret").waitFor();
};

for (const [lang, locale] of Object.entries(LANGUAGES)) {
  test(`the pages that set up a second factor, ${lang}`, async () => {
    const { page, close } = await open(browser, { locale });
    await authenticator(page);
    const person = lang === "en" ? "usr1" : "usr2";
    await mustEnrol(page, person);
    await page.locator("#passkey-button").waitFor();
    await mustLookRight(page, "enrol", lang);
    await page.locator("#submit").click();
    await page.locator("#code-error").waitFor();
    await mustLookRight(page, "enrol, wrong", lang);
    await page.locator("#passkey-button").click();
    await page.locator("#recovery-codes").waitFor();
    await mustLookRight(page, "recovery codes", lang);
    await close();
  });
}

test("a passkey is made on the way in, and is enough from then on", async () => {
  const { page, close } = await open(browser);
  const device = await authenticator(page);
  await mustEnrol(page, "editor1");
  await page.locator("#passkey-button").click();
  await titled(page, "Keep your recovery codes");
  assert.equal(await page.locator("#recovery-codes li").count(), 10);
  assert.equal(await device.count(), 1);
  await page.locator("#continue").click();
  await page.getByText("Editor One").waitFor();

  await page.context().clearCookies();
  await device.shows(false);
  await page.goto(`${issuer}/login`);
  await page.locator("#passkey-button").waitFor();
  await device.shows(true);
  await pressPasskey(page);
  await page.getByText("Editor One").waitFor();
  await close();
});

test("whoever cancels is told so, and sets up an authenticator instead", async () => {
  const { page, close } = await open(browser);
  const device = await authenticator(page);
  await device.verifies(false);
  await mustEnrol(page, "viewer1");
  await page.locator("#passkey-button").click();
  await page.locator("#passkey-said:not([hidden])").waitFor();
  const secret = await page.locator("#secret").textContent();
  await page.fill("#code", codeOf(secret, NOW));
  await page.fill("#next-code", codeOf(secret, NEXT));
  await page.locator("#submit").click();
  await titled(page, "Keep your recovery codes");
  assert.equal(await device.count(), 0);
  await close();
});

test("without scripts, by keyboard alone, an authenticator does", async () => {
  const { page, close } = await open(browser, { javaScriptEnabled: false });
  await page.goto(`${issuer}/login`);
  await page.locator("#username:focus").waitFor();
  await page.keyboard.type("viewer2");
  await page.keyboard.press("Tab");
  await page.keyboard.type("viewer2-hash");
  await page.keyboard.press("Enter");
  await page.locator("#code:focus").waitFor();
  assert.equal(await page.locator("#passkey-button").isVisible(), false);
  const secret = await page.locator("#secret").textContent();
  await page.keyboard.type(codeOf(secret, NOW));
  await page.keyboard.press("Tab");
  await page.keyboard.type(codeOf(secret, NEXT));
  await page.keyboard.press("Enter");
  await page.locator("#recovery-codes").waitFor();
  await page.locator("#continue").focus();
  await page.keyboard.press("Enter");
  await page.getByText("Viewer Two").waitFor();
  await close();
});
