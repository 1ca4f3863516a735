/** What a file is that is not ONNX, told from its first bytes: people mix up their downloads. */

const magics: readonly (readonly [at: number, magic: string, kind: string])[] = [
  [0, 'PK\x03\x04', 'a zip archive (a PyTorch checkpoint or an .npz, perhaps)'],
  [0, '\x1f\x8b', 'a gzip archive'],
  [0, '7z\xbc\xaf', 'a 7-zip archive'],
  [0, '\x28\xb5\x2f\xfd', 'a zstd archive'],
  [0, '\x93NUMPY', 'a NumPy array'],
  [0, '\x89HDF', 'an HDF5 file (a Keras model, perhaps)'],
  [0, 'GGUF', 'a GGUF model'],
  [0, '\x80\x02', 'a Python pickle'],
  [0, '\x80\x03', 'a Python pickle'],
  [0, '\x80\x04', 'a Python pickle'],
  [0, '\x80\x05', 'a Python pickle'],
  [0, '\x7fELF', 'a Linux program or library'],
  [0, 'MZ', 'a Windows program or library'],
  [0, '%PDF', 'a PDF document'],
  [0, '\x89PNG', 'a PNG picture'],
  [4, 'ORTM', 'a model in ONNX Runtime’s own .ort format'],
  [4, 'TFL3', 'a TensorFlow Lite model'],
];

/** How many bytes `sniff` wants to see. */
export const sniffBytes = 512;

/** @param head the first `sniffBytes` of the file, or all of it. @returns null when nothing speaks against ONNX. */
export function sniff(head: Uint8Array): string | null {
  const latin = Array.from(head.subarray(0, 64), (byte) => String.fromCharCode(byte)).join('');
  if (latin.startsWith('version https://git-lfs')) {
    return 'a Git LFS pointer, not the model itself';
  }
  for (const [at, magic, kind] of magics) {
    if (latin.startsWith(magic, at)) return kind;
  }
  if (isSafetensors(head, latin)) {
    return 'a safetensors file (weights without a graph)';
  }
  if (/^\s*<(!doctype|html|\?xml)/i.test(latin)) {
    return 'an HTML or XML page (a download that failed, perhaps)';
  }
  if (isText(head)) {
    return 'a text file';
  }
  return null;
}

/** Eight bytes of little-endian header length, then a JSON object. */
function isSafetensors(head: Uint8Array, latin: string): boolean {
  return head.length > 9 && latin[8] === '{' && (head[6] ?? 1) === 0 && (head[7] ?? 1) === 0;
}

/** Printable from the first byte on. A protobuf begins with a tag of 0x08 (`ir_version`) and has more like it. */
function isText(head: Uint8Array): boolean {
  if (head.length < 4) return false;
  const printable = (byte: number): boolean =>
    byte === 0x09 || byte === 0x0a || byte === 0x0d || (byte >= 0x20 && byte !== 0x7f);
  if (!head.every(printable)) return false;
  try {
    // As a stream: the head may end inside a character.
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}
