/** What a file may ask for in objects and memory, counted while it is walked and before anything is made of it. */
import { limits } from './limits';
import type { WireFault } from './wireError';

export interface Excess {
  readonly fault: WireFault;
  readonly detail: string;
}

/** Each method counts one thing and says if that was one too many. */
export class WalkBudget {
  private fields = 0;
  private elements = 0;
  private packedBytes = 0;

  field(): Excess | null {
    return ++this.fields > limits.fields ? tooMany(limits.fields, 'fields') : null;
  }

  element(): Excess | null {
    return ++this.elements > limits.elements ? tooMany(limits.elements, 'elements') : null;
  }

  packed(bytes: number): Excess | null {
    this.packedBytes += bytes;
    return this.packedBytes > limits.packedBytes
      ? { fault: 'too-large', detail: `more than ${String(limits.packedBytes)} bytes of packed numbers` }
      : null;
  }
}

const tooMany = (limit: number, what: string): Excess => ({
  fault: 'too-many',
  detail: `more than ${String(limit)} ${what}`,
});
