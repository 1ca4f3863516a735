/** What a program asks about: where it asks if a number is 0, its author has thought of that. */
import type { Syntax } from '../syntax';
import type { Value } from '../values';

/** Of one function: values are known in all of the file, pieces of source in this function only. */
export class Asked {
  private readonly texts = new Set<string>();
  private readonly anyOf = new Set<number>();
  private readonly signs = new Set<string>();

  /** @param values one set for all of a file: what a caller asks about holds in what it calls */
  constructor(
    private readonly values: Set<number>,
    private readonly text: (node: Syntax) => string,
  ) {}

  /** `total > 0`, `if total` */
  about(node: Syntax, held: Value): void {
    this.values.add(held.id);
    this.texts.add(withoutShape(this.text(node)));
  }

  /** `square >= 0`: it may be 0 still. */
  aboutSign(node: Syntax): void {
    this.signs.add(withoutShape(this.text(node)));
  }

  /** Whether it was asked if what a root or a logarithm is taken of is below 0. */
  hasSign(node: Syntax, held: Value): boolean {
    return this.has(node, held) || this.signs.has(withoutShape(this.text(node)));
  }

  /** `mask.any()` */
  aboutAny(held: Value): void {
    this.anyOf.add(held.id);
  }

  /** Whether the number that is divided by was asked about, or what it is the sum of: `if mask.any()`. */
  has(node: Syntax, held: Value): boolean {
    const { id, spread, sumOf } = held;
    if (this.values.has(id) || this.texts.has(withoutShape(this.text(node)))) return true;
    return spread === 'count' && sumOf !== undefined && this.anyOf.has(sumOf.id);
  }
}

const shaped = /(\.(unsqueeze|squeeze|view|reshape|expand|float|to|type_as|double|half)\([^()]*\)|\[[^[\]]*\])$/;

/** `total` of `total.view(-1, 1)` */
function withoutShape(text: string): string {
  let plain = text;
  while (shaped.test(plain)) plain = plain.replace(shaped, '');
  return plain;
}
