import type { Message } from '@bufbuild/protobuf';

/**
 * A shallow copy of a message with other fields. A spread would not do: the defaults of fields that are not set lie on
 * the message's prototype, and a copy without it gives `undefined` for them.
 */
export function altered<M extends Message>(message: M, changes: Partial<Omit<M, '$typeName' | '$unknown'>>): M {
  const copy = Object.create(Object.getPrototypeOf(message) as object) as M;
  return Object.assign(copy, message, changes);
}
