import { ChevronRight, Link2 } from 'lucide-react';
import type { ReactNode } from 'react';
import { AccessBadge, Method } from './badges';
import { CodeBlock } from './code-block';
import {
  type ApiDocument,
  type Operation as Described,
  errorsOf,
  jsonSchemaOf,
  type Parameter,
  successOf,
} from './document';
import { curlOf, exampleOf } from './example';
import { InlineText } from './inline-text';
import { FieldLine, SchemaTree } from './schema-tree';
import { typeWords } from './schema-words';

/** On every read or write alike: the notes explain them once. */
const COMMON: Readonly<Record<string, string>> = {
  'X-Quorate-Min-Index': 'consistency',
  consistency: 'consistency',
  'Idempotency-Key': 'idempotency',
};

const PLACES = { path: 'in the path', query: 'in the query', header: 'as a header' } as const;

interface OperationProps {
  document: ApiDocument;
  operation: Described;
  /** Where the examples send their requests. */
  origin: string;
}

/** One operation: what it takes, what it answers, how it fails, and a command that calls it. */
export function Operation({ document, operation, origin }: OperationProps) {
  const { operationId, method, path, summary = operationId, description, access } = operation;
  const success = successOf(operation);
  const answer = jsonSchemaOf(success?.response.content);
  return (
    <article
      id={operationId}
      aria-labelledby={`${operationId}-title`}
      className="scroll-mt-14 border-t py-6 target:bg-accent-soft/30"
    >
      <div className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
        <h3 id={`${operationId}-title`} className="max-w-prose font-semibold text-base text-ink">
          {summary}
        </h3>
        <AccessBadge access={access} />
        <a
          href={`#${operationId}`}
          aria-label={`Link to ${operationId}`}
          className="rounded p-1 text-ink-3 hover:bg-hover hover:text-ink"
        >
          <Link2 aria-hidden className="size-3.5" />
        </a>
      </div>
      <p className="mt-1 flex items-baseline gap-2 text-sm">
        <Method method={method} />
        <code className="min-w-0 break-all font-mono text-ink">{path}</code>
      </p>
      {description ? (
        <p className="mt-1.5 max-w-prose text-ink-2">
          <InlineText text={description} />
        </p>
      ) : null}
      <div className="mt-4 grid gap-x-8 gap-y-5 xl:grid-cols-[minmax(0,1fr)_26rem]">
        <div className="min-w-0 space-y-5">
          <Parameters parameters={operation.parameters ?? []} />
          <RequestBody document={document} operation={operation} />
          <Answer document={document} operation={operation} />
          <Errors operation={operation} />
        </div>
        <div className="min-w-0 space-y-3">
          <CodeBlock
            text={curlOf(document, operation, origin)}
            title="curl"
            what={`the curl command of ${operationId}`}
          />
          {answer ? (
            <Disclosure summary={`Example of the ${success?.status ?? ''} answer`}>
              <CodeBlock
                text={JSON.stringify(exampleOf(document, answer), null, 2)}
                title="application/json"
                what={`the example answer of ${operationId}`}
              />
            </Disclosure>
          ) : null}
        </div>
      </div>
    </article>
  );
}

function Part({ title, children }: { title: ReactNode; children: ReactNode }) {
  return (
    <section>
      <h4 className="mb-2 font-semibold text-ink text-xs">{title}</h4>
      {children}
    </section>
  );
}

function Disclosure({ summary, children }: { summary: ReactNode; children: ReactNode }) {
  return (
    <details className="group/disclosure">
      <summary className="flex w-fit cursor-pointer list-none items-center gap-1 rounded font-semibold text-ink text-xs hover:underline [&::-webkit-details-marker]:hidden">
        <ChevronRight aria-hidden className="size-3 shrink-0 transition-transform group-open/disclosure:rotate-90" />
        {summary}
      </summary>
      <div className="mt-2">{children}</div>
    </details>
  );
}

function Parameters({ parameters }: { parameters: readonly Parameter[] }) {
  const own = parameters.filter((parameter) => !COMMON[parameter.name]);
  const common = parameters.filter((parameter) => COMMON[parameter.name]);
  return (
    <Part title="Parameters">
      <ul className="divide-y">
        {own.map((parameter) => (
          <li key={`${parameter.in} ${parameter.name}`} className="py-2 first:pt-0">
            <FieldLine
              name={parameter.name}
              schema={parameter.schema}
              required={parameter.required === true}
              description={parameter.description}
              remark={PLACES[parameter.in]}
            />
          </li>
        ))}
        {common.length > 0 ? (
          <li className="py-2 text-ink-3 first:pt-0">
            {own.length > 0 ? 'Also ' : ''}
            {common.map((parameter, index) => (
              <span key={parameter.name}>
                {index > 0 ? ' and ' : ''}
                <a
                  href={`#${COMMON[parameter.name]}`}
                  className="font-mono text-ink-2 text-xs underline underline-offset-2 hover:text-ink"
                >
                  {parameter.name}
                </a>{' '}
                {PLACES[parameter.in]}
              </span>
            ))}
            .
          </li>
        ) : null}
      </ul>
    </Part>
  );
}

function RequestBody({ document, operation }: Omit<OperationProps, 'origin'>) {
  const schema = jsonSchemaOf(operation.requestBody?.content);
  if (!schema) return null;
  return (
    <Part
      title={
        <>
          Body{' '}
          <span className="font-normal text-ink-3">
            JSON{operation.requestBody?.required ? '' : ', may be left out'}
          </span>
        </>
      }
    >
      <SchemaTree document={document} schema={schema} side="request" />
    </Part>
  );
}

function Answer({ document, operation }: Omit<OperationProps, 'origin'>) {
  const success = successOf(operation);
  if (!success) return null;
  const schema = jsonSchemaOf(success.response.content);
  const [mediaType] = Object.keys(success.response.content ?? {});
  const what = schema ? (schema.$ref ? typeWords(schema) : 'JSON') : (mediaType ?? 'no body');
  return (
    <Part
      title={
        <>
          Answer <span className="font-mono text-ok">{success.status}</span>{' '}
          <span className="font-normal text-ink-3">{what}</span>
        </>
      }
    >
      {schema ? <SchemaTree document={document} schema={schema} side="answer" /> : null}
      {mediaType && !schema ? <p className="text-ink-2">Text, not JSON.</p> : null}
      {mediaType ? null : <p className="text-ink-2">{success.response.description}.</p>}
    </Part>
  );
}

function Errors({ operation }: { operation: Described }) {
  const all = errorsOf(operation);
  return (
    <Disclosure
      summary={
        <span>
          Errors <span className="font-mono font-normal text-ink-3">{all.map(({ status }) => status).join(' ')}</span>
        </span>
      }
    >
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1.5">
        {all.map(({ status, errors }) => (
          <div key={status} className="col-span-2 grid grid-cols-subgrid">
            <dt className="font-mono text-bad text-xs leading-5">{status}</dt>
            {errors.map(({ code, title }) => (
              <dd key={code} className="col-start-2 text-ink-2">
                <code className="break-all font-mono text-ink text-xs">{code}</code> {title}
              </dd>
            ))}
          </div>
        ))}
      </dl>
    </Disclosure>
  );
}
