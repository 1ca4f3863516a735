/**
 * Does the batch fit the model? Asked before the run: the engine's own answers name one thing at a time, and a
 * missing input not at all well.
 */
import { NanoscopeError } from '../../core/errors';
import { show } from '../../core/onnx/show';
import { elementCount } from '../../core/tensor';
import type { TensorData } from '../../core/tensor';
import type { ValueInfo } from '../../app/ports';

type Feeds = Readonly<Record<string, TensorData>>;

/** @throws NanoscopeError `bad-input` */
export function checkFeeds(inputs: readonly ValueInfo[], feeds: Feeds): void {
  const known = new Set(inputs.map((input) => input.name));
  const unknown = Object.keys(feeds).find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw badInput(`The model has no input called ${show(unknown)}.`, `Its inputs are: ${list(inputs)}.`);
  }
  for (const input of inputs) {
    const tensor = Object.hasOwn(feeds, input.name) ? feeds[input.name] : undefined;
    if (!tensor) throw badInput(`The input ${show(input.name)} is missing.`, `Give it as ${describe(input)}.`);
    checkFeed(input, tensor);
  }
}

function checkFeed(input: ValueInfo, tensor: TensorData): void {
  const { name, dtype, dims } = input;
  const got = `${tensor.dtype} ${shape(tensor.dims)}`;
  if (dtype !== 'non-tensor' && tensor.dtype !== dtype) {
    throw badInput(
      `The input ${show(name)} must be ${dtype}, but the batch has ${got}.`,
      `Convert it to ${dtype}, or make a batch with --lengths.`,
    );
  }
  if (tensor.data.length !== elementCount(tensor.dims)) {
    throw badInput(
      `The input ${show(name)} has ${String(tensor.data.length)} elements, which do not fill its shape ${shape(tensor.dims)}.`,
      'Write the inputs file again; it contradicts itself.',
    );
  }
  // A rank of 0 is also what the engine says when the model does not tell the shape.
  if (dims.length > 0 && dims.length !== tensor.dims.length) {
    throw badInput(
      `The input ${show(name)} must have ${String(dims.length)} axes ${shape(dims)}, but the batch has ${got}.`,
      `Give it as ${describe(input)}.`,
    );
  }
  dims.forEach((size, axis) => {
    if (typeof size === 'number' && size !== tensor.dims[axis]) {
      throw badInput(
        `The input ${show(name)} must have the shape ${shape(dims)}, but the batch has ${shape(tensor.dims)}: ` +
          `axis ${String(axis)} is fixed to ${String(size)}.`,
        'Make the batch with the sizes that the model was exported with, or export it with dynamic axes.',
      );
    }
  });
}

/**
 * Two inputs that give one symbolic size different values: the likely cause of a failure inside the graph, but no
 * fault by itself, because exporters reuse symbols carelessly.
 */
export function disagreement(inputs: readonly ValueInfo[], feeds: Feeds, failure: string): NanoscopeError | null {
  const sizes = new Map<string, { readonly input: string; readonly size: number }>();
  for (const input of inputs) {
    for (const [axis, symbol] of input.dims.entries()) {
      const size = feeds[input.name]?.dims[axis];
      if (typeof symbol !== 'string' || symbol === '' || size === undefined) continue;
      const first = sizes.get(symbol);
      if (!first) sizes.set(symbol, { input: input.name, size });
      else if (first.size !== size) {
        return badInput(
          `The inputs disagree: ${show(symbol)} is ${String(first.size)} in ${show(first.input)} ` +
            `and ${String(size)} in ${show(input.name)}. ${failure}`,
          'Give both inputs the same size there.',
        );
      }
    }
  }
  return null;
}

const badInput = (message: string, hint: string): NanoscopeError => new NanoscopeError('bad-input', message, hint);

const shape = (dims: readonly (number | string)[]): string =>
  `[${dims.map((size) => (size === '' ? '?' : String(size))).join(', ')}]`;

const describe = (input: ValueInfo): string => `${input.dtype} ${shape(input.dims)}`;

const list = (inputs: readonly ValueInfo[]): string =>
  inputs.length === 0 ? 'none' : inputs.map((input) => `${show(input.name)} (${describe(input)})`).join(', ');
