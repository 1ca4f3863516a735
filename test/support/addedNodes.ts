/**
 * Nodes that a fix added, held against the schemas of their operators: known, with as many inputs and outputs, with
 * attributes of those names and types, and with element types that the operator takes. The schemas are ONNX's own.
 */
import { readFileSync } from 'node:fs';
import type { ModelProto, NodeProto } from 'onnx-buf';
import { AttributeProto_AttributeType as AttributeType } from 'onnx-buf';
import { z } from 'zod';
import { fixKey } from '../../src/core/onnx/edit';
import { typeName } from '../../src/core/onnx/tensors';

const formal = z.object({ option: z.enum(['Single', 'Optional', 'Variadic']), type: z.string() });
const schemaOf = z.object({
  since: z.number(),
  inputs: z.array(formal),
  outputs: z.array(formal),
  types: z.record(z.string(), z.array(z.string())),
  attributes: z.record(z.string(), z.object({ type: z.string(), required: z.boolean() })),
});
type Schema = z.infer<typeof schemaOf>;
type Formal = z.infer<typeof formal>;

const file = new URL('../fixtures/schemas/operators.json', import.meta.url);
const operators = z.record(z.string(), z.array(schemaOf)).parse(JSON.parse(readFileSync(file, 'utf8')));

const spelled: Readonly<Record<string, string>> = { float32: 'float', float64: 'double' };
const tensorOf = (dtype: string): string => `tensor(${spelled[dtype] ?? dtype})`;

/** @param dtype of values of the model as it was, where known. @returns what is wrong, in words; empty where nothing is. */
export function addedNodeFaults(model: ModelProto, dtype: (value: string) => string | null): string[] {
  const opset = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0n;
  const made = new Map<string, string>();
  const typeOf = (value: string): string | null => {
    const known = made.get(value) ?? dtype(value);
    return known === null ? null : made.has(value) ? known : tensorOf(known);
  };
  return (model.graph?.node ?? []).flatMap((node) => {
    if (!node.metadataProps.some(({ key }) => key === fixKey)) return [];
    const schema = operators[node.opType]?.findLast(({ since }) => since <= Number(opset));
    const say = (what: string): string => `${node.opType} ${node.output.join()}: ${what}`;
    if (!schema || node.domain !== '') return [say(`no such operator in opset ${String(opset)}`)];
    return [...faultsOfAttributes(node, schema), ...faultsOfValues(node, schema, typeOf, made)].map(say);
  });
}

function faultsOfAttributes(node: NodeProto, schema: Schema): string[] {
  const unknown = node.attribute.flatMap(({ name, type }) => {
    const known = schema.attributes[name];
    if (!known) return [`no attribute ${name}`];
    return known.type === AttributeType[type] ? [] : [`attribute ${name} is not ${known.type}`];
  });
  const missing = Object.entries(schema.attributes)
    .filter(([name, { required }]) => required && !node.attribute.some((own) => own.name === name))
    .map(([name]) => `attribute ${name} is missing`);
  return [...unknown, ...missing];
}

/** Also notes the types of the node's outputs. */
function faultsOfValues(
  node: NodeProto,
  schema: Schema,
  typeOf: (value: string) => string | null,
  made: Map<string, string>,
): string[] {
  const faults = [...faultsOfCount('inputs', node.input, schema.inputs)];
  faults.push(...faultsOfCount('outputs', node.output, schema.outputs));
  const bound = new Map<string, string>();
  node.input.forEach((value, slot) => {
    const type = value === '' ? null : typeOf(value);
    const last = schema.inputs.at(-1);
    const wanted = (schema.inputs[slot] ?? (last?.option === 'Variadic' ? last : undefined))?.type;
    if (type === null || wanted === undefined) return;
    const allowed = schema.types[wanted] ?? [wanted];
    if (!allowed.includes(type)) faults.push(`input ${String(slot)} is ${type}`);
    const before = bound.get(wanted);
    if (before !== undefined && before !== type) faults.push(`inputs of ${wanted} are ${before} and ${type}`);
    bound.set(wanted, type);
  });
  node.output.forEach((value, slot) => {
    const own = schema.outputs[slot]?.type ?? '';
    const type = written(node) ?? bound.get(own) ?? onlyType(schema, own);
    if (type === null) return;
    // One that an input gave has been judged there.
    if (!bound.has(own) && !(schema.types[own] ?? [own]).includes(type))
      faults.push(`output ${String(slot)} is ${type}`);
    made.set(value, type);
  });
  return faults;
}

function faultsOfCount(what: string, values: readonly string[], formals: readonly Formal[]): string[] {
  const most = formals.at(-1)?.option === 'Variadic' ? Infinity : formals.length;
  const given = (slot: number): boolean => (values[slot] ?? '') !== '';
  const missing = formals.some(({ option }, slot) => option === 'Single' && !given(slot));
  return values.length > most || missing ? [`${String(values.length)} ${what}`] : [];
}

/** Type that a node's attributes name for its output. */
function written(node: NodeProto): string | null {
  for (const { name, i, t } of node.attribute) {
    if (node.opType === 'Cast' && name === 'to') return tensorOf(typeName(Number(i)));
    if (node.opType.startsWith('Constant') && name === 'value' && t) return tensorOf(typeName(t.dataType));
  }
  return null;
}

function onlyType(schema: Schema, type: string): string | null {
  const allowed = schema.types[type];
  return !allowed ? type || null : allowed.length === 1 ? (allowed[0] ?? null) : null;
}
