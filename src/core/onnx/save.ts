/**
 * Writing a model. Ways to keep big weights, each without loading them:
 * `inside` streams them back into the file, `reference` points at the user's own files, `copy` streams them into a
 * data file beside the new model. `keep` is for new content of the same file: what was inside is inside again, what was
 * in a data file stays there. A model that was not edited comes out the same in every way, and byte for byte
 * where its file was written canonically.
 */
import type { ModelProto } from 'onnx-buf';
import { NanoscopeError } from '../errors';
import type { ClosableAccess, ModelFiles } from './access';
import { encode } from './encode';
import type { Placement } from './encode';
import { isWithin } from './external';
import { limits } from './limits';
import type { LoadedModel, WeightRef } from './load';
import type { Segment } from './segments';
import { segmentsLength } from './segments';
import { show, showBytes } from './show';

export type WeightsChoice = 'inside' | 'reference' | 'copy' | 'keep';

export interface WriteOptions {
  readonly weights: WeightsChoice;
  /** Absolute path of the model file that will be written; its folder must exist. */
  readonly out: string;
  readonly files: ModelFiles;
}

export interface PlannedFile {
  readonly path: string;
  readonly bytes: number;
  /** May be read once or more often; each time the sources are opened and closed again. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface WritePlan {
  readonly model: PlannedFile;
  /** Written before the model, so that no model refers to data that is not there. */
  readonly extra: readonly PlannedFile[];
}

/** Offsets in a data file are multiples of this, so that an engine can map them. */
const alignment = 4096;

/** Name of the data file that `copy` writes beside a model. */
export const dataFileOf = (out: string): string => `${out}.data`;

/**
 * Plans the writing; nothing is written here.
 * @param proto `loaded.proto`, or an edited clone of it.
 * @throws NanoscopeError `usage` (the choice is impossible for this place or size), `would-overwrite` (the place is
 *   one of the model's own files); while chunks are read also `truncated`, `file-unreadable`
 */
export async function writeModel(loaded: LoadedModel, proto: ModelProto, options: WriteOptions): Promise<WritePlan> {
  const { files, out, weights } = options;
  if (weights !== 'keep') await refuseOwnSources(loaded, out, files);
  const extra: PlannedFile[] = [];
  let place: (weight: WeightRef) => Placement;
  switch (weights) {
    case 'inside':
      place = () => ({ kind: 'inside' });
      break;
    case 'reference':
      place = await referring(loaded, out, files);
      break;
    case 'keep':
      place = ({ origin }) => (origin.kind === 'inline' ? { kind: 'inside' } : { ...origin });
      break;
    case 'copy': {
      const data = new DataFile(files.basename(dataFileOf(out)));
      place = (weight) => data.place(weight);
      const { segments, slim } = await encode(loaded, proto, place);
      if (data.segments.length > 0) {
        extra.push(planned(dataFileOf(out), data.segments, slim, loaded, files));
      }
      return { model: checkSize(planned(out, segments, slim, loaded, files), weights), extra };
    }
  }
  const { segments, slim } = await encode(loaded, proto, place);
  return { model: checkSize(planned(out, segments, slim, loaded, files), weights), extra };
}

function checkSize(model: PlannedFile, weights: WeightsChoice): PlannedFile {
  if (model.bytes > limits.protobufBytes) {
    throw new NanoscopeError(
      'usage',
      `${show(model.path)} would have ${showBytes(model.bytes)}, and an ONNX file cannot have more than 2 GB.`,
      weights === 'keep'
        ? 'Apply the fix to a copy, which can refer to the weights of the original.'
        : weights === 'inside'
          ? 'Keep the weights outside: choose weights "reference" or "copy".'
          : 'Its graph alone is too large; save the weights as external data first.',
    );
  }
  return model;
}

async function refuseOwnSources(loaded: LoadedModel, out: string, files: ModelFiles): Promise<void> {
  if (!(await files.exists(out))) return;
  const real = await files.realPath(out);
  if (real === loaded.realPath || loaded.weights.some((weight) => weight.file === real)) {
    throw new NanoscopeError(
      'would-overwrite',
      `${show(out)} is the model itself or holds its weights.`,
      'Write to another file; the original stays as it is.',
    );
  }
}

