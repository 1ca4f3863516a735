/** Which id fills the padding of a model's token ids, as far as a file tells it without being run. */
import { keepsElementOrder } from '../onnx/axes/rules';
import type { Graph } from '../onnx/graph';

const padIdKey = /(^|[._-])pad(ding)?(_token)?_(id|idx|index)$/i;

/** `pad_token_id` and its like among the model's metadata; null where there is none, or no whole number from 0. */
export function padIdInMetadata(graph: Graph): number | null {
  for (const { key, value } of graph.model.metadataProps) {
    if (padIdKey.test(key) && /^\s*\d{1,15}\s*$/.test(value)) return Number(value);
  }
  return null;
}

/**
 * Constants that ids are compared with before anything else happens to them: the pad's id, mostly. It is only known to
 * be that if the comparison decides what the scores see; see `readMasks`.
 */
export function comparedWith(graph: Graph, input: string): number[] {
  const found = new Set<number>();
  const queue = [input];
  const seen = new Set(queue);
  for (let value = queue.pop(); value !== undefined; value = queue.pop()) {
    for (const node of graph.consumers.get(value) ?? []) {
      if (node.op === 'Equal') {
        const other = node.inputs.find((name) => name !== value) ?? '';
        const constant = graph.constantInts(other);
        if (constant?.length === 1) found.add(constant[0] ?? 0);
      } else if (node.op === 'Cast' || node.op === 'Identity' || keepsElementOrder(node)) {
        const next = node.inputs[0] === value ? node.outputs[0] : undefined;
        if (next === undefined || seen.has(next)) continue;
        seen.add(next);
        queue.push(next);
      }
    }
  }
  return [...found];
}
