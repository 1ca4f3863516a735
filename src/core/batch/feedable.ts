/** Inputs that no batch can give: what is no plain tensor of numbers that the engine's binding takes. */
import { NanoscopeError } from '../errors';
import { show } from '../onnx/show';
import { isDType } from './numbers';
import type { InputSpec } from './types';

/** How `specsOf` calls what is no tensor → how a person does. */
const kinds: ReadonlyMap<string, string> = new Map([
  ['sequenceType', 'a sequence'],
  ['optionalType', 'an optional value'],
  ['mapType', 'a map'],
  ['sparseTensorType', 'a sparse tensor'],
  ['opaqueType', 'of an opaque type'],
  ['string', 'a tensor of strings'],
  ['unknown', 'of no type that the file tells'],
  ['undefined', 'of no type that the file tells'],
]);

/** @throws NanoscopeError `unsupported-type`, naming the first such input */
export function refuseUnfeedable(inputs: readonly InputSpec[]): void {
  const odd = inputs.find(({ dtype }) => !isDType(dtype));
  if (odd === undefined) return;
  const kind = kinds.get(odd.dtype);
  throw new NanoscopeError(
    'unsupported-type',
    `The input ${show(odd.name)} of this model is ${kind ?? odd.dtype}, which the engine cannot be fed with.`,
    kind === undefined
      ? `Export the model with this input in float32, and the cast to ${odd.dtype} inside.`
      : 'Export the model with plain tensors of numbers as inputs.',
  );
}
