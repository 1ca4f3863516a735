/** kimi-k2-mini whose node and tensor names are longer than any column and hold everything that could break a page. */
import { buildModel, serializeModel } from '../../../src/core/models';
import { hostileName } from '../../support/unsafeText';

const longScope = '/distributed_data_parallel_wrapper/module/language_model/text_decoder_with_cache/unwrapped';

export function hostileModel(): Uint8Array {
  const { proto } = buildModel('builtin:kimi-k2-mini?layers=3');
  const { graph } = proto;
  if (!graph) throw new Error('The built-in model has no graph.');
  const given = new Set(graph.input.map(({ name }) => name));
  const to = (name: string): string => (name === '' || given.has(name) ? name : `${longScope}${name}${hostileName}`);
  for (const named of [...graph.initializer, ...graph.output, ...graph.valueInfo, ...graph.node]) {
    named.name = to(named.name);
  }
  for (const node of graph.node) {
    node.input = node.input.map(to);
    node.output = node.output.map(to);
  }
  return serializeModel(proto);
}
