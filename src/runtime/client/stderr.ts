/** The last part of what the child wrote to stderr: for the log, and to tell why it died. */
export class StderrTail {
  private text = '';

  constructor(private readonly limit = 64 * 1024) {}

  add(chunk: string): void {
    this.text = (this.text + chunk).slice(-this.limit);
  }

  toString(): string {
    return this.text;
  }
}
