// What the stories share: Chromium, the clients, and how to get to each page.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import AxeBuilder from "@axe-core/playwright";
import { chromium } from "playwright-core";

export const issuer = process.env.ISSUER;

export const portero = (...words) =>
  JSON.parse(execFileSync(process.env.PORTERO, ["--demo", "--json", "--quiet", ...words], { encoding: "utf8" }));

/** A client's own site, on an origin of its own: it shows what it was sent. */
export async function site() {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      response.setHeader("content-type", "text/html");
      response.end(`<!doctype html><title>Client</title><p id="method">${request.method}</p><p id="body">${body.replaceAll("&", "&amp;")}</p>`);
    });
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Clients: `asks` each time, `members` lets only those in who hold something in Service B, `device` has no browser. */
export function register(origin) {
  const add = (name, ...words) =>
    portero("client", "add", name, "--public", "--redirect-uri", `${origin}/callback`, "--post-logout-redirect-uri",
      `${origin}/left`, ...words).client_id;
  return {
    asks: add("Wiki", "--service", "UI Store", "--consent", "ask", "--scope", "openid profile email UI%20Store:read"),
    members: add("Billing", "--service", "Service B", "--who-may-use", "members"),
    device: add("Display", "--service", "UI Store", "--grant", "urn:ietf:params:oauth:grant-type:device_code"),
  };
}

/** A client that registers itself. */
export async function registerItself(page, origin) {
  const made = portero("service", "registration-token", "add", "UI Store", "--name", "assistants", "--uses", "1", "--lasts", "1d");
  const data = { client_name: "Assistant", redirect_uris: [`${origin}/callback`], token_endpoint_auth_method: "none" };
  const answer = await page.request.post(`${issuer}/oauth/register`, { headers: { authorization: `Bearer ${made.initial_access_token}` }, data });
  return (await answer.json()).client_id;
}

/** The code that a device of this client's shows. */
export async function userCode(page, clientId) {
  const form = { client_id: clientId, scope: "openid profile" };
  const answer = await page.request.post(`${issuer}/oauth/device_authorization`, { form });
  return (await answer.json()).user_code;
}

/** An authorization request. */
export function asking(clientId, origin, more = {}) {
  const challenge = createHash("sha256").update(randomBytes(32)).digest("base64url");
  const parameters = {
    client_id: clientId,
    redirect_uri: `${origin}/callback`,
    response_type: "code",
    scope: "openid profile email",
    state: "a state",
    code_challenge: challenge,
    code_challenge_method: "S256",
    ...more,
  };
  return `${issuer}/oauth/authorize?${new URLSearchParams(parameters)}`;
}

// As root there is no sandbox; the rest keeps it from calling home.
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });

/** A person's own browser, whose page must not break its policy or call anybody else: `close` says so. */
export async function open(browser, options = {}, friends = []) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "en-GB", ...options });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const faults = [];
  page.on("console", (said) => said.text().includes("Content Security Policy") && faults.push(said.text()));
  page.on("request", (request) => {
    if (![issuer, ...friends].some((own) => request.url().startsWith(own))) faults.push(`asks ${request.url()}`);
  });
  const close = async () => {
    await context.close();
    assert.deepEqual(faults, []);
  };
  return { page, close };
}

/** Fills in the login page. */
export async function logIn(page, name = "juan", password = `${name}-hash`) {
  await page.locator("#username").fill(name);
  await page.locator("#password").fill(password);
  await page.locator("#submit").click();
}

