/** How operators of ONNX, and operations of a trace, are written in Python. */
import { fieldOf, textOf, type PythonTree, type Syntax } from '../syntax';

interface Spelling {
  /** Last name of what is called. */
  readonly calls?: RegExp;
  readonly operators?: readonly string[];
}

const spellings: Readonly<Record<string, Spelling>> = {
  Softmax: { calls: /^_?(?:log_|masked_|safe_)?softmax$/i },
  LogSoftmax: { calls: /^(?:log_softmax|logsoftmax|cross_entropy)$/i },
  Attention: {
    calls:
      /^(?:scaled_dot_product_attention|flash_attn\w*|_?(?:flash|sdpa|memory_efficient)_attention\w*|self_attn|attention|attn)$/,
  },
  Log: { calls: /^log(?:2|10|1p)?$/ },
  Exp: { calls: /^exp$/ },
  Sqrt: { calls: /^r?sqrt$|^(?:norm|vector_norm|std)$/, operators: ['**'] },
  Reciprocal: { calls: /^(?:rsqrt|reciprocal)$/, operators: ['/'] },
  Pow: { calls: /^(?:pow|square)$/, operators: ['**'] },
  Div: { calls: /^(?:div|true_divide|normalize|layer_norm|rms_norm)_?$/, operators: ['/', '/='] },
  Add: { calls: /^(?:add|baddbmm|addmm)_?$/, operators: ['+', '+='] },
  Sub: { calls: /^sub(?:tract)?_?$/, operators: ['-', '-='] },
  Mul: { calls: /^mul(?:tiply)?_?$/, operators: ['*', '*='] },
  MatMul: { calls: /^(?:matmul|bmm|mm|einsum|baddbmm|linear)$/, operators: ['@'] },
  Where: { calls: /^(?:where|masked_fill|masked_fill_)$/ },
  ReduceMean: { calls: /^mean$/ },
  ReduceSum: { calls: /^sum$/ },
  ReduceMax: { calls: /^a?max$/ },
  Gather: { calls: /^(?:embedding|gather|index_select|take)$/ },
  Cast: { calls: /^(?:to|half|float|bfloat16|type)$/ },
};

const sameAs: Readonly<Record<string, string>> = {
  Gemm: 'MatMul',
  Einsum: 'MatMul',
  MultiHeadAttention: 'Attention',
  GroupQueryAttention: 'Attention',
  PackedMultiHeadAttention: 'Attention',
  softmax: 'Softmax',
  scaled_dot_product_attention: 'Attention',
  LayerNormalization: 'Div',
  SimplifiedLayerNormalization: 'Div',
  RMSNormalization: 'Div',
  ReduceL2: 'Sqrt',
  CumSum: 'ReduceSum',
};

/** What of a call is its name: `softmax` of `torch.nn.functional.softmax(…)`. */
export function calleeName(tree: PythonTree, call: Syntax): { readonly node: Syntax; readonly text: string } | null {
  const callee = call.type === 'call' ? fieldOf(call, 'function') : null;
  const node = callee?.type === 'attribute' ? fieldOf(callee, 'attribute') : callee;
  return node ? { node, text: textOf(tree, node) } : null;
}

/** Pieces of source that compute something. */
export const computes: ReadonlySet<string> = new Set(['call', 'binary_operator', 'augmented_assignment']);

/** Whether a piece of source may be what computes an operator; null where nothing is known of how that is written. */
export function writes(op: string): ((tree: PythonTree, node: Syntax) => boolean) | null {
  const name = Object.hasOwn(sameAs, op) ? (sameAs[op] ?? op) : op;
  const spelling = Object.hasOwn(spellings, name) ? spellings[name] : undefined;
  if (!spelling) return null;
  return (tree, node) => {
    if (node.type === 'call') {
      const text = calleeName(tree, node)?.text;
      return text !== undefined && spelling.calls?.test(text) === true;
    }
    if (!computes.has(node.type)) return false;
    const operator = fieldOf(node, 'operator');
    return operator !== null && spelling.operators?.includes(textOf(tree, operator)) === true;
  };
}
