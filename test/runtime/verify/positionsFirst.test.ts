/** Outputs of [position, batch, …], `batch_first=False` as PyTorch calls it, are compared like any others. */
import { create } from '@bufbuild/protobuf';
import { NodeProtoSchema, ValueInfoProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { graphOf } from '../../../src/core/onnx/graph';
import type { Report } from '../../../src/core/report';
import { diagnosedModel } from '../../support/diagnosing';
import { attentionModel, intList, leftPadded, named } from '../../support/tinyAttention';

const batchFirst = attentionModel({
  nodes: [
    named('mask/Or', 'Or', ['isPad', 'later'], 'closed'),
    named('/layers.0/self_attn/Where', 'Where', ['closed', 'minusInf', 'scores'], 'masked'),
  ],
});

function positionsFirst(): typeof batchFirst {
  const graph = graphOf(batchFirst);
  return {
    ...batchFirst,
    graph: {
      ...graph,
      node: [...graph.node, create(NodeProtoSchema, named('Out', 'Transpose', ['y'], 'z', intList('perm', [1, 0, 2])))],
      output: [create(ValueInfoProtoSchema, { name: 'z' })],
    },
  };
}

/** The figures without run times. */
const figures = ({ fixes = [] }: Report): unknown =>
  fixes
    .map(({ id, verdict, reference, nanAfter, realNanAfter, realMaxAbsDiff, topTokenSame }) =>
      [id, verdict, reference, nanAfter, realNanAfter, realMaxAbsDiff, topTokenSame].join(' '),
    )
    .sort();

describe('a model whose output has positions first', () => {
  it('gives every fix the figures that it has with the batch first', async () => {
    const feeds = leftPadded(3);
    const plain = await diagnosedModel(batchFirst, feeds);
    const turned = await diagnosedModel(positionsFirst(), feeds);
    expect(turned.outputs).toEqual([{ ...plain.outputs[0], name: 'z' }]);
    expect(plain.fixes?.filter(({ verdict }) => verdict === 'heals').length).toBeGreaterThan(3);
    expect(plain.fixes?.find(({ id }) => id === 'drop-padding-mask')).toMatchObject({ verdict: 'hides' });
    expect(figures(turned)).toEqual(figures(plain));
  });
});
