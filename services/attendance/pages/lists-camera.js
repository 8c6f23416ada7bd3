/* Reads codes with the camera. Which code it was, and whether it counts, is not decided here. */
"use strict";

const Camera = (() => {
  const SAME_AGAIN_MS = 4000;
  let reader = null;
  let last = { text: "", at: 0 };

  const isThere = () => typeof Html5Qrcode !== "undefined" && Boolean(navigator.mediaDevices);

  /* Held before the camera for a second a code is read ten times: that is one reading. */
  function once(text, told) {
    const now = Date.now();
    const same = text === last.text && now - last.at < SAME_AGAIN_MS;
    last = { text, at: now };
    if (!same) told(text);
  }

  async function start(element, told) {
    const codes = [Html5QrcodeSupportedFormats.QR_CODE];
    const how = { formatsToSupport: codes, experimentalFeatures: { useBarCodeDetectorIfSupported: true }, verbose: false };
    const made = new Html5Qrcode(element, how);
    await made.start({ facingMode: "environment" }, { fps: 8 }, (text) => once(text, told), () => {});
    reader = made;
  }

  async function stop() {
    const running = reader;
    reader = null;
    if (running) {
      await running.stop();
      running.clear();
    }
  }

  return { isThere, start, stop };
})();
