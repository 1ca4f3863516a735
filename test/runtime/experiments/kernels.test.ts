/** Every attention kernel against a table that was written by hand from the operators' definitions and measurements. */
import { describe, expect, it } from 'vitest';
import { kernelOutcome } from '../../../src/app/experiments/kernels';
import { kernels } from '../../../src/core/experiments/kernels/model';
import { createEngine } from '../../../src/runtime/client/engine';
import { workerBundle } from '../../support/workerBundle';

/** A row without any key; real tokens when masked keys, masked values are NaN. `-`: cannot be asked. */
const table: Readonly<Record<string, readonly [masked: string, keys: string, values: string]>> = {
  'add-inf': ['NaN', 'NaN', 'NaN'],
  'where-inf': ['NaN', 'right', 'NaN'],
  'add-lowest': ['mean of all values', 'NaN', 'NaN'],
  'where-lowest': ['mean of all values', 'right', 'NaN'],
  'add-lowest-twice': ['NaN', 'NaN', 'NaN'],
  // The same constant in every score of the row: softmax does not see it.
  'add-finite': ['as if nothing were masked', 'NaN', 'NaN'],
  'attention-bool': ['zeros', 'NaN', 'NaN'],
  'attention-24-bool': ['zeros', 'NaN', 'NaN'],
  'attention-inf': ['zeros', 'NaN', 'NaN'],
  'attention-lowest': ['zeros', 'NaN', 'NaN'],
  'multi-head-keys': ['as if padding were not masked', 'NaN', 'NaN'],
  'multi-head-keys-inf': ['mean of the values after it', 'NaN', 'NaN'],
  'multi-head-bias': ['NaN', 'NaN', 'NaN'],
  'packed-attention': ['mean of the values after it', '-', '-'],
  'grouped-bias': ['zeros', 'NaN', 'NaN'],
  'grouped-lowest': ['zeros', 'NaN', 'NaN'],
};

describe('attention kernels', () => {
  it('give what the table says, and real tokens are right where nothing is NaN', async () => {
    const job = createEngine({ workerPath: await workerBundle() }).start();
    try {
      const found: Record<string, readonly string[]> = {};
      for (const kernel of kernels) {
        const { masked, real } = await kernelOutcome(job, kernel);
        expect([kernel.id, real.none, real.both]).toEqual([kernel.id, 'right', 'NaN']);
        found[kernel.id] = [masked, real.keys ?? '-', real.values ?? '-'];
      }
      expect(found).toEqual(table);
    } finally {
      await job.close();
    }
  });
});
