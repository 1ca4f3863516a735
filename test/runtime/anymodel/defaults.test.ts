/** Inputs with a default: initializers that the graph also lists among its inputs. What is not given is never asked for. */
import { create } from '@bufbuild/protobuf';
import type { ModelProto } from 'onnx-buf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import type { DiagnoseRequest } from '../../../src/app/useCases';
import type { Report } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import { diagnosedModel } from '../../support/diagnosing';
import { filled, nodeOf, whole } from '../../support/operatorGraphs/build';
import { value } from '../../unit/onnx/support';

/** `softmax(x + bias) + shift`, where bias and shift are weights; `listed` ones are graph inputs too. */
function biased(irVersion: bigint, listed: readonly string[], bias = 0): ModelProto {
  return create(ModelProtoSchema, {
    irVersion,
    opsetImport: [{ domain: '', version: 13n }],
    graph: {
      name: 'g',
      node: ['s = Add(x, bias)', 'p = Softmax(s)', 'y = Add(p, shift)'].map(nodeOf),
      initializer: [
        { ...filled([1, 1, 4], bias), name: 'bias' },
        { ...filled([4], 0), name: 'shift' },
      ],
      input: [
        value('x', ['batch', 'sequence', 4]),
        ...(listed.includes('bias') ? [value('bias', ['b', 's', 4])] : []),
        ...(listed.includes('shift') ? [value('shift', [4])] : []),
      ],
      output: [value('y', ['batch', 'sequence', 4])],
    },
  });
}

const x = whole('float32', [1, 3, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
/** Masks the whole row of position 1. */
const none = -Infinity;
const masksOne = whole('float32', [1, 3, 4], [0, 0, 0, 0, none, none, none, none, 0, 0, 0, 0]);
const births = ({ origins }: Report): unknown => origins.map(({ node, positions }) => [node, positions]);

const fed = (
  model: ModelProto,
  inputs: Readonly<Record<string, TensorData>> | null,
  request: Partial<DiagnoseRequest> = {},
): Promise<Report> => diagnosedModel(model, inputs, { fixes: false, ...request });

describe('a listed initializer', () => {
  it.each([3n, 4n, 8n])('that is not given has its own value, IR version %s', async (version) => {
    const report = await fed(biased(version, ['bias', 'shift']), { x });
    expect(report.origins).toEqual([]);
    expect(Object.keys(report.batch.inputs)).toEqual(['x']);
    expect(report.outputs).toMatchObject([{ nanPositions: [0] }]);
  });

  it('is not made up either', async () => {
    const report = await fed(biased(8n, ['bias', 'shift']), null, {
      lengths: { lengths: [3], pad: 'none', seed: 1 },
    });
    expect(Object.keys(report.batch.inputs)).toEqual(['x']);
  });

  it('is replaced by what the batch gives, from IR version 4', async () => {
    const report = await fed(biased(4n, ['bias', 'shift']), { x, bias: masksOne });
    expect(births(report)).toEqual([['Softmax_p', ['1']]]);
    expect(Object.keys(report.batch.inputs)).toEqual(['x', 'bias']);
  });

  it('is replaced for good: a default that would give NaN is not read', async () => {
    const model = biased(8n, ['bias'], none);
    expect(births(await fed(model, { x }))).toEqual([['Softmax_p', ['0-2']]]);
    const zeros = whole('float32', [1, 1, 4], [0, 0, 0, 0]);
    expect(births(await fed(model, { x, bias: zeros }))).toEqual([]);
  });

  it('gets its fixes tried with the value that was given', async () => {
    const report = await fed(biased(8n, ['bias']), { x, bias: masksOne }, { fixes: true });
    expect(report.fixes?.length).toBeGreaterThan(0);
    for (const fix of report.fixes ?? []) expect(fix.verdict === 'declines' || fix.nanAfter !== null).toBe(true);
  });

  it('of another shape or type is refused like any input', async () => {
    const model = biased(8n, ['bias', 'shift']);
    await expect(fed(model, { x, shift: whole('float32', [3], [1, 2, 3]) })).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('"shift"') as string,
    });
    await expect(fed(model, { x, shift: whole('int64', [4], [1, 2, 3, 4]) })).rejects.toMatchObject({
      code: 'bad-input',
      message: 'Input "shift" is int64, but the model wants float32.',
    });
  });

  it('of IR version 3 is refused with the reason: the engine takes it as a constant', async () => {
    await expect(fed(biased(3n, ['bias', 'shift']), { x, bias: masksOne })).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringMatching(/"bias" is a weight.*IR version 3/) as string,
      hint: expect.stringMatching(/Leave it out.*ir_version/) as string,
    });
  });
});

it('a weight that is no input is refused as one', async () => {
  await expect(fed(biased(8n, []), { x, bias: masksOne })).rejects.toMatchObject({
    code: 'bad-input',
    message: '"bias" is a weight of the model and not one of its inputs.',
    hint: 'Leave it out of the inputs. The model wants: x.',
  });
});
