// Talks to the server. A request that got no answer is sent again, unchanged, until it gets one: the server
// knows a vote that comes twice.

const base = location.pathname.replace(/\/$/, "");
const PAUSES_MS = [300, 700, 1500, 3000, 5000];

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export const get = (name, onwait) => send(name, { method: "GET" }, onwait);

export const post = (name, body, onwait) =>
  send(name, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }, onwait);

async function send(name, options, onwait = () => {}) {
  for (let attempt = 0; ; attempt += 1) {
    const response = await answer(`${base}/${name}`, options);
    if (response && response.status < 500) {
      onwait(false);
      const body = await response.json().catch(() => ({}));
      if (response.ok) return body;
      throw new Refused(response.status, body.error ?? `the server answered ${response.status}`);
    }
    onwait(true);
    await pause(PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)]);
  }
}

async function answer(url, options) {
  try {
    return await fetch(url, { ...options, cache: "no-store", signal: AbortSignal.timeout(15000) });
  } catch {
    return null; // no connection, or no answer in time
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Names a vote, so that the server knows it when it comes twice. randomUUID exists on https and localhost only.
export function freshId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
