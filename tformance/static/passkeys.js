// Passkeys: a button asks the device, and its form carries the answer.
"use strict";

const REASONS = {
  NotAllowedError: "The device gave no answer, or you cancelled. Try again when you are ready.",
  InvalidStateError: "This device holds a passkey of yours already.",
  SecurityError: "This address cannot have passkeys: they need https and a host name.",
};

async function optionsFor(form) {
  const given = document.getElementById("passkey-options");
  if (given) return JSON.parse(given.textContent);
  const reply = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!reply.ok) throw new Error(`The server answered ${reply.status}.`);
  return reply.json();
}

function create(options, alone) {
  const wanted = options.publicKey.authenticatorSelection;
  wanted.residentKey = alone ? "required" : "discouraged";
  wanted.requireResidentKey = alone;
  if (alone) wanted.userVerification = "required";
  return webauthnJSON.create(options);
}

async function answer(form) {
  const options = await optionsFor(form);
  if (options.request_options) return webauthnJSON.get(options.request_options);
  return create(options.creation_options, form.elements.passwordless.checked);
}

async function ask(form) {
  const note = form.querySelector("[data-passkey-note]");
  note.hidden = true;
  try {
    form.elements.credential.value = JSON.stringify(await answer(form));
    form.submit();
  } catch (error) {
    note.textContent = REASONS[error.name] || `The passkey could not be used: ${error.message}`;
    note.hidden = false;
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const note = form.querySelector("[data-passkey-note]");
  const button = form.querySelector("[data-passkey-button]");
  if (window.PublicKeyCredential) {
    button.hidden = false;
    form.addEventListener("submit", (event) => { event.preventDefault(); ask(form); });
  } else if (note.dataset.passkeyNote) {
    note.textContent = note.dataset.passkeyNote;
    note.hidden = false;
  }
}
