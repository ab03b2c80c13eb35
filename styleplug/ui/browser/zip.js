// A ZIP file of files that are already compressed, made in the browser.

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** The blob of a ZIP with these files: [{name, blob}]. */
async function zip(files) {
  const parts = [], entries = [];
  let at = 0;
  const used = new Map();
  for (const { name, blob } of files) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const again = used.get(name) ?? 0;
    used.set(name, again + 1);
    const title = new TextEncoder().encode(again ? name.replace(/(\.\w+)$/, ` (${again})$1`) : name);
    let crc = ~0;
    for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
    const about = new DataView(new ArrayBuffer(26));  // what both headers share
    [[0, 20], [2, 0x800], [6, 0], [8, 0x21]].forEach(([place, value]) => about.setUint16(place, value, true));
    [[10, ~crc >>> 0], [14, bytes.length], [18, bytes.length]].forEach(([place, value]) => about.setUint32(place, value, true));
    about.setUint16(22, title.length, true);
    const head = [Uint8Array.of(0x50, 0x4b, 3, 4), about, title];
    const place = new DataView(new ArrayBuffer(14));
    place.setUint32(10, at, true);
    entries.push(Uint8Array.of(0x50, 0x4b, 1, 2, 20, 0), about, place, title);
    parts.push(...head, bytes);
    at += 30 + title.length + bytes.length;
  }
  const size = entries.reduce((sum, part) => sum + part.byteLength, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  [8, 10].forEach((place) => end.setUint16(place, files.length, true));
  end.setUint32(12, size, true);
  end.setUint32(16, at, true);
  return new Blob([...parts, ...entries, end], { type: "application/zip" });
}
