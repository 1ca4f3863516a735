/** Layers and stages told from structure alone are those that the names told, on real exports. */
import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { readNpz } from '../../../src/core/batch/npz';
import type { Report, TableRow } from '../../../src/core/report';
import { diagnosed, diagnosedModel, fixture } from '../../support/diagnosing';
import { stripNames } from '../../support/stripNames';

const names = [
  'a1_mla_leftpad_inf_add_op13',
  'a5_mla_rightpad_inf_add_op11',
  'b1_bert_one_empty_sample_op14',
  'c2_norm_eps0_zero_vector_op17',
  'c7_nan_weight_embedding_row_op13',
];

const rowId = ({ layer, block, stage, port }: TableRow): string =>
  `${String(layer ?? '-')} ${block ?? '-'} ${stage} ${port}`;

describe.each(names)('%s without names', (name) => {
  it('has the same rows with the same tensors in them, and births at the same places', async () => {
    const model = fixture(`${name}.onnx`);
    const inputs = readNpz(name, readFileSync(fixture(`${name}.inputs.npz`)));
    const named = await diagnosed({ model, inputsFile: fixture(`${name}.inputs.npz`), fixes: false });
    const { proto, renamed } = stripNames(fromBinary(ModelProtoSchema, readFileSync(model)));
    const bare: Report = await diagnosedModel(proto, inputs, { fixes: false });
    expect(bare.table.map((row) => `${rowId(row)} ${row.tensor}`)).toEqual(
      named.table.map((row) => `${rowId(row)} ${renamed.get(row.tensor) ?? '?'}`),
    );
    const places = ({ origins }: Report): unknown =>
      origins.map(({ layer, block, stage, mechanism, positions }) => ({ layer, block, stage, mechanism, positions }));
    expect(places(bare)).toEqual(places(named));
    expect(bare.model.layers).toBe(named.model.layers);
    expect(bare.model.attention.map(({ layer, kind, op }) => ({ layer, kind, op }))).toEqual(
      named.model.attention.map(({ layer, kind, op }) => ({ layer, kind, op })),
    );
  });
});
