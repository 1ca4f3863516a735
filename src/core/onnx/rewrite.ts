/**
 * Walks a protobuf message by its schema with positioned reads and never looks into payloads, so that a model of
 * many gigabytes costs as much as its graph. A callback may replace the content of each `TensorProto`; everything
 * else is carried over byte by byte. Loading (payload out, reference in) and saving (reference out, payload in)
 * are both this walk.
 *
 * The walk is also where a hostile file is stopped: lengths must nest, levels and counts are bounded, wire types
 * must fit the schema, text must be UTF-8, before any object is made of it.
 */
import type { DescMessage } from '@bufbuild/protobuf';
import { AttributeProtoSchema, GraphProtoSchema, NodeProtoSchema, TensorProtoSchema } from 'onnx-buf';
import type { RandomAccess } from './access';
import { Window } from './access';
import { fieldsOf, shapeOf } from './fieldShapes';
import { limits } from './limits';
import type { Segment } from './segments';
import { segmentsLength } from './segments';
import { lengthHead, lookAhead, readVarint, wireType } from './wire';
import type { WireFault } from './wireError';
import { WireError } from './wireError';
import type { Excess } from './walkBudget';
import { WalkBudget } from './walkBudget';

/** One length-delimited field of a tensor. */
export interface FieldRange {
  readonly no: number;
  /** Of the tag. */
  readonly start: number;
  readonly payload: number;
  readonly end: number;
}

/** A `TensorProto` as the walk saw it; offsets are into the walked bytes. */
export interface WalkedTensor {
  /** An initializer or the value of a `Constant` node, in whatever graph: there the engine takes external data. */
  readonly constant: boolean;
  /** Content, without tag and length. */
  readonly start: number;
  readonly end: number;
  /** Last value in the message, 0 when absent. */
  readonly dataType: number;
  /** `data_location`: last value, null when absent. */
  readonly dataLocation: number | null;
  /** Length-delimited `raw_data`, `float_data`, `double_data`, in order. */
  readonly payloads: readonly FieldRange[];
  /** `external_data` and `data_location`. */
  readonly placement: readonly FieldRange[];
}

export type ReplaceTensor = (tensor: WalkedTensor) => readonly Segment[] | null;

interface TensorNotes {
  readonly constant: boolean;
  dataType: number;
  dataLocation: number | null;
  payloads: FieldRange[];
  placement: FieldRange[];
}

interface Frame {
  readonly desc: DescMessage;
  /** Of this message's own tag; the outermost has none. */
  readonly tagStart: number;
  readonly fieldNo: number;
  readonly start: number;
  readonly end: number;
  readonly tensor: TensorNotes | null;
  /** Of a node whose op_type came before what is being read, as every writer has it. */
  isConstantNode: boolean;
  /** Null while nothing inside was replaced. */
  parts: Segment[] | null;
  /** Up to where `parts` has taken over the source. */
  taken: number;
}

const tensorField = { dataType: 2, floatData: 4, rawData: 9, doubleData: 10, externalData: 13, dataLocation: 14 };
const graphInitializer = 5;
const attributeTensor = 5;
const nodeOpType = 4;

/** Marks in `TensorProto` that the scanner leaves for its caller; no file may bring its own. */
export const markField = 0x1fff_fff7;

/**
 * @returns the message's content as segments, with replaced tensors in place.
 * @throws WireError; whatever `source.read` throws.
 */
export async function rewrite(
  desc: DescMessage,
  source: RandomAccess,
  replaceTensor: ReplaceTensor,
): Promise<Segment[]> {
  const walk = new Walk(source, desc, replaceTensor);
  return walk.run();
}

