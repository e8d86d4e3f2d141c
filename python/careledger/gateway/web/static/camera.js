// Codes read off the camera's picture on this device, where the browser can.

import { say } from "./dom.js";

const KINDS = ["data_matrix", "qr_code", "code_128"];
const EVERY_MILLISECONDS = 150;

/** Shows the page's button if the browser reads codes; `read` gets what one says, `refused` words for people. */
export async function scanning(read, refused) {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return;
  const known = await BarcodeDetector.getSupportedFormats();
  const formats = KINDS.filter((kind) => known.includes(kind));
  if (!formats.length) return;
  const detector = new BarcodeDetector({ formats });
  const button = document.getElementById("camera-button");
  const dialog = document.getElementById("camera");
  const picture = document.getElementById("picture");

  async function look() {
    if (!dialog.open) return;
    const [found] = await detector.detect(picture).catch(() => []);
    if (!dialog.open) return;
    if (!found) return void setTimeout(look, EVERY_MILLISECONDS);
    dialog.close();
    read(found.rawValue);
  }

  dialog.addEventListener("close", () => {
    for (const track of picture.srcObject?.getTracks() ?? []) track.stop();
    picture.srcObject = null;
  });
  button.addEventListener("click", async () => {
    refused("");
    try {
      picture.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      dialog.showModal();
      await picture.play();
    } catch {
      dialog.close();
      return refused(say("packs.camera_refused"));
    }
    look();
  });
  button.hidden = false;
}
