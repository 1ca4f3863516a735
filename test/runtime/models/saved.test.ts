/** A built-in model that was saved as a file says which id its padding holds, so nothing has to be assumed. */
import { expect, it } from 'vitest';
import { builtinModels, buildModel } from '../../../src/core/models';
import { diagnosedModel } from '../../support/diagnosing';

it.each(builtinModels.map(({ id }) => id))('%s', async (id) => {
  const { batch, notes } = await diagnosedModel(buildModel(`builtin:${id}?layers=1`).proto, null, {
    lengths: { lengths: [2, 5], pad: 'left', seed: 1 },
    fixes: false,
  });
  const found = Object.entries(batch.padIds ?? {});
  expect(found.map(([name]) => name)).toContain('input_ids');
  for (const [, padId] of found) expect(padId).toEqual({ id: 0, from: 'metadata' });
  expect(notes).toEqual([]);
});
