/** Why a node is not expanded: half a sentence, "it keeps a cache of keys". */
export class Refusal extends Error {}

export function refuse(reason: string): never {
  throw new Refusal(reason);
}