/** Placements that point at the user's files, relative to the new model's folder. */
async function referring(
  loaded: LoadedModel,
  out: string,
  files: ModelFiles,
): Promise<(weight: WeightRef) => Placement> {
  const folder = await files.realPath(files.dirname(out));
  const sameFolder = loaded.path !== null && (await files.realPath(files.dirname(loaded.path))) === folder;
  return (weight) => {
    if (!isWithin(weight.file, folder)) {
      throw new NanoscopeError(
        'usage',
        `${show(out)} cannot refer to the weights in ${show(weight.file)}: a model may only use files in its own folder or below.`,
        'Write the model beside the original, or choose weights "copy".',
      );
    }
    if (sameFolder && weight.origin.kind === 'external') {
      return { kind: 'external', entries: weight.origin.entries };
    }
    const location = weight.file.slice(folder.length).replace(/^[\\/]/, '');
    return external(weight.file.startsWith('/') ? location : location.replaceAll('\\', '/'), weight.offset, weight);
  };
}

const external = (location: string, offset: number, { length }: { readonly length: number }): Placement => ({
  kind: 'external',
  entries: [
    { key: 'location', value: location },
    { key: 'offset', value: String(offset) },
    { key: 'length', value: String(length) },
  ],
});

/** Lays payloads out in a new data file; tensors that share a region share it there too. */
class DataFile {
  readonly segments: Segment[] = [];
  private size = 0;
  private readonly placed = new Map<string, Placement>();

  constructor(private readonly location: string) {}

  place(weight: WeightRef): Placement {
    const key = JSON.stringify([weight.file, weight.offset, weight.length]);
    let placement = this.placed.get(key);
    if (!placement) {
      const gap = (alignment - (this.size % alignment)) % alignment;
      if (gap > 0) this.segments.push({ kind: 'bytes', bytes: new Uint8Array(gap) });
      const offset = this.size + gap;
      this.segments.push({ kind: 'file', file: weight.file, offset: weight.offset, length: weight.length });
      this.size = offset + weight.length;
      placement = external(this.location, offset, weight);
      this.placed.set(key, placement);
    }
    return placement;
  }
}

function planned(
  path: string,
  segments: readonly Segment[],
  slim: Uint8Array,
  loaded: LoadedModel,
  files: ModelFiles,
): PlannedFile {
  return {
    path,
    bytes: segmentsLength(segments),
    chunks: { [Symbol.asyncIterator]: () => stream(segments, slim, loaded, files) },
  };
}

const chunkBytes = 4 * 1024 * 1024;
/** Small pieces are put together, so that a thousand tensor heads are not a thousand writes. */
const smallBytes = 256 * 1024;

async function* stream(
  segments: readonly Segment[],
  slim: Uint8Array,
  loaded: LoadedModel,
  files: ModelFiles,
): AsyncGenerator<Uint8Array> {
  const sources = new Sources(loaded, files);
  let small: Uint8Array[] = [];
  let smallSize = 0;
  try {
    for (const segment of segments) {
      for await (const chunk of chunksOf(segment, slim, sources)) {
        small.push(chunk);
        smallSize += chunk.length;
        if (smallSize >= smallBytes) {
          yield joined(small, smallSize);
          small = [];
          smallSize = 0;
        }
      }
    }
    if (smallSize > 0) yield joined(small, smallSize);
  } finally {
    await sources.close();
  }
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const [only, ...more] = parts;
  if (only && more.length === 0) return only;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

async function* chunksOf(segment: Segment, slim: Uint8Array, sources: Sources): AsyncGenerator<Uint8Array> {
  switch (segment.kind) {
    case 'bytes':
      yield segment.bytes;
      return;
    case 'source':
      yield slim.subarray(segment.offset, segment.offset + segment.length);
      return;
    case 'file':
      for (let done = 0; done < segment.length; done += chunkBytes) {
        const length = Math.min(chunkBytes, segment.length - done);
        yield await sources.read(segment.file, segment.offset + done, length);
      }
  }
}

/** The user's files while one output is written: opened once, closed together. */
class Sources {
  private readonly open = new Map<string, ClosableAccess>();

  constructor(
    private readonly loaded: LoadedModel,
    private readonly files: ModelFiles,
  ) {}

  async read(file: string, offset: number, length: number): Promise<Uint8Array> {
    let source = this.open.get(file);
    if (!source) {
      source = await this.files.open(file);
      this.open.set(file, source);
      if (file === this.loaded.realPath && source.size !== this.loaded.fileBytes) {
        throw changed(file);
      }
    }
    const bytes = await source.read(offset, length);
    if (bytes.length !== length) throw changed(file);
    return bytes;
  }

  async close(): Promise<void> {
    const all = [...this.open.values()];
    this.open.clear();
    await Promise.all(all.map((source) => source.close()));
  }
}

const changed = (file: string): NanoscopeError =>
  new NanoscopeError('file-unreadable', `${show(file)} was changed while it was in use.`, 'Diagnose it again.');
