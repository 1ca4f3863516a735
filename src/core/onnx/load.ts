/** From a path or bytes to a model that the rest can work with, or to one clear sentence about why not. */
import type { ModelProto, TensorProto } from 'onnx-buf';
import { NanoscopeError } from '../errors';
import type { ModelFiles } from './access';
import { allTensors, constantNames } from './allTensors';
import { ExternalFiles, isExternalTensor, placeTensor, splitRoot } from './external';
import type { Region } from './external';
import { bigTensorBytes } from './limits';
import { orderNodes } from './order';
import type { PayloadField } from './scan';
import { parse, scan } from './scan';
import { show } from './show';
import { checkModel, checkVersions, opsetOf } from './validate';

/** Where a payload that is not in the slim model lives, and how the user's file said so. */
export interface WeightRef extends Region {
  /** Name of the value: the initializer's, or the output of the `Constant` node. */
  readonly tensor: string;
  readonly origin:
    | { readonly kind: 'inline'; readonly field: PayloadField; readonly saysDefault: boolean }
    /** External in the user's file; its entries, verbatim. */
    | { readonly kind: 'external'; readonly entries: readonly { readonly key: string; readonly value: string }[] };
}

export interface LoadedModel {
  /**
   * Slim: big payloads are external data that refers to the user's files; locations are relative to
   * `externalDataFolder`.
   */
  readonly proto: ModelProto;
  /** File name without folder, or the name that `loadBytes` was given. */
  readonly name: string;
  readonly path: string | null;
  /** `path` with symlinks resolved. */
  readonly realPath: string | null;
  /** Root folder for the engine's session options; undefined when nothing is external. */
  readonly externalDataFolder: string | undefined;
  /** Version of ONNX's own operators. */
  readonly opset: number;
  /** Size of the model file, without external data. */
  readonly fileBytes: number;
  readonly weights: readonly WeightRef[];
}

/**
 * @param path absolute path of an `.onnx` file.
 * @param threshold payloads of at least so many bytes are left in the file.
 * @throws NanoscopeError `file-not-found`, `file-unreadable`, `not-onnx`, `truncated`, `corrupt-model`,
 *   `external-data-missing`, `external-data-escapes`, `unsupported-opset`, `out-of-memory`
 */
export async function loadModel(
  path: string,
  deps: { readonly files: ModelFiles },
  threshold = bigTensorBytes,
): Promise<LoadedModel> {
  const { files } = deps;
  const name = files.basename(path);
  const realPath = await files.realPath(path);
  const file = await files.open(realPath);
  try {
    const { proto, inline } = await scan(name, file, threshold);
    // Versions first: of a model from the future one cannot say what is wrong with it.
    checkVersions(name, proto);
    const weights: WeightRef[] = [];
    const placed = new Set<unknown>();
    const constants = constantNames(proto);
    const nameOf = (tensor: TensorProto): string => constants.get(tensor) ?? tensor.name;
    for (const { tensor, field, offset, length, saysDefault } of inline) {
      const region = { file: realPath, offset, length };
      placeTensor(tensor, region);
      placed.add(tensor);
      weights.push({ tensor: nameOf(tensor), ...region, origin: { kind: 'inline', field, saysDefault } });
    }
    const external = new ExternalFiles(files, name, path, realPath);
    for (const tensor of allTensors(proto)) {
      if (!isExternalTensor(tensor) || placed.has(tensor)) continue;
      const region = await external.resolve(tensor);
      const entries = tensor.externalData.map(({ key, value }) => ({ key, value }));
      placeTensor(tensor, region);
      weights.push({ tensor: nameOf(tensor), ...region, origin: { kind: 'external', entries } });
    }
    checkModel(name, proto);
    orderNodes(proto);
    return {
      proto,
      name,
      path,
      realPath,
      externalDataFolder: weights.length > 0 ? splitRoot(realPath).root : undefined,
      opset: opsetOf(proto),
      fileBytes: file.size,
      weights,
    };
  } finally {
    await file.close();
  }
}

/** A model that is wholly in memory: a built-in one. @throws NanoscopeError as `loadModel` */
export function loadBytes(name: string, bytes: Uint8Array): LoadedModel {
  return fromProto(name, parse(name, bytes), bytes.byteLength);
}

/** The same for a model that was never encoded. `fileBytes` is what its encoding would take, 0 if not known. */
export function fromProto(name: string, proto: ModelProto, fileBytes = 0): LoadedModel {
  checkVersions(name, proto);
  for (const tensor of allTensors(proto)) {
    if (isExternalTensor(tensor)) {
      throw new NanoscopeError(
        'external-data-missing',
        `${show(name)} is in memory, but its tensor ${show(tensor.name)} refers to a file.`,
        'Open the model from its folder.',
      );
    }
  }
  checkModel(name, proto);
  orderNodes(proto);
  return {
    proto,
    name,
    path: null,
    realPath: null,
    externalDataFolder: undefined,
    opset: opsetOf(proto),
    fileBytes,
    weights: [],
  };
}

export { usesBfloat16 } from './bfloat16';
