// Writes src/lib/apiTypes.ts from the schemas of docs/openapi.yaml; with --check only says whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const description = new URL('../../docs/openapi.yaml', import.meta.url);
const types = new URL('../src/lib/apiTypes.ts', import.meta.url);

const HEADER = `/** Shapes of the HTTP API, written by \`npm run api-types\` from docs/openapi.yaml: change that instead. */\n`;

const scalars = { string: 'string', integer: 'number', number: 'number', boolean: 'boolean', null: 'null' };

/** The TypeScript of one schema. Throws on a form this script does not know, rather than write \`any\`. */
function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split('/').at(-1);
  if (schema.anyOf) return union(schema.anyOf.map(typeOf));
  if (schema.enum) return union(schema.enum.map((value) => `'${value}'`));
  if (Array.isArray(schema.type)) return union(schema.type.map((type) => typeOf({ ...schema, type })));
  if (schema.type === 'array') {
    const items = typeOf(schema.items);
    return items.includes('|') ? `(${items})[]` : `${items}[]`;
  }
  if (schema.type === 'object' && !schema.properties) return 'Record<string, unknown>';
  const scalar = scalars[schema.type];
  if (!scalar) throw new Error(`A schema of an unknown form: ${JSON.stringify(schema)}`);
  return scalar;
}

function union(members) {
  return [...new Set(members)].join(' | ');
}

function comment(text, indent = '') {
  return text
    ? `${indent}/** ${text
        .trim()
        .replace(/\s*\n\s*/g, ' ')
        .replaceAll('*/', '* /')} */\n`
    : '';
}

function declaration(name, schema) {
  if (schema.type !== 'object' || !schema.properties) {
    return `${comment(schema.description)}export type ${name} = ${typeOf(schema)};\n`;
  }
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties).map(
    ([field, value]) =>
      `${comment(value.description, '  ')}  ${field}${required.has(field) ? '' : '?'}: ${typeOf(value)};\n`,
  );
  return `${comment(schema.description)}export interface ${name} {\n${fields.join('')}}\n`;
}

const { schemas } = parse(readFileSync(description, 'utf8')).components;
const text = [HEADER, ...Object.entries(schemas).map(([name, schema]) => declaration(name, schema))].join(
  '\n',
);

if (process.argv.includes('--check')) {
  if (readFileSync(types, 'utf8') !== text) {
    console.error(
      `${fileURLToPath(types)} differs from docs/openapi.yaml: run "npm run api-types" and commit it.`,
    );
    process.exit(1);
  }
} else {
  writeFileSync(types, text);
}
