/**
 * Python that a person pastes below their PyTorch model: exports it for NaNoscope and saves the batch beside it.
 * Runs with torch 1.13 and with the newest; needs torch and numpy only.
 */
import { NanoscopeError } from '../core/errors';

export interface SnippetOptions {
  /** Names of the variable and of the parameter of `model.forward`; the usual two when absent. */
  readonly inputs?: readonly string[] | undefined;
  /** Names for the outputs, in order; `logits` when absent. */
  readonly outputs?: readonly string[] | undefined;
  /** Python expression of the module; `model` when absent. */
  readonly model?: string | undefined;
  /** File to write, without a folder or with one; `model.onnx` when absent. The batch goes beside it. */
  readonly file?: string | undefined;
  /** 17 is the newest that torch 1.13 knows. */
  readonly opset?: number | undefined;
}

const pythonName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Cannot be variables. */
const pythonKeywords: ReadonlySet<string> = new Set(
  (
    'False None True and as assert async await break class continue def del elif else except finally for from ' +
    'global if import in is lambda nonlocal not or pass raise return try while with yield'
  ).split(' '),
);

/** @throws NanoscopeError `usage` when a name could not be a variable in Python */
export function exportSnippet(options: SnippetOptions = {}): string {
  const inputs = options.inputs ?? ['input_ids', 'attention_mask'];
  const outputs = options.outputs ?? ['logits'];
  const model = options.model ?? 'model';
  const file = options.file ?? 'model.onnx';
  inputs.forEach(checkName);
  const batchFile = `${file.replace(/\.onnx$/i, '')}.inputs.npz`;
  return `# Exports the model for NaNoscope with dynamic batch and sequence axes, and saves the batch beside it.
import inspect

import numpy as np
import torch

model_to_export = ${model}
batch = {  # the names of forward's parameters and the tensors of one padded batch
${inputs.map((name) => `    ${python(name)}: ${name},`).join('\n')}
}
output_names = [${outputs.map(python).join(', ')}]


def dynamic_axes(tensor):
    # A mask of (batch, heads, query, key) has its sequences last, everything else second; size 1 is broadcast.
    axes = {0: "batch", 2: "sequence", 3: "keys"} if tensor.dim() == 4 else {0: "batch", 1: "sequence"}
    return {axis: name for axis, name in axes.items() if axis == 0 or (axis < tensor.dim() and tensor.shape[axis] != 1)}


# The exporter names its inputs in the order of forward's parameters.
parameters = [name for name in inspect.signature(model_to_export.forward).parameters if name in batch]
batch = {name: batch[name] for name in parameters + [name for name in batch if name not in parameters]}
# Newer torch has a second exporter; this one writes module names into the nodes, which NaNoscope's table shows.
options = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}

model_to_export.eval()
with torch.no_grad():
    torch.onnx.export(
        model_to_export,
        (batch,),
        ${python(file)},
        input_names=list(batch),
        output_names=output_names,
        dynamic_axes={
            **{name: dynamic_axes(tensor) for name, tensor in batch.items()},
            **{name: {0: "batch", 1: "sequence"} for name in output_names},
        },
        opset_version=${String(options.opset ?? 17)},
        **options,
    )
np.savez(${python(batchFile)}, **{name: tensor.detach().cpu().numpy() for name, tensor in batch.items()})
# Then: nanoscope diagnose ${shellName(file)} --inputs ${shellName(batchFile)}
`;
}

function checkName(name: string): void {
  if (!pythonName.test(name) || pythonKeywords.has(name)) {
    throw new NanoscopeError(
      'usage',
      `${name} cannot be the name of a variable in Python.`,
      'Write the snippet for the names of the parameters of forward.',
    );
  }
  // The parameter of np.savez itself.
  if (name === 'file') {
    throw new NanoscopeError('usage', 'np.savez cannot save an array named file.', 'Rename that parameter of forward.');
  }
}

/** A Python string literal; JSON's escapes are a subset of Python's, apart from surrogate pairs, kept as text. */
const python = (text: string): string => JSON.stringify(text);

/** For a comment: one line, quoted where a shell would split it. */
const shellName = (text: string): string => (/^[\w./-]+$/.test(text) ? text : JSON.stringify(text));
