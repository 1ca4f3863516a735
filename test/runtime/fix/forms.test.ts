/**
 * Every fix on every built-in model in every form of attention: it applies, and then the engine takes the model at each
 * level, or it says why not. Independent of what it heals.
 */
import { describe, expect, it } from 'vitest';
import { fixes, traps } from '../../../src/core/fix';
import { attentionKinds } from '../../../src/core/models/masks';
import { engineLevels } from '../../../src/core/report';
import { bytesOf, patched, patient, run } from '../../support/fixing';

const models = ['kimi-k2-mini', 'llama-mini', 'gpt2-mini', 'bert-mini', 't5-mini'];

describe.each(models)('%s', (id) => {
  it.each(attentionKinds)('%s: every fix applies and loads, or declines', async (kind) => {
    const who = await patient({
      model: `builtin:${id}?layers=2&attention=${kind}`,
      lengths: { lengths: [0, 3, 7], pad: 'left', seed: 1 },
    });
    const said: Record<string, string> = {};
    for (const fix of [...fixes, ...traps]) {
      const plan = fix.plan(who.context);
      if (!plan.applies) {
        said[fix.id] = `declines: ${plan.reason}`;
        continue;
      }
      const model = bytesOf(patched(who.proto, plan));
      for (const level of engineLevels) {
        const outputs = await run(model, who.inputs, level);
        expect(Object.keys(outputs), `${fix.id} at ${level}`).toEqual([...who.context.graph.outputs]);
      }
      said[fix.id] = plan.note;
    }
  });
});