/** What an authenticator with this secret shows so many steps from now (RFC 6238). */
export function codeOf(secret, steps = 0) {
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac("sha1", key).update(counter).digest();
  const number = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

/** Gives somebody of the demo a second factor; answers its secret and their recovery codes. */
export async function enrol(page, name) {
  const post = async (path, data, token) => {
    const answer = await page.request.post(`${issuer}${path}`, { data, headers: token ? { token } : {} });
    return answer.json();
  };
  const { token } = await post("/auth/login", { username: name, password: `${name}-hash` });
  const { id, secret } = await post("/auth/me/factors", { type: "totp", name: "Phone" }, token);
  const codes = [codeOf(secret, -1), codeOf(secret)];
  const { recovery_codes: recoveryCodes } = await post(`/auth/me/factors/${id}/confirm`, { codes }, token);
  return { secret, recoveryCodes };
}

/** The pages of the account, from the issuer on. */
export const ACCOUNT = ["", "/profile", "/password", "/factors", "/passkeys", "/providers", "/keys", "/email", "/sessions", "/activity", "/applications", "/language"].map(
  (page) => `/account${page}`,
);

/** Logs in, and goes to a page of the account. */
export async function atHome(page, path, name = "juan", password = `${name}-hash`) {
  await page.goto(`${issuer}${path}`);
  await logIn(page, name, password);
  await page.waitForURL(`${issuer}${path}`);
}

/** Waits until the page has this heading: a click returns before the page that it leads to stands. */
export const titled = (page, text) => page.getByRole("heading", { level: 1, name: text, exact: true }).waitFor();

/** Waits until this has the focus, which browsers give after a page stands; it must be seen to have it. */
export async function focused(page, on) {
  const look = () => {
    const { id, tagName, textContent } = document.activeElement;
    return id || `${tagName} ${textContent}`;
  };
  await page.waitForFunction(`(${look})() === ${JSON.stringify(on)}`).catch(async () => assert.equal(await page.evaluate(look), on));
  const isVisible = await page.evaluate(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  });
  assert.ok(isVisible, `the focus on ${on} is seen`);
}

/** An authenticator in the browser of this page, which verifies its user and shows itself when it is asked. */
export async function authenticator(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const options = {
    protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true,
  };
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options });
  return {
    verifies: (isUserVerified) => cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
    shows: (enabled) => cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled }),
    count: async () => (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials.length,
  };
}

/** Presses the button of a passkey that shows itself, unless it has done so just before, where the username is typed: then the page is gone. */
export const pressPasskey = (page) => page.locator("#passkey-button").click({ timeout: 5_000 }).catch(() => {});

/** In which the pages are looked at: by what a browser asks for. */
export const LANGUAGES = { en: "en-GB", es: "es-PE" };

/** What sticks out to the right, which one would have to scroll for. */
const tooWide = (page) =>
  page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const wide = [...document.querySelectorAll("body, body *")].filter((one) => one.getBoundingClientRect().right > width + 0.5);
    return { scrolls: document.documentElement.scrollWidth > width, wide: wide.map((one) => one.outerHTML.slice(0, 80)) };
  });
const FITS = { scrolls: false, wide: [] };

/** Looks at a page that stands in this language: by axe, in light and dark; on a small screen, and with everything twice as large. */
export async function mustLookRight(page, name, lang) {
  assert.equal(await page.locator("html").getAttribute("lang"), lang);
  assert.equal(await page.locator("h1").count(), 1);
  const keep = async (how) => {
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}-${lang}-${how}.png` });
  };
  await page.setViewportSize({ width: 1280, height: 800 });
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const { violations, passes } = await new AxeBuilder({ page }).analyze();
    assert.ok(passes.some(({ id }) => id === "color-contrast"), "axe has looked");
    const told = violations.map(({ id, help, nodes }) => ({ id, help, at: nodes.map((node) => node.html) }));
    assert.deepEqual(told, [], `${lang}, ${colorScheme}`);
    await keep(colorScheme);
  }
  await page.setViewportSize({ width: 320, height: 640 });
  assert.deepEqual(await tooWide(page), FITS, `${lang}, 320 px wide`);
  await keep("320");
  await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
  assert.deepEqual(await tooWide(page), FITS, `${lang}, 320 px wide and the text twice as large`);
  await page.evaluate(() => (document.documentElement.style.fontSize = ""));
  // What 1280 px are to whoever has zoomed to 200 %.
  await page.setViewportSize({ width: 640, height: 400 });
  assert.deepEqual(await tooWide(page), FITS, `${lang}, 200 %`);
  await page.setViewportSize({ width: 1280, height: 800 });
}
