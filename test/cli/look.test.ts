/** `nanoscope look` as people and CI run it. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cliBundle, runProcess } from '../support/cliHarness';
import { failureSchema, staticLookSchema } from '../support/reportSchema';

const fixtures = join(dirname(fileURLToPath(import.meta.url)), '..', 'fixtures', 'pytorch');
const run = (...args: string[]) => runProcess(['look', ...args], { cwd: fixtures });

beforeAll(async () => {
  await cliBundle();
});

describe('nanoscope look', () => {
  it('says in words which row padding masks', async () => {
    const { code, out, err } = await run('a1_mla_leftpad_inf_add_op13.onnx');
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out).toMatch(
      /^a1_mla\S+ {2}opset 13, 3 layers, attention by Softmax \(eager\) × 3; padding is told by attention_mask\n/,
    );
    expect(out.replace(/\s+/g, ' ')).toContain('Row 0 is fully masked whenever position 0 is padding.');
  });

  it('gives one JSON document', async () => {
    const { code, out } = await run('builtin:bert-mini?layers=2', '--json');
    expect(code).toBe(0);
    const { staticLook } = z
      .strictObject({
        schemaVersion: z.literal(1),
        model: z.looseObject({ name: z.string(), source: z.literal('built-in'), layers: z.literal(2) }),
        staticLook: staticLookSchema,
      })
      .parse(JSON.parse(out));
    expect(staticLook.masks).toMatchObject([{ layers: [0, 1], left: { verdict: 'safe' }, empty: { rows: '0-34' } }]);
  });

  it('tells a model that is not there', async () => {
    const { code, out } = await run('none.onnx', '--json');
    expect(code).toBe(2);
    expect(failureSchema.parse(JSON.parse(out)).error.code).toBe('file-not-found');
  });
});
