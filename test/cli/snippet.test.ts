/** The export snippet is run as a person would: pasted below a module, by the Python that has torch. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportSnippet } from '../../src/app/snippet';

const python = '/usr/bin/python3';

const module = `
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(20, 8)
        self.lm_head = nn.Linear(8, 20)

    def forward(self, input_ids, position_ids=None, attention_mask=None):
        x = self.embed_tokens(input_ids)
        if position_ids is not None:
            x = x + position_ids[..., None]
        return self.lm_head(x * attention_mask[..., None])

model = Tiny()
input_ids = torch.arange(14).reshape(2, 7)
attention_mask = torch.ones(2, 7, dtype=torch.int64)
`;

const check = `
import json, sys
import numpy as np, onnx
m = onnx.load(sys.argv[1])
onnx.checker.check_model(m)
shape = lambda v: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
with np.load(sys.argv[2], allow_pickle=False) as z:
    arrays = {k: [str(z[k].dtype), list(z[k].shape)] for k in z.files}
print(json.dumps({
    'inputs': {v.name: shape(v) for v in m.graph.input},
    'outputs': {v.name: shape(v)[:2] for v in m.graph.output},
    'nodes': [n.name for n in m.graph.node],
    'opset': m.opset_import[0].version,
    'arrays': arrays,
}))
`;

interface Checked {
  readonly inputs: Record<string, (string | number)[]>;
  readonly outputs: Record<string, (string | number)[]>;
  readonly nodes: string[];
  readonly opset: number;
  readonly arrays: Record<string, [string, number[]]>;
}

describe('the export snippet', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nanoscope snippet '));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (code: string, name: string): Checked => {
    writeFileSync(join(folder, `${name}.py`), code);
    writeFileSync(join(folder, 'check.py'), check);
    execFileSync(python, [`${name}.py`], { cwd: folder, stdio: 'pipe' });
    const out = execFileSync(python, ['check.py', `${name}.onnx`, `${name}.inputs.npz`], { cwd: folder });
    return JSON.parse(out.toString()) as Checked;
  };

  it('exports with dynamic axes, module names in the nodes, and the batch with the names of the inputs', () => {
    // The mask is the third parameter: the names must follow forward's order, not the order of the snippet.
    const result = run(
      module + exportSnippet({ inputs: ['attention_mask', 'input_ids'], file: 'plain.onnx' }),
      'plain',
    );
    expect(result.inputs).toEqual({ input_ids: ['batch', 'sequence'], attention_mask: ['batch', 'sequence'] });
    expect(result.outputs).toEqual({ logits: ['batch', 'sequence'] });
    expect(result.nodes).toContain('/embed_tokens/Gather');
    expect(result.opset).toBe(17);
    expect(result.arrays).toEqual({ input_ids: ['int64', [2, 7]], attention_mask: ['int64', [2, 7]] });
    expect(existsSync(join(folder, 'plain.inputs.npz'))).toBe(true);
    expect(Object.keys(unzipSync(readFileSync(join(folder, 'plain.inputs.npz')))).sort()).toEqual([
      'attention_mask.npy',
      'input_ids.npy',
    ]);
  }, 120_000);

  it('takes names with quotes, spaces and other alphabets for files', () => {
    const file = 'it\'s "my" modèle.onnx';
    const result = run(module + exportSnippet({ file, outputs: ['scores "é"'] }), file.replace('.onnx', ''));
    expect(Object.keys(result.outputs)).toEqual(['scores "é"']);
  }, 120_000);

  it('is what the report says to run, with the names of this model', () => {
    const text = exportSnippet({ inputs: ['inputs_embeds', 'padding_mask'], model: 'net.core', opset: 14 });
    expect(text).toContain('"inputs_embeds": inputs_embeds,');
    expect(text).toContain('model_to_export = net.core');
    expect(text).toContain('opset_version=14');
    expect(text).toContain('nanoscope diagnose model.onnx --inputs model.inputs.npz');
  });

  it.each(['a b', '1x', 'class', 'x);import os', '', 'file'])('declines %j as a variable', (name) => {
    expect(() => exportSnippet({ inputs: [name] })).toThrow(/Python|savez/);
  });
});
