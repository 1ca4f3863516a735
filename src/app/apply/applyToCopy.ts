/** Writes an edited model beside the original, sealed, so that it can be taken back exactly. */
import { clone } from '@bufbuild/protobuf';
import type { ModelProto } from 'onnx-buf';
import { ModelProtoSchema } from 'onnx-buf';
import { NanoscopeError } from '../../core/errors';
import type { LoadedModel } from '../../core/onnx/load';
import { dataFileOf, writeModel } from '../../core/onnx/save';
import type { WeightsChoice } from '../../core/onnx/save';
import { show } from '../../core/onnx/show';
import type { ApplyResult, FileAccess } from '../useCases';
import { appliedFixes } from './applied';
import type { Content } from './ledger';
import { hasHash, refuseOverwrite } from './ledger';
import { Hasher, hashed, sealed, stampKey } from './stamp';
import type { UnsealedStamp } from './stamp';
import { defaultWeights } from './weights';

export interface ApplyToCopy {
  readonly loaded: LoadedModel;
  /** Edited clone of `loaded.proto`; it is not changed here. */
  readonly proto: ModelProto;
  readonly fixId: string;
  /** Number of graph edits, for the result. */
  readonly edits: number;
  /** Version of NaNoscope, for the seal. */
  readonly version: string;
  /** Absolute path; default `<name>.fixed.onnx` beside the model, required for models in memory. */
  readonly out?: string | undefined;
  /** Default: see `defaultWeights`. */
  readonly weights?: Exclude<WeightsChoice, 'keep'> | undefined;
}

/** `model.onnx` → `model.fixed.onnx`, in the same folder. */
export function defaultOut(files: Pick<FileAccess, 'join' | 'dirname' | 'basename'>, model: string): string {
  const name = files.basename(model).replace(/\.onnx$/i, '');
  return files.join(files.dirname(model), `${name}.fixed.onnx`);
}

const resultWeights = { inside: 'inside', reference: 'referenced', copy: 'copied' } as const;

/**
 * @returns what was written. On failure nothing new is left behind; an earlier copy is as it was, or gone where it shared
 *   a data file that had to change.
 * @throws NanoscopeError `would-overwrite`, `usage`, `file-unreadable`, …
 */
export async function applyToCopy(files: FileAccess, request: ApplyToCopy): Promise<ApplyResult> {
  const { loaded } = request;
  const out = request.out ?? (loaded.path === null ? null : defaultOut(files, loaded.path));
  if (out === null) {
    throw new NanoscopeError(
      'usage',
      `${show(loaded.name)} is a built-in model, so there is no folder to write beside.`,
      'Say where to write the fixed model.',
    );
  }
  return files.exclusively(out, () => write(files, request, out));
}

async function write(files: FileAccess, request: ApplyToCopy, out: string): Promise<ApplyResult> {
  const { loaded } = request;
  await files.removeLeftovers(out);
  await files.removeLeftovers(dataFileOf(out));
  // Without big weights there is nothing to refer to or to copy.
  const weights: Exclude<WeightsChoice, 'keep'> =
    loaded.weights.length === 0 ? 'inside' : (request.weights ?? defaultWeights(loaded));
  const plan = await writeModel(loaded, withoutOldSeal(request.proto), { weights, out, files });
  const earlier = await refuseOverwrite(files, out);
  const wanted = [out, ...plan.extra.map((extra) => extra.path)];
  // What a killed process wrote before its model is there already, whole; anything else of that name is not ours.
  const ready = new Map<string, Content>();
  for (const extra of plan.extra) {
    if (!(await files.exists(extra.path))) continue;
    const content = await hashOf(files, extra.chunks);
    if (await hasHash(files, extra.path, content)) ready.set(extra.path, content);
    else if (!earlier.includes(extra.path)) {
      throw new NanoscopeError(
        'would-overwrite',
        `${show(files.basename(extra.path))} exists and does not belong to a model that NaNoscope wrote.`,
        'Move it away, or write the fixed model to another file.',
      );
    }
  }

  const stamp: UnsealedStamp = {
    tool: 'nanoscope',
    version: request.version,
    fix: request.fixId,
    source: loaded.name,
    weights: resultWeights[weights],
    files: [],
    fixes: [...new Set([...appliedFixes(loaded.proto), ...request.fixId.split('+')])],
  };
  const written: string[] = [];
  try {
    for (const extra of plan.extra) {
      const content = ready.get(extra.path);
      if (content) {
        stamp.files.push({ name: files.basename(extra.path), ...content });
        continue;
      }
      // Other weights: the earlier model does not work without its own, so it goes first.
      if (earlier.includes(extra.path)) for (const path of earlier) await files.remove(path);
      const hasher = new Hasher(files);
      await files.writeAtomic(extra.path, hashed(extra.chunks, hasher));
      written.push(extra.path);
      stamp.files.push({ name: files.basename(extra.path), bytes: hasher.bytes, sha256: hasher.digest() });
    }
    const content = (): AsyncIterable<Uint8Array> => sealed(files, plan.model.chunks, stamp);
    if (
      earlier.includes(out) &&
      (await files.exists(out)) &&
      (await hasHash(files, out, await hashOf(files, content())))
    )
      throw new NanoscopeError(
        'fix-declined',
        `${show(files.basename(out))} holds exactly this fix already; nothing was written.`,
        'Diagnose it to see what the fix does, or undo it first.',
      );
    await files.writeAtomic(out, content());
  } catch (error) {
    for (const path of written) await files.remove(path);
    throw error;
  }
  // A data file of the copy that was replaced, which the new one does not need.
  for (const path of earlier) {
    if (!wanted.includes(path)) await files.remove(path);
  }
  return { file: out, fixId: request.fixId, edits: request.edits, weights: resultWeights[weights] };
}

async function hashOf(files: FileAccess, chunks: AsyncIterable<Uint8Array>): Promise<Content> {
  const hasher = new Hasher(files);
  for await (const chunk of chunks) hasher.update(chunk);
  return { bytes: hasher.bytes, sha256: hasher.digest() };
}

/** A model that was fixed before brings its own seal along, which does not hold for the new file. */
export function withoutOldSeal(proto: ModelProto): ModelProto {
  if (!proto.metadataProps.some((entry) => entry.key === stampKey)) {
    return proto;
  }
  const copy = clone(ModelProtoSchema, proto);
  copy.metadataProps = copy.metadataProps.filter((entry) => entry.key !== stampKey);
  return copy;
}
