// oauth4webapi: a public client with opaque tokens on a loopback port of its own, and a backend with private_key_jwt (PS256).
import assert from "node:assert/strict";
import { test } from "node:test";
import * as oauth from "oauth4webapi";
import { check, client, issuer, person } from "./world.mjs";

const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
const app = { client_id: client("oauth4webapi-public").client_id };
const none = oauth.None();
const redirectUri = "http://127.0.0.1:50123/callback"; // registered without a port

async function login(more = {}) {
  const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()];
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: app.client_id,
    redirect_uri: redirectUri,
    response_type: "code",
    scope: "openid profile UI%20Store:read",
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...more,
  });
  return { back: person("oauth4webapi", url).url, verifier, state, nonce };
}

async function redeem({ back, verifier, state, nonce }) {
  const parameters = oauth.validateAuthResponse(as, app, new URL(back), state);
  const response = await oauth.authorizationCodeGrantRequest(as, app, none, parameters, redirectUri, verifier);
  const kept = response.clone();
  const tokens = await oauth.processAuthorizationCodeResponse(as, app, response, { expectedNonce: nonce, requireIdToken: true });
  assert.ok(kept.headers.get("cache-control").includes("no-store"));
  await oauth.validateApplicationLevelSignature(as, response); // of the ID token, by the keys of the issuer
  return tokens;
}

test("an app without a secret logs somebody in, refreshes, and logs out", async () => {
  const tokens = await redeem(await login({ scope: "openid profile offline_access UI%20Store:read" }));
  assert.ok(tokens.access_token.startsWith("pat_"), "opaque");
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);
  const userinfo = await oauth.userInfoRequest(as, app, tokens.access_token);
  assert.equal((await oauth.processUserInfoResponse(as, app, sub, userinfo)).preferred_username, "juan");
  assert.equal((await check(tokens.access_token)).payload.username, "juan");

  const answer = await oauth.refreshTokenGrantRequest(as, app, none, tokens.refresh_token);
  const refreshed = await oauth.processRefreshTokenResponse(as, app, answer);
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token);

  await oauth.processRevocationResponse(await oauth.revocationRequest(as, app, none, refreshed.access_token));
  assert.equal((await check(refreshed.access_token)).status, 401);

  // Any program on this machine could pass for it: people are asked each time.
  assert.equal(new URL((await login({ prompt: "none" })).back).searchParams.get("error"), "consent_required");
  const ofSession = await redeem(await login());
  const out = new URL(as.end_session_endpoint);
  const left = client("oauth4webapi-public").post_logout_redirect_uri;
  out.search = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: left });
  assert.equal(person("oauth4webapi", out).url, left);
  assert.equal((await check(ofSession.access_token)).status, 401, "it ended with the session");
  assert.equal((await check(tokens.access_token)).status, 200, "offline access does not");
});

test("what does not fit together is refused", async () => {
  const login1 = await login();
  assert.throws(() => oauth.validateAuthResponse(as, app, new URL(login1.back), oauth.generateRandomState()), /state/);
  const mixed = new URL(login1.back);
  mixed.searchParams.set("iss", "https://evil.example");
  assert.throws(() => oauth.validateAuthResponse(as, app, mixed, login1.state), /iss/);
  await assert.rejects(redeem({ ...login1, nonce: oauth.generateRandomNonce() }), /nonce/);
  const login2 = await login();
  await assert.rejects(redeem({ ...login2, verifier: oauth.generateRandomCodeVerifier() }), { error: "invalid_grant" });
});

test("a backend acts for itself, and its token is one of RFC 9068", async () => {
  const { client_id, key: jwk } = client("oauth4webapi-service");
  const key = await crypto.subtle.importKey("jwk", jwk, { name: "RSA-PSS", hash: "SHA-256" }, false, ["sign"]);
  const [service, signed] = [{ client_id }, oauth.PrivateKeyJwt({ key, kid: jwk.kid })];
  const answer = await oauth.clientCredentialsGrantRequest(as, service, signed, {});
  const { access_token } = await oauth.processClientCredentialsResponse(as, service, answer);
  const request = new Request("https://store.example/orders", { headers: { authorization: `Bearer ${access_token}` } });
  const claims = await oauth.validateJwtAccessToken(as, request, "UI Store");
  assert.deepEqual([claims.sub, claims.client_id], [client_id, client_id]);
  const told = await oauth.introspectionRequest(as, service, signed, access_token);
  assert.equal((await oauth.processIntrospectionResponse(as, service, told)).active, true);
  assert.equal((await check(access_token)).allowed, true);
});
