/** Which fixes a model holds already. */
import type { ModelProto } from 'onnx-buf';
import { NanoscopeError } from '../../core/errors';
import { fixKey } from '../../core/onnx/edit';
import { show } from '../../core/onnx/show';
import { claimOf } from './stamp';

/**
 * Told by the seal's entry, which holds on to the model when another tool saves it, and by the marks on the nodes that a
 * fix brought along.
 */
export function appliedFixes(proto: ModelProto): readonly string[] {
  const claim = claimOf(proto.metadataProps);
  const marked = (proto.graph?.node ?? []).flatMap((node) =>
    node.metadataProps.flatMap(({ key, value }) => (key === fixKey ? [value] : [])),
  );
  return [...new Set([...(claim?.fixes ?? claim?.fix.split('+') ?? []), ...marked])];
}

/** @throws NanoscopeError `fix-declined` where the model holds one of them already */
export function refuseTwice(name: string, proto: ModelProto, wanted: readonly string[]): void {
  const held = new Set(appliedFixes(proto));
  const twice = wanted.filter((fix) => held.has(fix));
  if (twice.length === 0) return;
  const rest = wanted.filter((fix) => !held.has(fix));
  throw new NanoscopeError(
    'fix-declined',
    `${show(name)} holds the fix ${twice.join(' and ')} already; applied twice it would do nothing new.`,
    rest.length > 0
      ? `Apply ${rest.join('+')} alone, or undo the fix first.`
      : 'Diagnose the model to see what is left, or undo the fix first.',
  );
}
