/**
 * The seal on files that NaNoscope wrote. It is the last entry of the model's `metadata_props` and the last bytes of
 * the file, which protobuf allows, and holds a hash over everything before it *and* over its own other fields. So
 * one file tells whether it is ours and unchanged; there is no second file that could get lost.
 *
 * A data file beside the model is named in the seal with its own hash.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { z } from 'zod';
import type { RandomAccess } from '../../core/onnx/access';
import type { FileAccess, Sha256 } from '../useCases';

const utf8 = new TextEncoder();

/** Key in the model's metadata. */
export const stampKey = 'nanoscope.applied';

const hash = z.string().regex(/^[0-9a-f]{64}$/);

const stampSchema = z.object({
  tool: z.literal('nanoscope'),
  version: z.string(),
  /** Id of the fix; of several in one step `a+b`. */
  fix: z.string(),
  /** Name of the model that was fixed. */
  source: z.string(),
  weights: z.enum(['inside', 'referenced', 'copied']),
  /** Further files that were written with this one: names in its folder. */
  files: z.array(z.object({ name: z.string(), bytes: z.number().int().nonnegative(), sha256: hash })),
  /** Every fix that the model holds, those of earlier steps first; files of earlier versions have none. */
  fixes: z.array(z.string()).optional(),
  /** Of a model that was changed in place: the file as it was before, in the same folder. */
  backup: z.object({ name: z.string(), bytes: z.number().int().nonnegative(), sha256: hash }).optional(),
  /** Bytes of the file before the seal. */
  bytes: z.number().int().nonnegative(),
  /** Over those bytes, then over this object as JSON without `sha256`. */
  sha256: hash,
});

export type Stamp = z.infer<typeof stampSchema>;
export type UnsealedStamp = Omit<Stamp, 'bytes' | 'sha256'>;

/** A seal cannot be longer; far above what names allow. */
const longestStamp = 64 * 1024;

/** Hash and length of bytes that stream by. */
export class Hasher {
  private readonly hash: Sha256;
  bytes = 0;

  constructor(files: Hashing) {
    this.hash = files.sha256();
  }

  update(chunk: Uint8Array): void {
    this.hash.update(chunk);
    this.bytes += chunk.length;
  }

  digest(): string {
    return this.hash.hex();
  }
}

export type Hashing = Pick<FileAccess, 'sha256'>;

/** Passes chunks on and counts them. */
export async function* hashed(chunks: AsyncIterable<Uint8Array>, hasher: Hasher): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hasher.update(chunk);
    yield chunk;
  }
}

/** The chunks of a model file, followed by its seal. */
export async function* sealed(
  files: Hashing,
  chunks: AsyncIterable<Uint8Array>,
  stamp: UnsealedStamp,
): AsyncGenerator<Uint8Array> {
  const hasher = new Hasher(files);
  yield* hashed(chunks, hasher);
  const rest: Omit<Stamp, 'sha256'> = { ...stamp, bytes: hasher.bytes };
  hasher.update(utf8.encode(JSON.stringify(rest)));
  yield encodeStamp({ ...rest, sha256: hasher.digest() });
}

function encodeStamp(stamp: Stamp): Uint8Array {
  const entry = { key: stampKey, value: JSON.stringify(stamp) };
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { metadataProps: [entry] }));
}

/** What a model says that was applied to it, whether or not its seal still holds. */
export function claimOf(entries: readonly { readonly key: string; readonly value: string }[]): Stamp | null {
  const entry = entries.findLast(({ key }) => key === stampKey);
  if (!entry) return null;
  try {
    return stampSchema.parse(JSON.parse(entry.value));
  } catch {
    return null;
  }
}

/** The seal at the end of a file, not yet verified; null when there is none. */
export async function readStamp(file: RandomAccess): Promise<Stamp | null> {
  const tailStart = Math.max(0, file.size - longestStamp);
  const tail = await file.read(tailStart, file.size - tailStart);
  // One character per byte, and the key is ASCII.
  const text = new TextDecoder('latin1').decode(tail);
  // The seal is an entry of its own: tag, length, key. Names inside the seal may hold the key's text too.
  for (let at = text.lastIndexOf(stampKey); at >= 0; at = at > 0 ? text.lastIndexOf(stampKey, at - 1) : -1) {
    // Key's tag and length before it, entry's tag and a length of one to three bytes before those.
    for (let lead = 4; lead <= Math.min(at, 6); lead++) {
      const start = at - lead;
      const stamp = decodeStamp(tail.subarray(start));
      if (stamp?.bytes === tailStart + start) return stamp;
    }
  }
  return null;
}

function decodeStamp(bytes: Uint8Array): Stamp | null {
  try {
    const proto = fromBinary(ModelProtoSchema, bytes);
    const entry = proto.metadataProps[0];
    if (entry?.key !== stampKey) return null;
    const stamp = stampSchema.parse(JSON.parse(entry.value));
    // Nothing but the seal, and exactly as we write it.
    const ours = encodeStamp(stamp);
    return ours.length === bytes.length && ours.every((byte, i) => byte === bytes[i]) ? stamp : null;
  } catch {
    return null;
  }
}

/** Whether the file is what was sealed. Reads all of it. */
export async function isIntact(files: Hashing, file: RandomAccess, stamp: Stamp): Promise<boolean> {
  const hasher = new Hasher(files);
  await hashRange(file, stamp.bytes, hasher);
  const { sha256, ...rest } = stamp;
  hasher.update(utf8.encode(JSON.stringify(rest)));
  return hasher.digest() === sha256;
}

export async function hashRange(file: RandomAccess, length: number, hasher: Hasher): Promise<void> {
  const step = 4 * 1024 * 1024;
  for (let at = 0; at < length; at += step) {
    hasher.update(await file.read(at, Math.min(step, length - at)));
  }
}
