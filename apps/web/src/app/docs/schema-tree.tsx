import { ChevronRight } from 'lucide-react';
import type { ApiDocument, Schema } from './document';
import { InlineText } from './inline-text';
import { choicesOf, constraintWords, fieldsInside, refsInside, typeWords } from './schema-words';

/** A schema with more fields than this shows what is inside them only when asked. */
const OPEN_BELOW = 4;

interface SchemaTreeProps {
  document: ApiDocument;
  schema: Schema;
  /** Of a request, what must be sent is marked; of an answer, what may be absent. */
  side: 'request' | 'answer';
  /** Components around this one. */
  trail?: readonly string[];
}

/** The fields of an object, those inside them on demand. A value without fields is one line. */
export function SchemaTree({ document, schema, side, trail = [] }: SchemaTreeProps) {
  const object = fieldsInside(document, schema);
  if (!object?.properties) {
    return (
      <p className="text-ink-2">
        <ValueWords schema={schema} />
      </p>
    );
  }
  const fields = Object.entries(object.properties);
  const below = [...trail, ...refsInside(schema)];
  return (
    <ul className="divide-y">
      {fields.map(([name, field]) => (
        <li key={name} className="py-2 first:pt-0 last:pb-0">
          <Field
            document={document}
            name={name}
            schema={field}
            side={side}
            required={object.required?.includes(name) === true}
            open={trail.length === 0 && fields.length < OPEN_BELOW}
            trail={below}
          />
        </li>
      ))}
    </ul>
  );
}

interface FieldProps extends Required<SchemaTreeProps> {
  name: string;
  required: boolean;
  open: boolean;
}

function Field({ document, name, schema, side, required, open, trail }: FieldProps) {
  const again = refsInside(schema).some((ref) => trail.includes(ref));
  const inside = again ? undefined : fieldsInside(document, schema);
  return (
    <>
      <FieldLine
        name={name}
        schema={schema}
        required={required && side === 'request'}
        remark={required || side === 'request' ? undefined : 'may be absent'}
      />
      {inside ? (
        <details open={open} className="group mt-1.5">
          <summary className="flex w-fit cursor-pointer list-none items-center gap-1 rounded text-accent text-xs hover:underline [&::-webkit-details-marker]:hidden">
            <ChevronRight aria-hidden className="size-3 transition-transform group-open:rotate-90" />
            Fields of {name}
          </summary>
          <div className="mt-2 border-l pl-3">
            <SchemaTree document={document} schema={schema} side={side} trail={[...trail, name]} />
          </div>
        </details>
      ) : null}
    </>
  );
}

interface FieldLineProps {
  name: string;
  schema: Schema;
  required: boolean;
  description?: string | undefined;
  /** One more phrase, such as where a parameter goes. */
  remark?: string | undefined;
}

/** Name, type, whether it must be there, its bounds and what it means. */
export function FieldLine({ name, schema, required, description = schema.description, remark }: FieldLineProps) {
  return (
    <>
      <p className="flex flex-wrap items-baseline gap-x-2 gap-y-0.5">
        <code className="break-all font-medium font-mono text-ink text-xs">{name}</code>
        <ValueWords schema={schema} />
        {remark ? <span className="text-ink-3 text-xs">{remark}</span> : null}
        {required ? <span className="font-medium text-warn text-xs">required</span> : null}
      </p>
      {description ? (
        <p className="mt-0.5 max-w-prose break-words text-ink-2">
          <InlineText text={description} />
        </p>
      ) : null}
    </>
  );
}

function ValueWords({ schema }: { schema: Schema }) {
  const choices = choicesOf(schema);
  return (
    <>
      <span className="text-ink-3 text-xs">{typeWords(schema)}</span>
      {constraintWords(schema).map((phrase) => (
        <span key={phrase} className="break-all text-ink-3 text-xs">
          {phrase}
        </span>
      ))}
      {choices.length > 0 ? (
        <span className="flex flex-wrap gap-1">
          <span className="sr-only">one of</span>
          {choices.map((choice) => (
            <code key={choice} className="rounded bg-hover px-1 font-mono text-2xs text-ink-2">
              {choice}
            </code>
          ))}
        </span>
      ) : null}
    </>
  );
}