class Walk {
  private readonly window: Window;
  private readonly stack: Frame[];
  private position = 0;
  private readonly budget = new WalkBudget();
  private outerFields = 0;
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true });

  constructor(
    source: RandomAccess,
    desc: DescMessage,
    private readonly replaceTensor: ReplaceTensor,
  ) {
    this.window = new Window(source);
    const outermost = { desc, tagStart: 0, fieldNo: 0, start: 0, end: source.size, tensor: null };
    this.stack = [{ ...outermost, isConstantNode: false, parts: null, taken: 0 }];
  }

  async run(): Promise<Segment[]> {
    for (;;) {
      const frame = this.stack[this.stack.length - 1];
      if (!frame) {
        throw new Error('the walk lost its outermost message');
      }
      if (this.position < frame.end) {
        if (!this.window.covers(this.position, lookAhead)) {
          await this.window.load(this.position, lookAhead);
        }
        const textAt = this.field(frame);
        if (textAt) {
          await this.checkText(frame, textAt);
        }
        continue;
      }
      if (this.stack.length === 1) {
        return this.finish(frame);
      }
      this.close(frame);
    }
  }

  private fail(fault: WireFault, offset: number, detail: string): WireError {
    return new WireError(fault, offset, this.outerFields, detail);
  }

  private varint(limit: number): number {
    const local = this.position - this.window.start;
    const read = readVarint(this.window.bytes, local);
    if (!read) {
      const left = this.window.size - this.position;
      throw left < 10
        ? this.fail('ends-early', this.position, 'the bytes end inside a number')
        : this.fail('malformed', this.position, 'a number does not end');
    }
    this.position = this.window.start + read.next;
    if (this.position > limit) {
      throw this.fail('malformed', this.position, 'a number crosses the end of its message');
    }
    return read.value;
  }

  /** Reads one field; returns the range of a text that is still to be checked. */
  private field(frame: Frame): FieldRange | null {
    const start = this.position;
    this.spend(this.budget.field(), start);
    const tag = this.varint(frame.end);
    const no = Math.floor(tag / 8);
    const wire = tag % 8;
    if (tag > 0xffff_ffff || no === 0) {
      throw this.fail('malformed', start, 'impossible field number');
    }
    const field = fieldsOf(frame.desc).get(no);
    const shape = field ? shapeOf(field) : null;
    if (field && shape && wire !== shape.wire && !(shape.packable && wire === wireType.bytes)) {
      throw this.fail('wrong-type', start, `field ${field.name} of ${frame.desc.name} has wire type ${String(wire)}`);
    }
    if (frame.tensor && no === markField) {
      throw this.fail('malformed', start, 'a tensor uses a field number that is reserved');
    }
    let text: FieldRange | null = null;
    switch (wire) {
      case wireType.varint: {
        const value = this.varint(frame.end);
        if (frame.tensor && no === tensorField.dataType) frame.tensor.dataType = value;
        if (frame.tensor && no === tensorField.dataLocation) {
          frame.tensor.dataLocation = value;
          frame.tensor.placement.push({ no, start, payload: start, end: this.position });
        }
        break;
      }
      case wireType.fixed32:
        this.skip(frame, 4, start);
        break;
      case wireType.fixed64:
        this.skip(frame, 8, start);
        break;
      case wireType.bytes: {
        const length = this.varint(frame.end);
        const payload = this.position;
        this.checkEnd(frame, payload + length, start);
        const range: FieldRange = { no, start, payload, end: payload + length };
        if (frame.tensor) this.noteTensorField(frame.tensor, range);
        if (shape?.message) {
          this.open(shape.message, frame, range);
          if (this.stack.length === 2) this.outerFields++;
          return null;
        }
        if (shape?.packable && !this.staysInFile(frame, no)) this.spend(this.budget.packed(length), start);
        if (shape?.text) text = range;
        this.position = range.end;
        break;
      }
      case wireType.startGroup:
        this.skipGroup(frame, no, start);
        break;
      default:
        throw this.fail('malformed', start, `unknown wire type ${String(wire)}`);
    }
    // Unknown fields become objects as well.
    if (!shape || shape.repeated) this.spend(this.budget.element(), start);
    if (this.stack.length === 1) this.outerFields++;
    return text;
  }

  private staysInFile(frame: Frame, no: number): boolean {
    return frame.tensor !== null && (no === tensorField.floatData || no === tensorField.doubleData);
  }

  private skip(frame: Frame, length: number, start: number): void {
    this.checkEnd(frame, this.position + length, start);
    this.position += length;
  }

  private checkEnd(frame: Frame, end: number, start: number): void {
    if (end > this.window.size) {
      throw this.fail('ends-early', start, `a field needs ${String(end - this.window.size)} more bytes than there are`);
    }
    if (end > frame.end) {
      throw this.fail('malformed', start, `a field of ${frame.desc.name} reaches past the end of its message`);
    }
  }

  /** Groups are not used by ONNX; one can only be an unknown field, which is carried over. */
  private skipGroup(frame: Frame, no: number, start: number): void {
    const open = [no];
    while (open.length > 0) {
      if (open.length + this.stack.length > limits.depth) {
        throw this.fail('too-deep', start, 'groups are nested too deep');
      }
      // Groups are so rare that they need to fit the window; a larger one is not worth a parser of its own.
      if (!this.window.covers(this.position, lookAhead)) {
        throw this.fail('malformed', start, 'an unknown group is too large');
      }
      const tag = this.varint(frame.end);
      const wire = tag % 8;
      this.spend(this.budget.element(), start);
      if (wire === wireType.varint) this.varint(frame.end);
      else if (wire === wireType.fixed32) this.skip(frame, 4, start);
      else if (wire === wireType.fixed64) this.skip(frame, 8, start);
      else if (wire === wireType.bytes) this.skip(frame, this.varint(frame.end), start);
      else if (wire === wireType.startGroup) open.push(Math.floor(tag / 8));
      else if (wire === wireType.endGroup && open.pop() === Math.floor(tag / 8)) continue;
      else throw this.fail('malformed', start, 'a group is not closed properly');
    }
  }

  private spend(excess: Excess | null, at: number): void {
    if (excess) {
      throw this.fail(excess.fault, at, excess.detail);
    }
  }

  private noteTensorField(tensor: TensorNotes, range: FieldRange): void {
    switch (range.no) {
      case tensorField.rawData:
      case tensorField.floatData:
      case tensorField.doubleData:
        tensor.payloads.push(range);
        this.spend(this.budget.element(), range.start);
        break;
      case tensorField.externalData:
        tensor.placement.push(range);
        break;
    }
  }

  private open(desc: DescMessage, parent: Frame, range: FieldRange): void {
    this.spend(this.budget.element(), range.start);
    if (this.stack.length >= limits.depth) {
      throw this.fail('too-deep', range.start, `more than ${String(limits.depth)} levels of messages`);
    }
    const owner = this.stack[this.stack.length - 2];
    const constant =
      (parent.desc === GraphProtoSchema && range.no === graphInitializer) ||
      (parent.desc === AttributeProtoSchema && range.no === attributeTensor && owner?.isConstantNode === true);
    this.stack.push({
      desc,
      tagStart: range.start,
      fieldNo: range.no,
      start: range.payload,
      end: range.end,
      tensor:
        desc === TensorProtoSchema ? { constant, dataType: 0, dataLocation: null, payloads: [], placement: [] } : null,
      isConstantNode: false,
      parts: null,
      taken: range.payload,
    });
    this.position = range.payload;
  }

  private close(frame: Frame): void {
    this.stack.pop();
    const parent = this.stack[this.stack.length - 1];
    if (!parent) {
      throw new Error('a message without a parent was closed');
    }
    let content: readonly Segment[] | null = null;
    if (frame.tensor) {
      content = this.replaceTensor({ start: frame.start, end: frame.end, ...frame.tensor });
    } else if (frame.parts) {
      content = this.finish(frame);
    }
    if (!content) {
      return;
    }
    const parts = (parent.parts ??= []);
    if (frame.tagStart > parent.taken) {
      parts.push({ kind: 'source', offset: parent.taken, length: frame.tagStart - parent.taken });
    }
    parts.push({ kind: 'bytes', bytes: lengthHead(frame.fieldNo, segmentsLength(content)) });
    for (const segment of content) parts.push(segment);
    parent.taken = frame.end;
  }

  private finish(frame: Frame): Segment[] {
    const parts = frame.parts ?? [];
    if (frame.end > frame.taken) {
      parts.push({ kind: 'source', offset: frame.taken, length: frame.end - frame.taken });
    }
    return parts;
  }

  /** A text that is not UTF-8 would silently change on its way through a string, so it is refused. */
  private async checkText(frame: Frame, range: FieldRange): Promise<void> {
    const length = range.end - range.payload;
    if (length > limits.slimBytes) {
      throw this.fail('too-large', range.start, `a text of ${String(length)} bytes`);
    }
    if (!this.window.covers(range.payload, length)) {
      await this.window.load(range.payload, length);
    }
    const from = range.payload - this.window.start;
    const bytes = this.window.bytes.subarray(from, from + length);
    const ascii = isAscii(bytes);
    if (frame.desc === NodeProtoSchema && range.no === nodeOpType) {
      frame.isConstantNode = ascii && length === 8 && this.utf8.decode(bytes) === 'Constant';
    }
    if (ascii) {
      return;
    }
    try {
      this.utf8.decode(bytes);
    } catch {
      throw this.fail('not-text', range.start, 'a text is not UTF-8');
    }
  }
}

function isAscii(bytes: Uint8Array): boolean {
  for (const byte of bytes) {
    if (byte > 0x7f) return false;
  }
  return true;
}
