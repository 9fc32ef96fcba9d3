// openid-client: private_key_jwt (ES256), ID tokens signed with EdDSA, answers by form_post.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as oidc from "openid-client";
import { check, client, issuer, person } from "./world.mjs";

const own = client("openid-client");
const curve = { name: "ECDSA", namedCurve: "P-256" };
const key = await crypto.subtle.importKey("jwk", own.key, curve, false, ["sign"]);
const config = await oidc.discovery(
  issuer,
  own.client_id,
  { id_token_signed_response_alg: "EdDSA" },
  oidc.PrivateKeyJwt({ key, kid: own.key.kid }),
  { execute: [oidc.enableNonRepudiationChecks] },
);

/** Sends a person to log in; answers where they came back to, and what must be compared. */
async function login(jar, more = {}, ...options) {
  const checks = {
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
  };
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: own.redirect_uri,
    scope: "openid profile email offline_access UI%20Store:read",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    ...more,
  });
  const { url: back, form, ...page } = person(jar, url, ...options);
  assert.ok(back, JSON.stringify(page));
  const response = form ? new Request(back, { method: "POST", body: new URLSearchParams(form) }) : new URL(back);
  return { response, checks };
}

test("discovery lists what this library goes by", () => {
  const metadata = config.serverMetadata();
  assert.ok(metadata.supportsPKCE("S256"));
  assert.equal(metadata.issuer, process.env.ISSUER);
});

test("somebody logs in, is asked about, goes on, and logs out", async () => {
  const { response, checks } = await login("openid-client", { response_mode: "form_post" });
  assert.ok(response instanceof Request);
  const tokens = await oidc.authorizationCodeGrant(config, response, checks);
  const { sub, amr, acr } = tokens.claims();
  assert.deepEqual([sub, amr, acr, tokens.token_type], ["7", ["pwd"], "1", "bearer"]);

  const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, sub);
  assert.deepEqual([userinfo.preferred_username, userinfo.name], ["juan", "Juan Demo"]);
  const backend = await check(tokens.access_token);
  assert.deepEqual([backend.allowed, backend.permissions, backend.payload.user_id], [true, ["read"], 7]);
  const introspected = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.deepEqual([introspected.active, introspected.sub, introspected.aud], [true, "7", "UI Store"]);

  const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(refreshed.claims().sub, sub);
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token);

  // Once logged in and agreed, nothing is shown.
  const silent = await login("openid-client", { prompt: "none", id_token_hint: tokens.id_token });
  await oidc.authorizationCodeGrant(config, silent.response, silent.checks);

  await oidc.tokenRevocation(config, refreshed.refresh_token);
  assert.equal((await oidc.tokenIntrospection(config, refreshed.access_token)).active, false);
  assert.equal((await check(refreshed.access_token)).status, 401);
  await assert.rejects(oidc.refreshTokenGrant(config, refreshed.refresh_token), { error: "invalid_grant" });

  const state = oidc.randomState();
  const out = oidc.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: own.post_logout_redirect_uri,
    state,
  });
  assert.equal(person("openid-client", out).url, `${own.post_logout_redirect_uri}?state=${state}`);
  const after = await login("openid-client", { prompt: "none" });
  await assert.rejects(oidc.authorizationCodeGrant(config, after.response, after.checks), { error: "login_required" });
});

test("a client gets a token of its own", async () => {
  const tokens = await oidc.clientCredentialsGrant(config, { scope: "UI%20Store:read" });
  const told = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.deepEqual([told.active, told.sub, told.client_id], [true, own.client_id, own.client_id]);
  assert.equal((await check(tokens.access_token)).allowed, true);
});

test("what does not fit together is refused", async () => {
  const denied = await login("openid-client", { prompt: "consent" }, "--deny");
  await assert.rejects(oidc.authorizationCodeGrant(config, denied.response, denied.checks), { error: "access_denied" });
  for (const wrong of ["expectedState", "expectedNonce", "pkceCodeVerifier"]) {
    const { response, checks } = await login("openid-client");
    checks[wrong] = oidc.randomPKCECodeVerifier();
    const refusal = wrong === "pkceCodeVerifier" ? { error: "invalid_grant" } : { name: "ClientError" };
    await assert.rejects(oidc.authorizationCodeGrant(config, response, checks), refusal, wrong);
  }
});
