/** Layers and stages from structure alone, against the names that the same models have. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { buildModel } from '../../../src/core/models/index';
import { Graph } from '../../../src/core/onnx/graph';
import type { ModulePlace } from '../../../src/core/trace/modules';
import { nodePlaces } from '../../../src/core/trace/places';
import { floats, model, node, value } from '../onnx/support';
import type { NodeInit } from '../onnx/support';
import { stripNames } from '../../support/stripNames';
import { exportedModels, exportsFolder } from '../onnx/fixtures';

const placeText = ({ layer, block, stage }: ModulePlace): string => `${String(layer ?? '-')} ${block ?? '-'} ${stage}`;

/** GELU between two linears is the layer's own by name, as the residual of BERT is nobody's; structure knows better. */
const isFiner = (name: string, structure: string): boolean =>
  name.split(' ')[0] === structure.split(' ')[0] &&
  ((name.endsWith(' layer') && structure.endsWith(' mlp')) ||
    (name.endsWith(' other') && structure.endsWith(' layer')));

/** Where the nodes stand by name and by structure; `wrong` where structure says something else than the name. */
function compare(original: ModelProto) {
  const named = new Graph(original);
  const bare = new Graph(stripNames(original).proto);
  const byName = nodePlaces(named);
  const byStructure = nodePlaces(bare);
  const all = named.nodes.map((node, i) => {
    const other = bare.nodes[i];
    if (!other) throw new Error('a node is missing');
    return { node, name: placeText(byName.of(node)), structure: placeText(byStructure.of(other)) };
  });
  const told = all.filter(({ structure }) => structure !== '- - other');
  return {
    by: byStructure.by,
    wrong: told
      .filter(({ name, structure }) => name !== structure && !isFiner(name, structure))
      .map(({ node, name, structure }) => `${node.name} (${node.op}): ${name}, not ${structure}`),
    missing: [...new Set(all.map(({ name }) => name))].filter(
      (place) => !place.endsWith(' other') && !told.some(({ structure }) => structure === place),
    ),
  };
}

describe('real exports', () => {
  it.each(exportedModels)('%s', (file) => {
    const found = compare(fromBinary(ModelProtoSchema, readFileSync(join(exportsFolder, file))));
    expect(found).toEqual({ by: 'structure', wrong: [], missing: ['- - embed'] });
  });
});

describe('built-in models', () => {
  const uris = ['kimi-k2-mini', 'llama-mini', 'gpt2-mini', 'bert-mini', 't5-mini'].flatMap((name) =>
    ['', '?attention=fused'].map((options) => `builtin:${name}${options}`),
  );
  it.each(uris)('%s', (uri) => {
    expect(compare(buildModel(uri).proto)).toEqual({ by: 'structure', wrong: [], missing: ['- - embed'] });
  });
});

const dims = ['batch', 'seq', 4];

/** A residual stream written by hand; values are named, nodes are not. */
class Bench {
  readonly nodes: NodeInit[] = [];
  private count = 0;
  op(type: string, ...inputs: string[]): string {
    const out = `v${String((this.count += 1))}`;
    this.nodes.push(node(type, inputs, [out], { name: '' }));
    return out;
  }
  norm(x: string): string {
    return this.op('LayerNormalization', x, 'w');
  }
  /** Attention of `x` to `memory`, without its residual. */
  attention(x: string, memory = x, mask?: string): string {
    const [q, k, v] = [this.op('MatMul', x, 'w'), this.op('MatMul', memory, 'w'), this.op('MatMul', memory, 'w')];
    const scores = this.op('MatMul', q, this.op('Transpose', k));
    const masked = mask === undefined ? scores : this.op('Add', scores, mask);
    return this.op('MatMul', this.op('MatMul', this.op('Softmax', masked), v), 'w');
  }
  mlp(x: string): string {
    return this.op('MatMul', this.op('Relu', this.op('MatMul', x, 'w')), 'w');
  }
  layer(x: string, mask?: string): string {
    const n = this.norm(x);
    const h = this.op('Add', x, this.attention(n, n, mask));
    return this.op('Add', h, this.mlp(this.norm(h)));
  }
  /** @returns what the layers were told from, and the places of the nodes that have one */
  places(...outputs: string[]) {
    const graph = new Graph(
      model({
        name: 'bench',
        input: [value('x', dims), value('m', dims)],
        output: outputs.map((output) => value(output, dims)),
        initializer: [floats('w', new Float32Array(16), [4, 4])],
        node: this.nodes,
      }),
    );
    const places = nodePlaces(graph);
    return {
      by: places.by,
      at: (output: string): string => {
        const producer = graph.producer.get(output);
        return producer ? placeText(places.of(producer)) : 'no node';
      },
    };
  }
}

