/** Batches that are made follow what the graph says of masks and pad ids; masks that contradict each other are asked about. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, StringStringEntryProtoSchema } from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reproduceArguments } from '../../../src/app/render/command';
import { writeNpz } from '../../../src/core/batch/npz';
import type { LengthSpec } from '../../../src/core/batch/types';
import type { TensorData } from '../../../src/core/tensor';
import { python } from '../../support/python';
import { diagnoseFile } from './diagnose';

const left: LengthSpec = { lengths: [2, 5], pad: 'left', seed: 1 };
const leftRoles = ['ppprr', 'rrrrr'];
const cases = [
  'plain',
  'pad_id_0',
  'pad_id_1',
  'pad_id_7',
  'additive_input',
  'mask_4d',
  'inverted_m',
  'two_mask_inputs',
];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-masks-'));
  await python(['-W', 'ignore', fileURLToPath(new URL('models.py', import.meta.url)), folder, ...cases]);
}, 180_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const path = (name: string): string => join(folder, `${name}.onnx`);

async function withMetadata(name: string, key: string, value: string): Promise<string> {
  const proto = fromBinary(ModelProtoSchema, await readFile(path(name)));
  proto.metadataProps.push(create(StringStringEntryProtoSchema, { key, value }));
  const file = join(folder, `${name}-${key}-${value}.onnx`);
  await writeFile(file, toBinary(ModelProtoSchema, proto));
  return file;
}

describe('the pad id of a made batch', () => {
  it.each([0, 1, 7])('is the one that the model makes its mask from: %i', async (id) => {
    const { batch, origins, notes } = await diagnoseFile(path(`pad_id_${String(id)}`), { lengths: left });
    expect(batch.padIds).toEqual({ input_ids: { id, from: 'graph' } });
    expect(batch.roles).toEqual(leftRoles);
    expect(origins.map(({ mechanism, positions }) => [mechanism, positions])).toEqual([
      ['fully-masked-row', ['0-2', '']],
    ]);
    expect(notes).toEqual([]);
  });

  it('is the one in the metadata where the graph says nothing', async () => {
    const { batch, notes } = await diagnoseFile(await withMetadata('plain', 'pad_token_id', '3'), { lengths: left });
    expect(batch.padIds).toEqual({ input_ids: { id: 3, from: 'metadata' } });
    expect(notes).toEqual([]);
  });

  it('what the mask is made from counts for more than metadata', async () => {
    const file = await withMetadata('pad_id_7', 'pad_token_id', '3');
    expect((await diagnoseFile(file, { lengths: left })).batch.padIds).toEqual({ input_ids: { id: 7, from: 'graph' } });
  });

  it('metadata beyond the vocabulary is not followed', async () => {
    const file = await withMetadata('plain', 'pad_token_id', '16');
    expect((await diagnoseFile(file, { lengths: left })).batch.padIds).toEqual({
      input_ids: { id: 0, from: 'assumed' },
    });
  });

  it('an assumed one is said, with the option that changes it', async () => {
    const { batch, notes } = await diagnoseFile(path('plain'), { lengths: left });
    expect(batch.padIds).toEqual({ input_ids: { id: 0, from: 'assumed' } });
    expect(notes.join(' ')).toMatch(/Padding of input_ids holds the id 0.*--pad-id N/);
  });

  it('without padding there is nothing to say', async () => {
    const { batch, notes } = await diagnoseFile(path('plain'), { lengths: { ...left, lengths: [5, 5] } });
    expect(batch.padIds).toBeUndefined();
    expect(notes).toEqual([]);
  });

  it('what a person says wins', async () => {
    const report = await diagnoseFile(path('plain'), { lengths: { ...left, padId: 9 } });
    const { batch, notes } = report;
    expect(reproduceArguments(report).join(' ')).toContain('--lengths 2,5 --pad left --pad-id 9');
    expect(batch.padIds).toEqual({ input_ids: { id: 9, from: 'asked' } });
    expect(batch.source).toMatchObject({ kind: 'lengths', padId: 9 });
    expect(notes).toEqual([]);
  });

  it('an id that the model does not have is refused', async () => {
    await expect(diagnoseFile(path('plain'), { lengths: { ...left, padId: 16 } })).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringMatching(/pad id 16 does not exist.*16 rows/) as string,
    });
  });
});

describe('the mask of a made batch', () => {
  it('is 0 and −∞ where the model adds it to the scores', async () => {
    const { batch, origins } = await diagnoseFile(path('additive_input'), { lengths: left });
    expect(batch.roles, batch.rolesFrom).toEqual(leftRoles);
    expect(origins.map(({ mechanism, positions }) => [mechanism, positions])).toEqual([
      ['fully-masked-row', ['0-2', '']],
    ]);
  });

  it('is turned round where the graph says so', async () => {
    const { batch } = await diagnoseFile(path('inverted_m'), { lengths: left });
    expect(batch.roles, batch.rolesFrom).toEqual(leftRoles);
  });

  it('whose form no name tells is asked for, and --mask answers', async () => {
    await expect(diagnoseFile(path('mask_4d'), { lengths: left })).rejects.toMatchObject({
      code: 'mask-ambiguous',
      hint: expect.stringContaining('--mask attention_mask[:inverted]') as string,
    });
    const { batch } = await diagnoseFile(path('mask_4d'), { lengths: left, mask: 'attention_mask' });
    expect(batch.roles, batch.rolesFrom).toEqual(leftRoles);
  });
});

describe('two masks', () => {
  const int64 = (values: readonly number[]): TensorData => ({
    dtype: 'int64',
    dims: [2, 5],
    data: BigInt64Array.from(values, BigInt),
  });
  const mask = [0, 0, 0, 1, 1, 1, 1, 1, 1, 1];
  async function inputs(pad: readonly number[]): Promise<string> {
    const file = join(folder, `pads-${pad.join('')}.npz`);
    await writeFile(
      file,
      writeNpz({
        input_ids: int64([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        attention_mask: int64(mask),
        key_padding_mask: { dtype: 'bool', dims: [2, 5], data: Uint8Array.from(pad) },
      }),
    );
    return file;
  }

  it('that say the same are one', async () => {
    const inputsFile = await inputs([1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    const { batch } = await diagnoseFile(path('two_mask_inputs'), { inputsFile });
    expect(batch.roles).toEqual(leftRoles);
  });

  it('that disagree are asked about, in a sentence that names both', async () => {
    const inputsFile = await inputs([1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    await expect(diagnoseFile(path('two_mask_inputs'), { inputsFile })).rejects.toMatchObject({
      code: 'mask-ambiguous',
      exitCode: 2,
      message:
        'Two masks disagree about the padding of sample 0: "attention_mask" (1 = real) at 0-2, "key_padding_mask" (0 = real) at 0-1.',
      hint: expect.stringContaining('--mask attention_mask[:inverted] or --mask key_padding_mask[:inverted]') as string,
    });
  });

  it('and what a person says of one of them ends the question', async () => {
    const inputsFile = await inputs([1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    const asking = (name: string) => diagnoseFile(path('two_mask_inputs'), { inputsFile, mask: name });
    expect((await asking('attention_mask')).batch.roles).toEqual(leftRoles);
    expect((await asking('key_padding_mask:inverted')).batch.roles).toEqual(['pprrr', 'rrrrr']);
  });

  it('made from lengths agree', async () => {
    const { batch } = await diagnoseFile(path('two_mask_inputs'), { lengths: left });
    expect(batch.roles).toEqual(leftRoles);
  });
});
