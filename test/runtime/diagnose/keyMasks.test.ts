/**
 * Masks of keys alone that hold NaN themselves: queries and keys of the scores are clean, and yet every row that meets
 * the mask turns NaN. Each of them is explained, by a birth or by a crossing.
 */
import { expect, it } from 'vitest';
import type { Report } from '../../../src/core/report';
import { diagnosedModel } from '../../support/diagnosing';
import type { Masking } from '../../support/tinyAttention';
import { attentionModel, int, leftPadded, named } from '../../support/tinyAttention';

const told = ({ origins, spread }: Report) =>
  [...origins, ...spread].map(({ node, mechanism, positions }) => [node, mechanism, positions]);

const diagnosed = (masking: Masking): Promise<Report> =>
  diagnosedModel(attentionModel(masking), leftPadded(3), { fixes: false });

it('0 × −inf in a mask that is added: every row meets the NaN of the keys', async () => {
  const report = await diagnosed({
    nodes: [
      named('Cast', 'Cast', ['isPad'], 'gone', int('to', 1)),
      named('Mul', 'Mul', ['gone', 'minusInf'], 'bias'),
      named('Add', 'Add', ['scores', 'bias'], 'masked'),
    ],
  });
  expect(report.outputs.map(({ nanAt }) => nanAt)).toEqual([['0-4', '0-4']]);
  expect(told(report)).toEqual([
    ['Mul', 'zero-times-inf', ['2-4', '0-4']],
    ['Add', 'elementwise', ['0-4', '0-4']],
  ]);
  expect(report.spread[0]?.evidence).toMatchObject({ nanPositionsRead: '2-4', example: { sample: 0, position: 0 } });
});

it('scores multiplied with a factor of the keys', async () => {
  const report = await diagnosed({
    nodes: [named('Div', 'Div', ['real', 'real'], 'factor'), named('Mul', 'Mul', ['scores', 'factor'], 'masked')],
  });
  expect(told(report)).toEqual([
    ['Div', 'zero-over-zero', ['0-1', '']],
    ['Mul', 'elementwise', ['0-4', '']],
  ]);
});

it('looks alike: what is behind the factor takes its NaN away again', async () => {
  const report = await diagnosed({
    nodes: [
      named('Div', 'Div', ['real', 'real'], 'factor'),
      named('Mul', 'Mul', ['scores', 'factor'], 'scaled'),
      named('Where', 'Where', ['isPad', 'lowest', 'scaled'], 'masked'),
    ],
  });
  expect(report.outputs.map(({ nanAt }) => nanAt)).toEqual([['', '']]);
  expect(report.spread).toEqual([]);
});

it('looks alike: a mask of keys without NaN', async () => {
  const report = await diagnosed({
    nodes: [
      named('Where', 'Where', ['isPad', 'minusInf', 'zero'], 'bias'),
      named('Add', 'Add', ['scores', 'bias'], 'masked'),
    ],
  });
  expect(told(report)).toEqual([]);
});
