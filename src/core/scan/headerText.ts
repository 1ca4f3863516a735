/**
 * Reads JSON of a known shape: objects, strings and lists of whole numbers, nothing else. `JSON.parse` would build
 * whatever a hostile header says before anybody could look at it, and keeps the last of two equal keys.
 */
import type { NanoscopeError } from '../errors';
import { show } from '../onnx/show';

/** More than any file of a model has, and few enough to be gone through in one turn. */
export const mostKeys = 250_000;
const mostNumbers = 1000;

const digits = /(?:0|[1-9]\d*)(?![\d.eE])/y;

export class HeaderText {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly problem: (why: string) => NanoscopeError,
  ) {}

  /** Whoever is called with a key reads its value. A key may not come twice. */
  object(value: (key: string) => void): void {
    const keys = new Set<string>();
    this.expect('{');
    if (this.skips('}')) return;
    do {
      const key = this.string();
      if (keys.has(key)) this.fail(`${show(key)} comes twice`);
      if (keys.size === mostKeys) this.fail(`an object has more than ${String(mostKeys)} keys`);
      keys.add(key);
      this.expect(':');
      value(key);
    } while (this.skips(','));
    this.expect('}');
  }

  string(): string {
    this.expect('"');
    const start = this.at;
    for (;;) {
      const quote = this.text.indexOf('"', this.at);
      if (quote === -1) return this.fail('a text has no end');
      this.at = quote + 1;
      if (!this.isEscaped(quote, start)) break;
    }
    try {
      return String(JSON.parse(this.text.slice(start - 1, this.at)));
    } catch {
      return this.fail(`a text at character ${String(start)} is not as JSON writes it`);
    }
  }

  wholeNumbers(): readonly number[] {
    const numbers: number[] = [];
    this.expect('[');
    if (this.skips(']')) return numbers;
    do {
      if (numbers.length === mostNumbers) this.fail(`a list has more than ${String(mostNumbers)} numbers`);
      numbers.push(this.wholeNumber());
    } while (this.skips(','));
    this.expect(']');
    return numbers;
  }

  /** Nothing but white space may follow. */
  end(): void {
    this.skipSpace();
    if (this.at < this.text.length) this.unexpected('nothing more');
  }

  fail(why: string): never {
    throw this.problem(why);
  }

  private wholeNumber(): number {
    this.skipSpace();
    digits.lastIndex = this.at;
    const [found] = digits.exec(this.text) ?? [];
    if (found === undefined) return this.unexpected('a whole number');
    this.at += found.length;
    return Number(found);
  }

  private isEscaped(quote: number, start: number): boolean {
    let slashes = 0;
    while (quote - slashes > start && this.text[quote - slashes - 1] === '\\') slashes++;
    return slashes % 2 === 1;
  }

  private expect(character: string): void {
    if (!this.skips(character)) this.unexpected(`"${character}"`);
  }

  private skips(character: string): boolean {
    this.skipSpace();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private skipSpace(): void {
    while (' \t\n\r'.includes(this.text[this.at] ?? '-')) this.at++;
  }

  private unexpected(wanted: string): never {
    const found = this.text.slice(this.at, this.at + 12);
    return this.fail(
      `${wanted} should stand at character ${String(this.at)}, ${found === '' ? 'where it ends' : `not ${show(found)}`}`,
    );
  }
}
