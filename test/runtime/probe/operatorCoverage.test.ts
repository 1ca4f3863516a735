/** Which operators the graphs cover: those of the exporters' lists, of the fixtures and of the built-in models. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModel, builtinModels } from '../../../src/core/models/index';
import { NanoscopeError } from '../../../src/core/errors';
import { allGraphs, operatorsIn } from '../../support/operatorGraphs/all';
import type { Checker } from '../../support/operatorGraphs/check';
import { startChecker } from '../../support/operatorGraphs/check';
import { notByGraph, operatorSources } from '../../support/operatorGraphs/operators';
import { refused } from '../../support/operatorGraphs/refused';

const covered = new Set(allGraphs.flatMap(({ model }) => [...operatorsIn(model)]));
const excused = new Set([...refused.map(({ operator }) => operator), ...Object.keys(notByGraph)]);
const uncovered = (operators: Iterable<string>): string[] => [...operators].filter((own) => !covered.has(own));

describe('covered by a graph, or excused by name', () => {
  it.each(operatorSources.map(({ source, operators }) => [source, operators] as const))('%s', (_, operators) => {
    expect(uncovered(operators).filter((own) => !excused.has(own))).toEqual([]);
  });
  it('nothing is excused that a graph covers', () => {
    expect([...excused].filter((own) => covered.has(own))).toEqual([]);
  });
  it('the models exported by PyTorch', async () => {
    const folder = fileURLToPath(new URL('../../fixtures/pytorch', import.meta.url));
    const files = (await readdir(folder)).filter((name) => name.endsWith('.onnx'));
    expect(files.length).toBeGreaterThan(5);
    for (const name of files) {
      const model = fromBinary(ModelProtoSchema, await readFile(`${folder}/${name}`));
      expect(uncovered(operatorsIn(model)), name).toEqual([]);
    }
  });
  it.each(builtinModels.map((model) => [model.id, model] as const))(
    '%s, every kind of attention',
    (id, { options }) => {
      const kinds = options.find((option) => option.name === 'attention')?.allowed.match(/[a-z]+(-[a-z]+)*/g) ?? [];
      expect(kinds.length).toBeGreaterThan(1);
      for (const kind of kinds) {
        const { proto } = buildModel(`builtin:${id}?layers=2&attention=${kind}`);
        expect(uncovered(operatorsIn(proto)), kind).toEqual([]);
      }
    },
  );
  it('as many graphs as promised, with names of their own', () => {
    expect(allGraphs.length).toBeGreaterThanOrEqual(150);
    expect(new Set(allGraphs.map(({ name }) => name)).size).toBe(allGraphs.length);
    const opsets = new Set(allGraphs.map(({ opset }) => opset));
    expect(Array.from({ length: 18 }, (_, i) => 9 + i).filter((opset) => !opsets.has(opset))).toEqual([]);
  });
});

describe('refused in a sentence that names the operator', () => {
  let checker: Checker;
  beforeAll(async () => {
    checker = await startChecker();
  });
  afterAll(() => checker.close());

  it.each(refused.map((one) => [one.operator, one] as const))('%s', async (_, { graph, operator }) => {
    const error: unknown = await checker.check(graph, 'product only').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NanoscopeError);
    // Only for float16 and bfloat16 is there a schema at all.
    const code = operator === 'com.microsoft:PagedAttention' ? 'unsupported-type' : 'unsupported-op';
    expect(error).toMatchObject({ code });
    const { message, hint } = error as NanoscopeError;
    expect(message).toContain(operator.split(':').at(-1));
    expect(hint).toMatch(/^[A-Z].*\.$/);
  });
});
