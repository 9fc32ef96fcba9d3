// Signs people in with Portero by OpenID Connect (authorization code flow with PKCE), shows who they are and what they may
// do, and signs them out. With `portero demo` running: npm start --prefix examples/login, then open http://127.0.0.1:7880.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import escape from "escape-html";
import * as oidc from "openid-client";

const { ISSUER = "http://127.0.0.1:7878", CLIENT_ID = "example", CLIENT_SECRET, SERVICE = "4", PORT = "7880" } = process.env;
const home = `http://127.0.0.1:${PORT}/`;

// What Portero can do and where, from /.well-known/openid-configuration. Without a secret this is a public client.
const authentication = CLIENT_SECRET ? oidc.ClientSecretBasic(CLIENT_SECRET) : oidc.None();
// Portero itself speaks plain HTTP on this machine only.
const plain = ISSUER.startsWith("http:") ? [oidc.allowInsecureRequests] : [];
const portero = await oidc
  .discovery(new URL(ISSUER), CLIENT_ID, undefined, authentication, {
    execute: [...plain, oidc.enableNonRepudiationChecks], // verifies the signature of ID tokens
  })
  .catch((error) => {
    console.error(`Portero does not answer at ${ISSUER}: is \`portero demo\` running? (${error.cause?.message ?? error.message})`);
    process.exit(1);
  });

// In memory, which is enough for an example. Each by the random text in its cookie.
const logins = new Map(); // under way: what must come back
const sessions = new Map(); // done: tokens and claims

async function begin(_, response) {
  const login = { verifier: oidc.randomPKCECodeVerifier(), state: oidc.randomState(), nonce: oidc.randomNonce() };
  const to = oidc.buildAuthorizationUrl(portero, {
    redirect_uri: `${home}callback`,
    scope: "openid profile email",
    state: login.state,
    nonce: login.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(login.verifier),
    code_challenge_method: "S256",
  });
  if (logins.size >= 1000) logins.delete(logins.keys().next().value); // logins that nobody finishes
  redirect(response, to, keep(logins, "example-login", login));
}

async function finish(request, response) {
  const login = take(logins, request, "example-login");
  if (!login) return redirect(response, home);
  let tokens;
  try {
    // Compares state and iss, redeems the code, and verifies the ID token: signature, iss, aud, exp, nonce.
    tokens = await oidc.authorizationCodeGrant(portero, new URL(request.url, home), {
      pkceCodeVerifier: login.verifier,
      expectedState: login.state,
      expectedNonce: login.nonce,
    });
  } catch (error) {
    const why = error.error ?? error.code ?? error.message; // access_denied, where the person did not agree
    return page(response, 403, `<h1>Not signed in</h1><p id="error">${escape(why)}</p><a href="/">Back</a>`);
  }
  redirect(response, home, keep(sessions, "example-session", { tokens, sub: tokens.claims().sub }));
}

async function show(request, response) {
  const session = sessions.get(cookie(request, "example-session"));
  if (!session) return page(response, 200, '<h1>Not signed in</h1><a id="sign-in" href="/login">Sign in with Portero</a>');
  // A backend that gets the access token asks the same.
  const check = await fetch(new URL(`${ISSUER}/check-token`), {
    method: "POST",
    headers: { authorization: `Bearer ${session.tokens.access_token}`, "content-type": "application/json" },
    body: JSON.stringify({ service_id: Number(SERVICE) }),
  });
  if (check.status === 401) {
    // The token has expired, or somebody has ended it. An application with `offline_access` would refresh it.
    sessions.delete(cookie(request, "example-session"));
    return redirect(response, home);
  }
  const { roles, permissions } = await check.json();
  const { name, preferred_username, email } = await oidc.fetchUserInfo(portero, session.tokens.access_token, session.sub);
  const rows = { Name: name, Username: preferred_username, "E-mail": email, Roles: roles, Permissions: permissions };
  const cells = Object.entries(rows).map(([label, value]) =>
    `<tr><th scope="row">${label}</th><td>${escape([value ?? "–"].flat().join(", ") || "none")}</td></tr>`);
  page(response, 200, `<h1>Hello, ${escape(name)}</h1><table>${cells.join("")}</table>
    <form method="post" action="/logout"><button id="sign-out">Sign out</button></form>`);
}

async function leave(request, response) {
  const session = take(sessions, request, "example-session");
  if (!session) return redirect(response, home);
  // Ends the session at Portero, too; with the ID token as a hint it asks nothing and comes back here.
  redirect(response, oidc.buildEndSessionUrl(portero, {
    id_token_hint: session.tokens.id_token,
    post_logout_redirect_uri: home,
    state: oidc.randomState(),
  }));
}

function keep(map, name, value) {
  const id = randomBytes(32).toString("base64url");
  map.set(id, value);
  return `${name}=${id}; Path=/; HttpOnly; SameSite=Lax`;
}

function cookie(request, name) {
  const pairs = (request.headers.cookie ?? "").split(";").map((pair) => pair.trim().split("="));
  return pairs.find(([own]) => own === name)?.[1];
}

function take(map, request, name) {
  const id = cookie(request, name);
  const value = map.get(id);
  map.delete(id);
  return value;
}

function redirect(response, to, set) {
  response.writeHead(303, { location: String(to), ...(set && { "set-cookie": set }) }).end();
}

function page(response, status, body) {
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    // No `form-action`: signing out goes on to Portero, wherever that is.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "cache-control": "no-store",
  });
  response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Example</title>
    <meta name="viewport" content="width=device-width"><style>body{font:1rem/1.5 system-ui;margin:3rem auto;max-width:32rem;
    padding:0 1rem}table{margin:1rem 0}th{text-align:left;padding-right:2rem}</style><main>${body}</main></html>`);
}

const routes = { "GET /": show, "GET /login": begin, "GET /callback": finish, "POST /logout": leave };
createServer(async (request, response) => {
  const route = routes[`${request.method} ${request.url.split("?")[0]}`];
  try {
    await (route ? route(request, response) : page(response, 404, "<h1>Not found</h1>"));
  } catch (error) {
    console.error(error);
    page(response, 502, "<h1>Portero does not answer</h1>");
  }
}).listen(Number(PORT), "127.0.0.1", () => console.log(`Open ${home}`));
