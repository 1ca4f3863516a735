/**
 * The engine's JavaScript interface keeps values in plain objects by name and finds there what every object has: an
 * output called `__proto__` cannot be fetched, one called `toString` makes every run fail that does not fetch it.
 * Such values have another name there, and nowhere else.
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { GraphProto, ModelProto } from 'onnx-buf';
import { allGraphs } from '../../core/onnx/allTensors';

const odd = new Set(Object.getOwnPropertyNames(Object.prototype));
const suffix = ' (as the engine knows it)';
const aliases = new Map([...odd].map((name) => [`${name}${suffix}`, name]));

export const toEngineName = (name: string): string => (odd.has(name) ? `${name}${suffix}` : name);
export const fromEngineName = (name: string): string => aliases.get(name) ?? name;

/** The model with its values renamed; the very same bytes where nothing is called so. */
export function withEngineNames(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (![...odd].some((name) => text.includes(name))) return bytes;
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch {
    // What is no model is the engine's to refuse.
    return bytes;
  }
  for (const graph of allGraphs(model)) rename(graph);
  return toBinary(ModelProtoSchema, model);
}

function rename(graph: GraphProto): void {
  for (const value of [...graph.input, ...graph.output, ...graph.valueInfo, ...graph.initializer])
    value.name = toEngineName(value.name);
  for (const { values } of graph.sparseInitializer) if (values) values.name = toEngineName(values.name);
  for (const node of graph.node) {
    node.input = node.input.map(toEngineName);
    node.output = node.output.map(toEngineName);
  }
}
