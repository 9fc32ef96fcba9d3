// Registers a client for each foreign program, with the command line, and prints all there is to know of them as JSON.
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SERVICE = "UI Store";
const SCOPE = "openid profile email offline_access roles permissions UI%20Store:read";
const ALL = ["authorization_code", "refresh_token", "client_credentials"];
const LOGS_IN = ALL.slice(0, 2);

const clients = {
  "openid-client": { grants: ALL, algorithm: "ES256", options: ["--signing-alg", "EdDSA"] },
  "oauth4webapi-public": { grants: LOGS_IN, redirect: "http://127.0.0.1/callback", options: ["--public", "--token-format", "opaque"] },
  "oauth4webapi-service": { grants: ["client_credentials"], algorithm: "PS256", options: [] },
  authlib: { grants: ALL, options: ["--auth-method", "client_secret_basic", "--signing-alg", "RS256"] },
  go: { grants: ALL, options: ["--auth-method", "client_secret_post", "--consent", "ask"] },
  openidconnect: { grants: ALL, options: ["--auth-method", "client_secret_basic", "--signing-alg", "EdDSA"] },
};

const portero = (...words) => JSON.parse(execFileSync(process.env.PORTERO, ["--demo", "--json", "--quiet", ...words]));

function keyFor(algorithm) {
  const pair = algorithm === "ES256"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : generateKeyPairSync("rsa", { modulusLength: 2048 });
  const named = (key) => ({ ...key.export({ format: "jwk" }), kid: randomUUID(), alg: algorithm });
  const [privateKey, publicKey] = [named(pair.privateKey), named(pair.publicKey)];
  return [privateKey, { ...publicKey, kid: privateKey.kid }];
}

const directory = mkdtempSync(join(tmpdir(), "clients."));
const told = {};
for (const [name, { grants, redirect = `https://${name}.example/callback`, algorithm, options }] of Object.entries(clients)) {
  const words = ["client", "add", name, "--id", name, "--service", SERVICE, ...options];
  words.push(...grants.flatMap((grant) => ["--grant", grant]));
  const left = `https://${name}.example/left`;
  if (grants.includes("authorization_code")) {
    words.push("--redirect-uri", redirect, "--post-logout-redirect-uri", left, "--scope", SCOPE);
  }
  let key;
  if (algorithm) {
    const [privateKey, publicKey] = keyFor(algorithm);
    const file = join(directory, name);
    writeFileSync(file, JSON.stringify({ keys: [publicKey] }));
    words.push("--jwks-file", file);
    key = privateKey;
  }
  const { client_secret } = portero(...words);
  if (grants.includes("client_credentials")) portero("grant", "add", `client:${name}`, SERVICE, "Viewer");
  told[name] = { client_id: name, client_secret, key, redirect_uri: redirect, post_logout_redirect_uri: left };
}
rmSync(directory, { recursive: true });
console.log(JSON.stringify(told));
