/* Keeps the page of a list, so that it opens without a network: what was seen last, until the list has closed. Asks the network first,
   and throws away what it has as soon as the page is no longer to be seen. Sends nothing: that the page does. */
"use strict";

const CACHE = "rollcall-lists-1";
const PATIENCE_MS = 4000;
const UNTIL = "Rollcall-Kept-Until";
const PAGE = /\/lists\/[^/]+$/;
const ASSET = /\/pages\/[^/]+\.[0-9a-f]{16}\.[a-z]+$/;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {
  event.waitUntil(keep(event.data.keep).then(() => event.source.postMessage({ kept: true })));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (ASSET.test(url.pathname)) event.respondWith(asset(event.request));
  else if (PAGE.test(url.pathname) && !url.pathname.endsWith("/worker.js")) event.respondWith(page(event.request));
});

/* Everything that the page needs, and no older version of it. */
async function keep(addresses) {
  const cache = await caches.open(CACHE);
  for (const request of await cache.keys()) {
    const path = new URL(request.url).pathname;
    if (ASSET.test(path) && !addresses.some((one) => new URL(one).pathname === path)) await cache.delete(request);
  }
  await Promise.all(
    addresses.map(async (address) => {
      if (ASSET.test(new URL(address).pathname) && (await cache.match(address))) return;
      const answer = await fetch(address, { cache: "no-store" });
      if (answer.ok && !answer.redirected) await cache.put(address, answer);
    }),
  );
}

/* Named by its hash: what is kept under that name is it. */
async function asset(request) {
  return (await caches.match(request, { cacheName: CACHE })) || fetch(request);
}

async function page(request) {
  const isOpened = request.mode === "navigate";
  try {
    const answer = await (isOpened ? within(PATIENCE_MS, request) : fetch(request));
    if (answer.status >= 500 && isOpened) return (await kept(request)) || answer;
    if (answer.ok && !answer.redirected) await (await caches.open(CACHE)).put(request.url, answer.clone());
    else if (answer.status >= 400 && answer.status < 500) await forget(request);
    return answer;
  } catch (error) {
    /* Only who opens the page wants an old one: who asks what is new is told that nobody answers. */
    const found = isOpened ? await kept(request) : null;
    if (found) return found;
    throw error;
  }
}

/* A network that is there and does not answer is none. */
async function within(limit, request) {
  const found = await kept(request);
  return fetch(request, found ? { signal: AbortSignal.timeout(limit) } : {});
}

async function kept(request) {
  const cache = await caches.open(CACHE);
  const found = (await cache.match(request.url)) || (await cache.match(request.url, { ignoreSearch: true }));
  if (found && Date.now() > Number(found.headers.get(UNTIL) || 0)) {
    await forget(request);
    return null;
  }
  return found;
}

async function forget(request) {
  await (await caches.open(CACHE)).delete(request.url, { ignoreSearch: true });
}