describe('structures that are certain', () => {
  it('a mask that all layers share is no residual', () => {
    const bench = new Bench();
    const mask = bench.op('Mul', 'm', 'w');
    const y = bench.layer(bench.layer(bench.layer('x', mask), mask), mask);
    const { by, at } = bench.places(y);
    expect([by, at(y), at(mask)]).toEqual(['structure', '2 - layer', '- - other']);
  });

  it('the residual of GELU inside an mlp is none', () => {
    const bench = new Bench();
    const h = bench.op('Add', 'x', bench.attention('x'));
    const inner = bench.op('MatMul', h, 'w');
    const cubed = bench.op('Mul', bench.op('Pow', inner, 'w'), 'w');
    const gelu = bench.op('Tanh', bench.op('Add', inner, cubed));
    const y = bench.op('Add', bench.op('MatMul', gelu, 'w'), h);
    const { by, at } = bench.places(y);
    expect([by, at(gelu), at(y)]).toEqual(['structure', '0 - mlp', '0 - layer']);
  });

  it('experts with a router’s softmax are an mlp', () => {
    const bench = new Bench();
    const h = bench.op('Add', 'x', bench.attention('x'));
    const gates = bench.op('Softmax', bench.op('MatMul', h, 'w'));
    const mixed = bench.op('Add', bench.op('Mul', bench.mlp(h), gates), bench.op('Mul', bench.mlp(h), gates));
    const y = bench.op('Add', h, mixed);
    const { by, at } = bench.places(y);
    expect([by, at(gates), at(mixed), at(y)]).toEqual(['structure', '0 - mlp', '0 - mlp', '0 - layer']);
  });

  it('a decoder with cross-attention in every layer; keys of the memory belong to it', () => {
    const bench = new Bench();
    let x = 'x';
    const keys: string[] = [];
    for (let layer = 0; layer < 2; layer += 1) {
      const h = bench.op('Add', x, bench.attention(bench.norm(x)));
      const first = bench.nodes.length;
      const c = bench.op('Add', h, bench.attention(bench.norm(h), 'm'));
      keys.push(bench.nodes[first + 2]?.output?.[0] ?? '');
      x = bench.op('Add', c, bench.mlp(bench.norm(c)));
    }
    const { by, at } = bench.places(x);
    expect([by, ...keys.map(at), at(x)]).toEqual(['structure', '0 cross attention', '1 cross attention', '1 - layer']);
  });
});

it('another view of the same model has its nodes in the same places', () => {
  const { proto } = stripNames(buildModel('builtin:llama-mini').proto);
  const [graph, view] = [new Graph(proto), new Graph(proto)];
  const places = nodePlaces(graph);
  expect(view.nodes.map((entry) => places.of(entry))).toEqual(graph.nodes.map((entry) => places.of(entry)));
  expect(view.nodes.some((entry) => places.of(entry).stage === 'attention')).toBe(true);
});

describe('structures that are not: nothing is told', () => {
  const told = (build: (bench: Bench) => string[]): string => {
    const bench = new Bench();
    return bench.places(...build(bench)).by;
  };

  it.each<readonly [string, (bench: Bench) => string[]]>([
    [
      'attention and mlp side by side (GPT-J)',
      (b) => {
        const n = b.norm('x');
        return [b.op('Add', 'x', b.op('Add', b.attention(n), b.mlp(n)))];
      },
    ],
    ['two towers', (b) => [b.layer('x'), b.layer('m')]],
    ['attention without a residual', (b) => [b.layer(b.attention('x'))]],
    [
      'attention only',
      (b) => {
        const h = b.op('Add', 'x', b.attention('x'));
        return [b.op('Add', h, b.attention(h))];
      },
    ],
    [
      'two mlps in a row in one of the layers',
      (b) => {
        const h = b.layer('x');
        return [b.layer(b.op('Add', h, b.mlp(h)))];
      },
    ],
    ['a residual around two layers', (b) => [b.op('Add', 'x', b.layer(b.layer('x')))]],
    ['something computed between two layers (patch merging)', (b) => [b.layer(b.op('MatMul', b.layer('x'), 'w'))]],
    ['no attention at all', (b) => [b.op('Add', 'x', b.mlp('x'))]],
  ])('%s', (_, build) => {
    expect(told(build)).toBe('none');
  });

  // Work that grows with the square of it would take minutes and fail by the time-out.
  it('many additions after one another are no obstacle', { timeout: 60_000 }, () => {
    const bench = new Bench();
    let x = bench.attention('x');
    const early = bench.op('Relu', 'm');
    for (let i = 0; i < 6000; i += 1) x = bench.op('Add', bench.op('Mul', x, early), early);
    expect(bench.places(x).by).toBe('none');
  });

  it('61 layers of a built-in model are told', { timeout: 60_000 }, () => {
    const { proto } = stripNames(buildModel('builtin:kimi-k2-mini?layers=61').proto);
    const graph = new Graph(proto);
    const places = nodePlaces(graph);
    expect(new Set(graph.nodes.map((entry) => places.of(entry).layer)).size).toBe(62);
  });
});
