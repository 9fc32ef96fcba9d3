// Each page: by axe, in light and dark, in English and Spanish; on a small screen, and with everything twice as large.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  ACCOUNT, LANGUAGES, asking, atHome, enrol, issuer, launch, logIn, mustLookRight, open, register, registerItself, site, userCode,
} from "./browser.mjs";

const browser = await launch();
const client = await site();
const clients = register(client.origin);
after(() => Promise.all([browser.close(), client.close()]));

const signedIn = async (page) => {
  await page.goto(`${issuer}/login`);
  await logIn(page);
  await page.waitForURL(`${issuer}/`);
};
const toConsent = async (page, more) => {
  await signedIn(page);
  await page.goto(asking(clients.asks, client.origin, { scope: "openid profile email UI%20Store:read", ...more }));
};

/** Sends the form of a page of the account with these fields, and waits for what only the answer has. */
const refused = async (page, path, fields, shows) => {
  await atHome(page, path);
  for (const [id, text] of Object.entries(fields)) await page.fill(`#${id}`, text);
  await page.locator("main #submit").click();
  await page.locator(shows).waitFor();
};

const toDevice = async (page, code, shows) => {
  await signedIn(page);
  await page.goto(`${issuer}/device`);
  await page.fill("#user-code", code);
  await page.locator("#submit").click();
  await page.locator(shows).waitFor();
};

let enrolled;
const toSecondStep = async (page) => {
  enrolled ??= enrol(page, "viewer3");
  await enrolled;
  await page.goto(`${issuer}/login`);
  await logIn(page, "viewer3");
  await page.locator("#code").waitFor();
};

