// What the tests share: the clients, a person at a browser, a backend.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const issuer = new URL(process.env.ISSUER);

/** A client, as register.mjs made it. */
export const client = (name) => JSON.parse(readFileSync(process.env.CLIENTS))[name];

/** Where somebody ends who opens an address in a browser, whose cookies are in `jar`. */
export function person(jar, url, ...options) {
  const words = [process.env.PERSON, join(process.env.JARS, jar), String(url), ...options];
  return JSON.parse(execFileSync("python3", words, { encoding: "utf8" }));
}

/** What a backend hears of an access token. */
export async function check(token) {
  const answer = await fetch(`${process.env.ISSUER}/check-token`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ service_id: 4, permission: "read" }),
  });
  return { status: answer.status, ...(await answer.json()) };
}
