"use strict";

// Forms that a passkey is for: <form data-passkey="get" or "create">, with a hidden field `passkey` for what the browser answers.
// `data-options` has what to ask for; without it, `data-options-at` says where that is. Without script, or passkeys, nothing of this is there.
//
// <div data-signals="{…}"> has what the browser is told of passkeys, by the names of its methods (WebAuthn level 3, section 5.1.10): which ones
// are good, which one is not, and what their owner is called.
(() => {
  const form = document.querySelector("form[data-passkey]");
  const button = document.getElementById("passkey-button");
  const said = document.getElementById("passkey-said");
  const creates = form && form.dataset.passkey === "create";
  const api = window.PublicKeyCredential;
  const told = document.querySelector("[data-signals]");
  for (const [method, what] of Object.entries(told && api ? JSON.parse(told.dataset.signals) : {})) {
    if (api[method]) api[method](what).catch(() => {});
  }

  const read = creates ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON";
  if (!form || !button || !api || !api[read] || !api.prototype.toJSON) return;

  let waiting = null;

  async function options() {
    if (form.dataset.options) return JSON.parse(form.dataset.options).publicKey;
    const headers = { accept: "application/json" };
    const answer = await fetch(form.dataset.optionsAt, { method: "POST", headers, credentials: "omit" });
    if (!answer.ok) throw new Error(String(answer.status));
    return (await answer.json()).publicKey;
  }

  function say(key) {
    if (said) said.textContent = key ? said.dataset[key] : "";
    if (said) said.hidden = !key;
  }

  async function ask(mediation) {
    if (waiting) waiting.abort();
    const controller = (waiting = new AbortController());
    const publicKey = api[read](await options());
    const asked = { publicKey, signal: controller.signal };
    if (mediation) asked.mediation = mediation;
    const credential = await (creates ? navigator.credentials.create(asked) : navigator.credentials.get(asked));
    if (!credential) return false;
    form.elements.passkey.value = JSON.stringify(credential.toJSON());
    form.requestSubmit();
    return true;
  }

  button.hidden = false;
  button.addEventListener("click", async () => {
    say(null);
    button.disabled = true;
    try {
      // Sent once: the answer takes its time where recovery codes come with it.
      button.disabled = await ask();
    } catch (error) {
      button.disabled = false;
      say(error.name === "InvalidStateError" ? "there" : error.name === "NotAllowedError" ? "cancelled" : "failed");
    }
  });

  // Offered where the username is typed, for as long as the page is open: what was asked for is good for five minutes.
  async function offer() {
    if (creates || !api.isConditionalMediationAvailable || !(await api.isConditionalMediationAvailable())) return;
    const again = setInterval(() => ask("conditional").catch(() => {}), 4 * 60 * 1000);
    addEventListener("pagehide", () => clearInterval(again));
    await ask("conditional").catch(() => {});
  }
  if (form.querySelector("[autocomplete~=webauthn]")) offer();
})();
