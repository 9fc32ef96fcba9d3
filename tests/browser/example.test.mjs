// The example application, as its README has it started.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, test } from "node:test";
import AxeBuilder from "@axe-core/playwright";
import { issuer, launch, logIn, open, portero } from "./browser.mjs";

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

const PORT = await freePort();
const home = `http://127.0.0.1:${PORT}/`;
// The demo's own, but for the port.
const [own] = portero("client", "list").filter((client) => client.client_id === "example");
const made = portero("client", "add", "Example", "--id", "example-here", "--public", "--service", String(own.service_id),
  "--redirect-uri", own.redirect_uris[0].replace("7880", PORT), "--post-logout-redirect-uri", own.post_logout_redirect_uris[0].replace("7880", PORT));
const example = spawn("npm", ["start", "--prefix", `${import.meta.dirname}/../../examples/login`], {
  env: { ...process.env, ISSUER: issuer, PORT, CLIENT_ID: made.client_id },
  stdio: ["ignore", "pipe", "inherit"],
  detached: true, // a group of its own: npm and what it starts
});
let said = "";
example.stdout.on("data", (text) => (said += text));
const browser = await launch();
after(async () => {
  process.kill(-example.pid);
  await browser.close();
});

test("it signs somebody in, shows what they may do, and signs them out", { timeout: 120_000 }, async () => {
  while (!said.includes(`Open ${home}`)) {
    assert.equal(example.exitCode, null, said);
    await new Promise((moment) => setTimeout(moment, 50));
  }
  const { page, close } = await open(browser, {}, [home]);
  await page.goto(home);
  await page.locator("#sign-in").click();
  await logIn(page);
  await page.locator("#allow").click();
  await page.waitForURL(home);
  assert.equal(await page.locator("h1").textContent(), "Hello, Juan Demo");
  const cells = () => page.locator("td").allTextContents();
  assert.deepEqual(await cells(), ["Juan Demo", "juan", "–", "Viewer", "read"]);
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map(({ id }) => id), []);

  // What they hold changes, and with it the very next answer.
  portero("grant", "add", "juan", "UI Store", "Editor");
  await page.reload();
  assert.deepEqual((await cells()).slice(3), ["Editor, Viewer", "read, update"]);

  await page.locator("#sign-out").click();
  await page.locator("#sign-in").waitFor();
  await page.goto(`${issuer}/`);
  await page.locator("#sign-in").waitFor();

  // Whoever does not agree is not signed in.
  await page.goto(`${home}login`);
  await logIn(page, "adm2");
  await page.locator("#deny").click();
  assert.equal(await page.locator("#error").textContent(), "access_denied");
  // Nor is whoever brings another's answer.
  await page.goto(`${home}callback?code=pac_x&state=y&iss=${encodeURIComponent(issuer)}`);
  assert.equal(await page.locator("h1").textContent(), "Not signed in");
  await close();
});
