/** What the schema says about a field's looks on the wire, kept per field: a scan asks once for every field it meets. */
import { ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { wireType } from './wire';

const fieldTables = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

/** Fields of a message by number. */
export function fieldsOf(desc: DescMessage): ReadonlyMap<number, DescField> {
  let table = fieldTables.get(desc);
  if (!table) {
    table = new Map(desc.fields.map((field) => [field.number, field]));
    fieldTables.set(desc, table);
  }
  return table;
}

function messageOf(field: DescField): DescMessage | null {
  if (field.fieldKind === 'message') return field.message;
  if (field.fieldKind === 'list' && field.listKind === 'message') return field.message;
  return null;
}

function wireTypeOfScalar(type: ScalarType): number {
  switch (type) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return wireType.bytes;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return wireType.fixed32;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return wireType.fixed64;
    default:
      return wireType.varint;
  }
}

/** What one field may look like on the wire. */
export interface FieldShape {
  readonly wire: number;
  readonly packable: boolean;
  readonly repeated: boolean;
  readonly text: boolean;
  readonly message: DescMessage | null;
}

const shapes = new WeakMap<DescField, FieldShape>();

export function shapeOf(field: DescField): FieldShape {
  let shape = shapes.get(field);
  if (!shape) {
    const message = messageOf(field);
    const scalar =
      field.fieldKind === 'scalar' || (field.fieldKind === 'list' && field.listKind === 'scalar')
        ? field.scalar
        : undefined;
    const wire = message ? wireType.bytes : scalar === undefined ? wireType.varint : wireTypeOfScalar(scalar);
    const repeated = field.fieldKind === 'list';
    shape = {
      wire,
      repeated,
      packable: repeated && wire !== wireType.bytes,
      text: scalar === ScalarType.STRING,
      message,
    };
    shapes.set(field, shape);
  }
  return shape;
}