// A new page is a line here: what it is called, and how to get there. After a click, wait for what only the new page has.
const PAGES = {
  start: (page) => page.goto(`${issuer}/`),
  "start, signed in": signedIn,
  login: (page) => page.goto(asking(clients.asks, client.origin)),
  "login, wrong password": async (page) => {
    await page.goto(asking(clients.asks, client.origin));
    await logIn(page, "juan", "wrong");
    await page.locator("#password-error").waitFor();
  },
  "login, nothing typed": async (page) => {
    await page.goto(`${issuer}/login`);
    await page.locator("#submit").click();
    await page.locator("#username-error").waitFor();
  },
  "a provider that is not there": (page) => page.goto(`${issuer}/login/providers/nobody`),
  "second step": toSecondStep,
  "second step, wrong code": async (page) => {
    await toSecondStep(page);
    await page.fill("#code", "000000");
    await page.locator("#submit").click();
    await page.locator("#code-error").waitFor();
  },
  "second step, too late": async (page) => {
    await toSecondStep(page);
    await page.locator("[name=mfa_token]").evaluate((field) => (field.value = "pmf_"));
    await page.locator("#submit").click();
    await page.locator("#continue").waitFor();
  },
  consent: toConsent,
  "no access": async (page) => {
    await signedIn(page);
    await page.goto(asking(clients.members, client.origin));
  },
  error: (page) => page.goto(`${issuer}/oauth/authorize?client_id=nobody`),
  "form post": async (page) => {
    await toConsent(page, { response_mode: "form_post" });
    await page.locator("#allow").click();
    await page.locator("#continue").waitFor();
  },
  "a stranger's address": async (page) => {
    await page.goto(asking(await registerItself(page, client.origin), client.origin, { response_type: "token" }));
    await page.locator("#leaving").waitFor();
  },
  "a device's code": async (page) => {
    await signedIn(page);
    await page.goto(`${issuer}/device`);
  },
  "a device's code, wrong": (page) => toDevice(page, "BBBB-BBBB", "#user-code-error"),
  "a device's consent": async (page) => toDevice(page, await userCode(page, clients.device), "#allow"),
  "a device, let in": async (page) => {
    await toDevice(page, await userCode(page, clients.device), "#allow");
    await page.locator("#allow").click();
    await page.locator("#done").waitFor();
  },
  "log out": async (page) => {
    await signedIn(page);
    await page.goto(`${issuer}/oauth/logout`);
  },
  ...Object.fromEntries(ACCOUNT.map((path) => [path.slice(1).replace("/", ", "), (page) => atHome(page, path)])),
  "account, profile, wrong": (page) => refused(page, "/account/profile", { username: "12345", website: "x" }, "#website-error"),
  "account, password, wrong": (page) => refused(page, "/account/password", { current_password: "wrong" }, "#new_password-error"),
  "account, email, wrong": (page) => refused(page, "/account/email", { email: "nobody" }, "#email-error"),
  "account, an authenticator": async (page) => {
    await atHome(page, "/account/factors");
    await page.fill("#name", "Phone");
    await page.locator("#begin").click();
    await page.locator(".qr svg").waitFor();
  },
  "account, a passkey": async (page) => {
    await atHome(page, "/account/passkeys");
    await page.fill("#name", "Laptop");
    await page.locator("#begin").click();
    await page.locator("#passkey-button").waitFor();
  },
  "account, keys, nothing chosen": (page) => refused(page, "/account/keys", {}, "#scopes-error"),
  "account, a key": async (page) => {
    await atHome(page, "/account/keys");
    await page.fill("#name", "Export");
    await page.locator("[name=scope]").first().check();
    await page.locator("main #submit").click();
    await page.locator("#api-key").waitFor();
  },
  "account, prove": async (page) => {
    await atHome(page, "/account");
    await page.goto(`${issuer}/account/prove?page=factors`);
  },
  "account, told": async (page) => {
    await atHome(page, "/account/profile");
    await page.locator("main #submit").click();
    await page.locator("#told").waitFor();
  },
  "account, applications, one": async (page) => {
    await toConsent(page);
    await page.locator("#allow").click();
    await page.waitForURL(`${client.origin}/callback?*`);
    await page.goto(`${issuer}/account/applications`);
    await page.locator("#applications").waitFor();
  },
  "account, sessions, two": async (page) => {
    await signedIn(page);
    await page.context().clearCookies();
    await atHome(page, "/account/sessions");
    await page.locator("#end-others").waitFor();
  },
  register: (page) => page.goto(`${issuer}/register`),
  "register, wrong": async (page) => {
    await page.goto(`${issuer}/register`);
    await page.locator("#submit").click();
    await page.locator("#username-error").waitFor();
  },
  "forgotten password": (page) => page.goto(`${issuer}/forgot-password`),
  "forgotten password, asked": async (page) => {
    await page.goto(`${issuer}/forgot-password`);
    await page.fill("#who", "nobody");
    await page.locator("#submit").click();
    await page.locator("#told").waitFor();
  },
  "new password": (page) => page.goto(`${issuer}/reset-password?token=pmt_none`),
  "new password, over": async (page) => {
    await page.goto(`${issuer}/reset-password?token=pmt_none`);
    await page.fill("#password", "another horse");
    await page.fill("#again", "another horse");
    await page.locator("#submit").click();
    await page.locator("#form-error").waitFor();
  },
  "confirm an address": (page) => page.goto(`${issuer}/verify-email?token=pmt_none`),
  "logged out": (page) => page.goto(`${issuer}/oauth/logout`),
};

for (const [name, goTo] of Object.entries(PAGES)) {
  test(name, async () => {
    for (const [lang, locale] of Object.entries(LANGUAGES)) {
      const { page, close } = await open(browser, { locale }, [client.origin]);
      await goTo(page);
      await mustLookRight(page, name, lang);
      await close();
    }
  });
}

test("colours of the system are heeded", async () => {
  const { page, close } = await open(browser, { forcedColors: "active" }, [client.origin]);
  await page.goto(asking(clients.asks, client.origin));
  const borders = await page.locator(".card, #username, #submit").evaluateAll((all) =>
    all.map((one) => getComputedStyle(one).borderTopStyle));
  assert.deepEqual(borders, ["solid", "solid", "solid"]);
  await close();
});

test("motion and layout are calm: an error moves nothing above it", async () => {
  const { page, close } = await open(browser, {}, [client.origin]);
  await page.goto(asking(clients.asks, client.origin));
  const places = () => Promise.all(["h1", "#username", "#password"].map(async (one) => (await page.locator(one).boundingBox()).y));
  const before = await places();
  await logIn(page, "juan", "wrong");
  await page.locator("#password-error").waitFor();
  assert.deepEqual(await places(), before);
  await close();
});
