import { extendZodWithOpenApi, OpenAPIRegistry, OpenApiGeneratorV31 } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import type { Method } from './app.ts';

extendZodWithOpenApi(z);

/** What a description says of a call. */
export interface DescribedCall {
	readonly method: Method | 'HEAD';
	/** `/node/{node}`; `{port...}` takes slashes as well. */
	readonly path: string;
	readonly summary: string;
	/** All arguments, those of the path among them; of a GET the others are its query, else its body. */
	readonly args: z.ZodObject;
	/** Headers that it takes, and those of its answer. */
	readonly headers?: z.ZodObject | undefined;
	readonly answerHeaders?: z.ZodObject | undefined;
	/** The media type of bytes that are sent to it, or answered, instead of JSON. */
	readonly takesBytes?: string | undefined;
	readonly givesBytes?: string | undefined;
	/** What is answered; an empty body when absent. */
	readonly answer?: z.ZodType | undefined;
	/** 200 when absent. */
	readonly status?: number | undefined;
	/** Statuses that it can be answered with besides, with what they mean. */
	readonly others?: Readonly<Record<number, { readonly description: string; readonly answer: z.ZodType }>>;
}

/** As OpenAPI has it: section 4.8.27, "Security Scheme Object". */
export type SecurityScheme =
	| { readonly type: 'http'; readonly scheme: 'basic' }
	| { readonly type: 'apiKey'; readonly in: 'header'; readonly name: string }
	| { readonly type: 'mutualTLS' };

export interface ApiDescription {
	readonly title: string;
	readonly version: string;
	readonly description: string;
	readonly prefix: string;
	readonly calls: readonly DescribedCall[];
	/** Statuses that any call can be answered with, and the body that they have. */
	readonly failures: Readonly<Record<number, string>>;
	readonly error: z.ZodType;
	/** Ways to log in, by names of ours; by HTTP Basic when absent. */
	readonly schemes?: Readonly<Record<string, SecurityScheme>>;
	/** Arguments that are any JSON: the schema of JSON refers to itself, which the generator would follow for ever. */
	readonly anyJson?: readonly string[];
}

/** The OpenAPI 3.1 description of an interface, from the schemas that its arguments are checked by. */
export function describeApi(api: ApiDescription): object {
	const registry = new OpenAPIRegistry();
	const { schemes = { basic: { type: 'http', scheme: 'basic' } } } = api;
	for (const [name, scheme] of Object.entries(schemes)) {
		registry.registerComponent('securitySchemes', name, scheme);
	}
	for (const call of api.calls) {
		const { method, path, summary, args, answer, status = 200, others = {} } = call;
		const named = [...path.matchAll(/\{(\w+)(\.\.\.)?\}/g)].map(([, name = '']) => name);
		const shape = Object.entries(args.shape) as [string, z.ZodType][];
		const inPath = shape.filter(([name]) => named.includes(name));
		const rest = shape.filter(([name]) => !named.includes(name));
		const body = z.object(Object.fromEntries(rest.map(each => describable(each, api.anyJson ?? []))));
		const { headers, answerHeaders, takesBytes, givesBytes } = call;
		const isQuery = method === 'GET' || method === 'HEAD';
		registry.registerPath({
			method: method.toLowerCase() as 'get',
			path: `${api.prefix}${path.replaceAll('...', '')}`,
			summary,
			security: Object.keys(schemes).map(name => ({ [name]: [] })),
			request: {
				...(headers && { headers }),
				...(takesBytes !== undefined && { body: bytesOf(takesBytes) }),
				...(inPath.length > 0 && {
					params: z.object(Object.fromEntries(inPath.map(([name]) => [name, z.string()]))),
				}),
				...(rest.length > 0 && isQuery && { query: body }),
				...(rest.length > 0 && !isQuery && { body: jsonOf(body) }),
			},
			responses: {
				[status]: {
					description: summary,
					...(answerHeaders && { headers: answerHeaders }),
					...(answer && jsonOf(answer)),
					...(givesBytes !== undefined && bytesOf(givesBytes)),
				},
				...Object.fromEntries(
					Object.entries(others).map(([code, other]) => [
						code,
						{ description: other.description, ...jsonOf(other.answer) },
					]),
				),
				...Object.fromEntries(
					Object.entries(api.failures).map(([code, description]) => [
						code,
						{ description, ...jsonOf(api.error) },
					]),
				),
			},
		});
	}
	const { title, version, description } = api;
	const info = { title, version, description };
	return new OpenApiGeneratorV31(registry.definitions).generateDocument({ openapi: '3.1.0', info });
}

/** OpenAPI 3.1 section 4.8.14.1: bytes are described by no schema of JSON's. */
const bytesOf = (type: string) => ({ content: { [type]: { schema: {} } } });
const jsonOf = (schema: z.ZodType) => ({ content: { 'application/json': { schema } } });

const describable = (
	[name, schema]: [string, z.ZodType],
	anyJson: readonly string[],
): [string, z.ZodType] => [
	name,
	anyJson.includes(name)
		? z.unknown().openapi({ type: ['object', 'array', 'string', 'number', 'boolean', 'null'] })
		: schema,
];
