/**
 * External data: paths written inside a model are untrusted. They may name files in the model's folder (or below)
 * and nothing else, also not through `..`, an absolute path or a symlink that leads out.
 */
import { create } from '@bufbuild/protobuf';
import type { StringStringEntryProto, TensorProto } from 'onnx-buf';
import { StringStringEntryProtoSchema, TensorProto_DataLocation } from 'onnx-buf';
import { NanoscopeError } from '../errors';
import type { ModelFiles } from './access';
import { rawBytes } from './elementSize';
import { show, showBytes } from './show';

/** A region of a file on disk, offsets and lengths in bytes. */
export interface Region {
  /** Absolute, symlinks resolved. */
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

export const isExternalTensor = (tensor: TensorProto): boolean =>
  tensor.dataLocation === TensorProto_DataLocation.EXTERNAL;

/** Root folder and the rest of an absolute path; the rest is what the engine gets as location. */
export function splitRoot(path: string): { readonly root: string; readonly location: string } {
  const windows = /^(?:[A-Za-z]:[\\/]|\\\\[^\\/]+[\\/][^\\/]+[\\/])/.exec(path);
  const root = windows ? windows[0] : '/';
  const rest = path.slice(root.length);
  return { root, location: windows ? rest.replaceAll('\\', '/') : rest };
}

/** Makes `tensor` refer to a region, in the form that the engine resolves from the root folder. */
export function placeTensor(tensor: TensorProto, region: Region): void {
  setExternal(tensor, splitRoot(region.file).location, region.offset, region.length);
}

export function setExternal(tensor: TensorProto, location: string, offset: number, length: number): void {
  tensor.externalData = [entry('location', location), entry('offset', String(offset)), entry('length', String(length))];
  tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
}

export const entry = (key: string, value: string): StringStringEntryProto =>
  create(StringStringEntryProtoSchema, { key, value });

/** The region that a slim tensor refers to; null when it is not external. */
export function placeOf(tensor: TensorProto): { location: string; offset: number; length: number | null } | null {
  if (!isExternalTensor(tensor)) return null;
  const value = (key: string): string | undefined => tensor.externalData.find((e) => e.key === key)?.value;
  const length = value('length');
  return {
    location: value('location') ?? '',
    offset: Number(value('offset') ?? 0),
    length: length === undefined ? null : Number(length),
  };
}

/** Resolves and checks the locations of one model; each file is looked at once. */
export class ExternalFiles {
  private readonly known = new Map<string, Promise<{ file: string; size: number }>>();
  private readonly allowed: Promise<readonly string[]>;
  private readonly folder: string;

  constructor(
    private readonly files: ModelFiles,
    private readonly modelName: string,
    modelPath: string,
    modelRealPath: string,
  ) {
    this.folder = files.dirname(modelPath);
    // A model cache links both the model and its data into a folder of blobs; there the data is beside the real model.
    this.allowed = files.realPath(this.folder).then((folder) => [folder, files.dirname(modelRealPath)]);
  }

  /** @throws NanoscopeError `external-data-missing`, `external-data-escapes`, `truncated`, `corrupt-model` */
  async resolve(tensor: TensorProto): Promise<Region> {
    const place = placeOf(tensor);
    const name = show(tensor.name);
    if (!place || place.location === '') {
      throw this.corrupt(`tensor ${name} is external but names no file`);
    }
    const { location, offset } = place;
    if (!isCount(offset) || (place.length !== null && !isCount(place.length))) {
      throw this.corrupt(`tensor ${name} has an impossible offset or length in its external data`);
    }
    const expected = rawBytes(tensor);
    let found = this.known.get(location);
    if (!found) {
      found = this.find(location, tensor.name);
      this.known.set(location, found);
    }
    const { file, size } = await found;
    const length = place.length ?? expected ?? Math.max(size - offset, 0);
    if (offset + length > size) {
      throw new NanoscopeError(
        'truncated',
        `The external data file ${show(location)} of ${show(this.modelName)} is too short: tensor ${name} needs bytes ` +
          `${String(offset)} to ${String(offset + length)}, and the file has ${String(size)} (${showBytes(size)}).`,
        'Copy or download the data file again; it belongs to exactly this model.',
      );
    }
    return { file, offset, length };
  }

  private async find(location: string, tensorName: string): Promise<{ file: string; size: number }> {
    if (location.includes('\0')) {
      throw this.corrupt(`the external data file of tensor ${show(tensorName)} has an impossible name`);
    }
    if (/^[\\/]|^[A-Za-z]:/.test(location) || location.split(/[\\/]/).includes('..')) {
      throw this.escapes(location);
    }
    const path = this.files.join(this.folder, location);
    if (!(await this.files.exists(path))) {
      throw new NanoscopeError(
        'external-data-missing',
        `${show(this.modelName)} keeps weights in ${show(location)}, which is not beside it.`,
        `Put ${show(location)} into the model's folder, as it was where the model was exported.`,
      );
    }
    const file = await this.files.realPath(path);
    if (!(await this.allowed).some((folder) => isWithin(file, folder))) {
      throw this.escapes(location);
    }
    const opened = await this.files.open(file);
    try {
      return { file, size: opened.size };
    } finally {
      await opened.close();
    }
  }

  private escapes(location: string): NanoscopeError {
    return new NanoscopeError(
      'external-data-escapes',
      `${show(this.modelName)} refers to ${show(location)}, which is outside the model's folder.`,
      'Put the data file beside the model and save the model with a location relative to its folder.',
    );
  }

  private corrupt(what: string): NanoscopeError {
    return new NanoscopeError(
      'corrupt-model',
      `${show(this.modelName)} is damaged: ${what}.`,
      'Save the model again with onnx.save_model(..., save_as_external_data=True).',
    );
  }
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

export function isWithin(file: string, folder: string): boolean {
  const separator = folder.includes('\\') && !folder.startsWith('/') ? '\\' : '/';
  return file.startsWith(folder.endsWith(separator) ? folder : folder + separator);
}
