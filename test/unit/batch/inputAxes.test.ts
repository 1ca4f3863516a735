/** Which axis of an input is which, where sizes alone would mislead. */
import { describe, expect, it } from 'vitest';
import { inputAxes } from '../../../src/core/batch/inputAxes';
import type { InputSpec } from '../../../src/core/batch/types';
import { positionPlace } from '../../../src/core/onnx/axes/types';

const hidden: InputSpec = { name: 'x', dtype: 'float32', dims: ['batch', 'sequence', 16] };
const row: InputSpec = { name: 'z', dtype: 'float32', dims: ['batch', 1, 16] };
const placeOf = (inputs: readonly InputSpec[], shapes: Record<string, number[]>, name: string): number | undefined =>
  positionPlace(inputAxes(inputs, shapes).get(name) ?? [])?.axis;

describe('an axis of size 1 in the place of the positions', () => {
  it('is no position where the model fixes it and another input is longer: one row for all of them', () => {
    expect(placeOf([hidden, row], { x: [2, 3, 16], z: [2, 1, 16] }, 'z')).toBeUndefined();
  });
  it('is the only position of a model that takes one token at a time', () => {
    const step: InputSpec = { name: 'inputs_embeds', dtype: 'float32', dims: ['batch', 1, 16] };
    const mask: InputSpec = { name: 'attention_mask', dtype: 'int64', dims: ['batch', 'past + 1'] };
    expect(placeOf([step, mask], { inputs_embeds: [2, 1, 16], attention_mask: [2, 5] }, 'inputs_embeds')).toBe(1);
  });
  it('is a position where the model leaves its length open', () => {
    const open: InputSpec = { ...row, dims: ['batch', 'sequence', 16] };
    expect(placeOf([hidden, open], { x: [2, 3, 16], z: [2, 1, 16] }, 'z')).toBe(1);
  });
});
