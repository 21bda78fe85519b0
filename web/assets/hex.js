// Bytes as hexadecimal digits, and back.

// parseHex reads digits in pairs; spaces, commas and 0x between them do not matter. It returns null if it is no such text.
export function parseHex(text) {
  const digits = text.replace(/0x/gi, "").replace(/[\s,]+/g, "");
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) return null;
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

// dumpHex writes at most the first 256 bytes, eight a line, which fits a phone, with what they are in ASCII.
export function dumpHex(data) {
  const lines = [];
  for (let at = 0; at < Math.min(data.length, 256); at += 8) {
    const row = [...data.subarray(at, Math.min(at + 8, 256))];
    const hex = row.map((b) => b.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : ".")).join("");
    lines.push(data.length <= 8 ? `${hex}  ${text}` : `${hex.padEnd(23)}  ${text}`);
  }
  if (data.length > 256) lines.push("…");
  return lines.join("\n");
}
