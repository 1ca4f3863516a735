/**
 * Inputs with a default: initializers that the graph lists among its inputs too. From IR version 4 on a run may
 * replace them; before that every initializer had to be listed, and the engine takes all of them as constants.
 */
import type { ModelProto } from 'onnx-buf';
import { NanoscopeError } from '../errors';
import { altered } from '../onnx/altered';
import type { Graph } from '../onnx/graph';
import { graphOf } from '../onnx/graph';
import { show } from '../onnx/show';
import { specsOf } from './inputSpecs';
import type { InputSpec } from './types';

const firstReplaceable = 4n;

const listed = (graph: Graph): string[] =>
  graphOf(graph.model)
    .input.map(({ name }) => name)
    .filter((name) => graph.isInitializer(name));

/** What a run may be fed with and need not. */
export function defaultInputs(graph: Graph): InputSpec[] {
  if (graph.model.irVersion < firstReplaceable) return [];
  return specsOf(graph, listed(graph)).map((spec) => ({ ...spec, optional: true }));
}

/** @throws NanoscopeError `bad-input` for a weight that no run can replace */
export function refuseConstants(graph: Graph, given: readonly string[], inputs: readonly InputSpec[]): void {
  const weight = given.find((name) => graph.isInitializer(name) && !inputs.some((input) => input.name === name));
  if (weight === undefined) return;
  if (listed(graph).includes(weight)) {
    const version = String(graph.model.irVersion);
    throw new NanoscopeError(
      'bad-input',
      `${show(weight)} is a weight, which the engine takes as a constant in a model of IR version ${version}, although the graph lists it as an input.`,
      'Leave it out of the inputs, or save the model with ir_version 4 or higher, in which listed weights can be replaced.',
    );
  }
  throw new NanoscopeError(
    'bad-input',
    `${show(weight)} is a weight of the model and not one of its inputs.`,
    `Leave it out of the inputs. The model wants: ${inputs.map(({ name }) => name).join(', ')}.`,
  );
}

/** The model with those of its defaults that are given as plain inputs; null where none is. */
export function withoutDefaults(graph: Graph, given: readonly string[]): ModelProto | null {
  const replaced = new Set(given.filter((name) => graph.isInitializer(name)));
  if (replaced.size === 0) return null;
  const own = graphOf(graph.model);
  const initializer = own.initializer.filter(({ name }) => !replaced.has(name));
  return altered(graph.model, { graph: altered(own, { initializer }) });
}
