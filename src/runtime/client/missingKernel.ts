/**
 * An operator without a kernel on the CPU: is it the element type, which a cast would mend, or is there none at all?
 * The engine says neither, and is asked once more, with the model in float32.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { ModelProto, NodeProto } from 'onnx-buf';
import { NanoscopeError } from '../../core/errors';
import { allGraphs } from '../../core/onnx/allTensors';
import { modelBytes } from '../../core/onnx/modelBytes';
import { show } from '../../core/onnx/show';
import type { Widenable } from '../../core/onnx/widen';
import { widened } from '../../core/onnx/widen';
import { rareTypesOf } from './modelTypes';

/** What the engine names; stands as the cause of the error that is thrown without more knowledge. */
export class MissingKernel {
  constructor(
    readonly op: string,
    readonly node: string,
  ) {}
}

const missingIn = (error: unknown): MissingKernel | null =>
  error instanceof NanoscopeError && error.cause instanceof MissingKernel ? error.cause : null;

/**
 * The error that tells the truth about `error`, which `model` met.
 * @param attempt opens a session with another model, and closes it
 */
export async function kernelError(
  error: unknown,
  model: Uint8Array,
  attempt: (model: Uint8Array) => Promise<void>,
): Promise<unknown> {
  const missing = missingIn(error);
  if (missing === null) return error;
  const proto = fromBinary(ModelProtoSchema, model);
  const type = rareTypesOf(proto)[0];
  const narrow = type === 'float16' || type === 'bfloat16' ? type : null;
  if (narrow !== null && (await runsWidened(proto, narrow, missing, attempt))) return error;
  const node = nodeOf(proto, missing);
  // A standard operator that is missing in float32 too is missing for an integer or another odd type.
  if (node === undefined || isStandard(node.domain) || (type !== undefined && narrow === null)) return error;
  return new NanoscopeError(
    'unsupported-op',
    `The CPU engine has no kernel for ${missing.op} of the domain ${node.domain}` +
      `${missing.node === '' ? '' : ` (node ${show(missing.node)})`}${narrow === null ? '' : ', in float32 no more than in ' + narrow}.`,
    'It is an operator for other devices: use the model as it was exported, before it was optimised for one, or export it with standard operators.',
  );
}

async function runsWidened(
  proto: ModelProto,
  type: Widenable,
  { op, node }: MissingKernel,
  attempt: (model: Uint8Array) => Promise<void>,
): Promise<boolean> {
  try {
    await attempt(modelBytes(widened(proto, type)));
    return true;
  } catch (error) {
    if (!(error instanceof NanoscopeError)) throw error;
    const still = missingIn(error);
    // Another node may be the next one in the way; this one is through then.
    return still !== null && (still.op !== op || still.node !== node);
  }
}

const isStandard = (domain: string): boolean => domain === '' || domain === 'ai.onnx';

function nodeOf(proto: ModelProto, { op, node }: MissingKernel): NodeProto | undefined {
  const all = [...[...allGraphs(proto)].flatMap((graph) => graph.node), ...proto.functions.flatMap((fn) => fn.node)];
  return all.find(({ opType, name }) => opType === op && name === node) ?? all.find(({ opType }) => opType === op);
}
