// deep-email-validator, without its guess at typing errors, which turns `.test` away.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";

const require = createRequire(pathToFileURL(process.argv[2] + "/"));
const { validate } = require("deep-email-validator");
const { emails, sender } = JSON.parse(readFileSync(0, "utf-8"));
const waiting = [...emails];

async function worker() {
  for (let email = waiting.shift(); email !== undefined; email = waiting.shift()) {
    const began = performance.now();
    let status;
    try {
      const found = await validate({ email, sender, validateTypo: false });
      status = found.valid ? "valid" : found.reason === "disposable" ? "disposable" : "invalid";
    } catch {
      status = "unknown";
    }
    process.stdout.write(JSON.stringify([email, status, (performance.now() - began) / 1000]) + "\n");
  }
}

await Promise.all(Array.from({ length: 32 }, worker));
process.exit(0);
