/** The whole table of a BERT-named encoder, row by row as the module tree says it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { python } from '../../support/python';
import { diagnoseFile } from './diagnose';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-bert-'));
  await python(['-W', 'ignore', fileURLToPath(new URL('bert.py', import.meta.url)), folder]);
}, 120_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

it('has a row per stage, residuals and norms in their places', async () => {
  const report = await diagnoseFile(join(folder, 'bert.onnx'), { inputsFile: join(folder, 'bert.npz') });
  const rows = report.table
    .filter((row) => row.port === 'out')
    .map(({ layer, block, stage, label, samples }) =>
      [
        layer ?? '-',
        block ?? '-',
        stage,
        label,
        ...(samples ?? []).map(({ nan, of }) => `${String(nan)}/${String(of)}`),
      ].join(' '),
    );
  const layer = (n: number): string[] => [
    `${String(n)} self attention encoder.layer.${String(n)}.attention 4/4 0/4`,
    `${String(n)} self attn-norm encoder.layer.${String(n)}.attention.output.LayerNorm 4/4 0/4`,
    `${String(n)} - mlp encoder.layer.${String(n)}.output 4/4 0/4`,
    `${String(n)} - mlp-norm encoder.layer.${String(n)}.output.LayerNorm 4/4 0/4`,
    `${String(n)} - layer encoder.layer.${String(n)} 4/4 0/4`,
  ];
  expect(rows).toEqual(['- - embed embeddings 0/4 0/4', ...layer(0), ...layer(1), '- - logits classifier 4/4 0/4']);
  expect(report.batch.roles).toEqual(['pppp', 'rrrp']);
  expect(
    report.origins.map(({ layer: at, block, stage, mechanism, positions }) => [at, block, stage, mechanism, positions]),
  ).toEqual([[0, 'self', 'attention', 'fully-masked-row', ['0-3', '']]]);
});
