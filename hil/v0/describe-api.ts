import { extendZodWithOpenApi, OpenAPIRegistry, OpenApiGeneratorV31 } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { type HilRoute, OtherAnswer, reads } from './route.ts';
import * as views from './views.ts';

extendZodWithOpenApi(z);

/** Statuses that any call can be answered with, besides its own. */
const failures: Readonly<Record<number, string>> = {
	400: 'The arguments do not fit the call',
	401: 'Not logged in, or not allowed',
	404: 'Something that the call names is not there',
	409: 'It is there already, in use, or of another project',
};

/** The OpenAPI 3.1 description of the interface, from the schemas that its arguments are checked by. */
function describeApi(prefix: string, routes: readonly HilRoute[], version: string): object {
	const registry = new OpenAPIRegistry();
	registry.registerComponent('securitySchemes', 'basic', { type: 'http', scheme: 'basic' });
	for (const { method, path, summary, args, answer, status = 200, mayWait } of routes) {
		const named = [...path.matchAll(/\{(\w+)(\.\.\.)?\}/g)].map(([, name = '']) => name);
		const shape = Object.entries(args.shape) as [string, z.ZodType][];
		const params = shape.filter(([name]) => named.includes(name));
		const others = z.object(
			Object.fromEntries(shape.filter(([name]) => !named.includes(name)).map(describable)),
		);
		const hasOthers = Object.keys(others.shape).length > 0;
		const isGet = method === 'GET';
		registry.registerPath({
			method: method.toLowerCase() as 'get',
			path: `${prefix}${path.replaceAll('...', '')}`,
			summary,
			security: [{ basic: [] }],
			request: {
				...(params.length > 0 && {
					params: z.object(Object.fromEntries(params.map(([name]) => [name, z.string()]))),
				}),
				...(hasOthers && isGet && { query: others }),
				...(hasOthers && !isGet && { body: { content: { 'application/json': { schema: others } } } }),
			},
			responses: {
				[status]: {
					description: summary,
					...(answer && { content: { 'application/json': { schema: answer } } }),
				},
				...(mayWait && {
					202: {
						description: 'Another party must agree first',
						content: { 'application/json': { schema: views.waiting } },
					},
				}),
				...Object.fromEntries(
					Object.entries(failures).map(([code, description]) => [
						code,
						{ description, content: { 'application/json': { schema: views.error } } },
					]),
				),
			},
		});
	}
	return new OpenApiGeneratorV31(registry.definitions).generateDocument({
		openapi: '3.1.0',
		info: {
			title: 'Bimetal hil',
			version,
			description:
				prefix === '/v0'
					? "Allocation of nodes and networks: the Hardware Isolation Layer's own interface."
					: 'Allocation of nodes and networks: what goes beyond the interface under /v0.',
		},
	});
}

/** The schema of any JSON refers to itself, which the generator would follow for ever. */
const anyJson = z.unknown().openapi({ type: ['object', 'array', 'string', 'number', 'boolean', 'null'] });
const describable = ([name, schema]: [string, z.ZodType]): [string, z.ZodType] => [
	name,
	name === 'value' || name === 'metadata' ? anyJson : schema,
];

/** The routes, and one more that describes them all. */
export function withDescription(prefix: string, routes: readonly HilRoute[]): HilRoute[] {
	const described: HilRoute = reads({
		path: '/openapi.json',
		action: 'api.describe',
		summary: 'This description',
		answer: z.looseObject({ openapi: z.string() }),
		verb: async () => undefined,
		after: (_result, { version }) =>
			new OtherAnswer(200, describeApi(prefix, [...routes, described], version)),
	});
	return [...routes, described];
}
