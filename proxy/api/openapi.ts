import { extendZodWithOpenApi, OpenAPIRegistry, OpenApiGeneratorV31 } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { consolesDescribed } from '../console/described.ts';
import { explainBody as explainSchema, explanationView } from '../explain/schemas.ts';
import { governanceDescribed } from '../governance/described.ts';
import * as audit from './audit-schemas.ts';
import type { Described } from './described.ts';
import * as schemas from './schemas.ts';

const waitingErrors = {
	404: 'No such request',
	409: 'It no longer waits, was authorized by this party already, or the digest names another request',
};

extendZodWithOpenApi(z);
/** Any JSON, said in one word: the schema of JSON refers to itself, which the generator would follow for ever. */
const body = z.json().openapi({ type: ['object', 'array', 'string', 'number', 'boolean', 'null'] });
const requestView = schemas.requestView.extend({ body });
const changes = z.array(z.strictObject({ property: z.string(), before: body.optional(), after: body }));
const reviewView = schemas.reviewView.extend({
	request: requestView,
	resource: z.strictObject({ path: z.string(), body, reason: z.string().nullable() }).nullable(),
	changes: changes.nullable(),
	upload: schemas.reviewView.shape.upload.unwrap().extend({ parameters: body }).nullable(),
});
const requestPage = schemas.requestPage.extend({ requests: z.array(requestView) });

const described: readonly Described[] = [
	...governanceDescribed,
	...consolesDescribed,
	{
		method: 'get',
		path: '/p2c/v1',
		summary: 'The site, its parties and the version of its policies',
		answer: schemas.serviceView,
	},
	{
		method: 'get',
		path: '/p2c/v1/openapi.json',
		summary: 'This description',
		answer: z.looseObject({ openapi: z.string() }),
	},
	{
		method: 'get',
		path: '/p2c/v1/me',
		summary: 'Who the credential stands for',
		answer: schemas.operatorView,
	},
	{ method: 'get', path: '/p2c/v1/bmcs', summary: 'The BMCs behind this proxy', answer: schemas.bmcList },
	{
		method: 'post',
		path: '/p2c/v1/bmcs/{name}/repair',
		summary:
			'Shut again what stands open at an enrolled BMC beside the proxy, by requests of the asking operator',
		body: z.strictObject({}),
		answer: schemas.repairView,
		errors: { 404: 'No such BMC' },
	},
	{
		method: 'post',
		path: '/p2c/v1/explain',
		summary:
			'What would come of a request, and why: rows, clauses, policies with their values. Nothing is executed',
		body: explainSchema.extend({ body: body.optional() }),
		answer: explanationView.extend({ rows: z.array(z.looseObject({ operation: z.string() })) }),
		errors: { 404: 'No such BMC or party' },
	},
	{
		method: 'get',
		path: '/p2c/v1/lockouts',
		summary: 'Operators of the own party who have to wait after wrong passwords',
		answer: schemas.lockoutList,
	},
	{
		method: 'post',
		path: '/p2c/v1/lockouts/unlock',
		summary: 'Let an operator of the own party try again',
		body: schemas.unlockBody,
		answer: schemas.unlockView,
		errors: { 404: 'The party has no such operator' },
	},
	{
		method: 'get',
		path: '/p2c/v1/policies',
		summary: 'The authorization table and all policies',
		answer: schemas.policiesView,
	},
	{
		method: 'get',
		path: '/p2c/v1/requests',
		summary: 'Requests that wait, or waited, for others',
		query: schemas.requestQuery,
		answer: requestPage,
	},
	{
		method: 'get',
		path: '/p2c/v1/requests/{id}',
		summary: 'One request: exactly what would be executed',
		answer: requestView,
		errors: { 404: 'No such request' },
	},
	{
		method: 'get',
		path: '/p2c/v1/requests/{id}/review',
		summary: 'What an approver looks at: the request, its target and what each policy says, as they are now',
		answer: reviewView,
		errors: { 404: 'No such request', 409: 'Its BMC is no longer part of the site' },
	},
	{
		method: 'get',
		path: '/p2c/v1/requests/{id}/image',
		summary: 'The image that was uploaded with a request, while it waits',
		answer: z.string().meta({ format: 'binary' }),
		mediaType: 'application/octet-stream',
		errors: { 404: 'No such request, or one without an image', 409: 'It is no longer kept' },
	},
	{
		method: 'post',
		path: '/p2c/v1/requests/{id}/approve',
		summary: 'Authorize this very request; the last authorization executes it',
		body: schemas.approveBody,
		answer: requestView,
		errors: { ...waitingErrors, 403: 'It does not wait for this party' },
	},
	{
		method: 'post',
		path: '/p2c/v1/requests/{id}/deny',
		summary: 'End it, with a reason',
		body: schemas.denyBody,
		answer: requestView,
		errors: waitingErrors,
	},
	{
		method: 'post',
		path: '/p2c/v1/requests/{id}/withdraw',
		summary: 'Its requester takes it back',
		body: schemas.withdrawBody,
		answer: requestView,
		errors: { ...waitingErrors, 403: 'It is somebody else’s' },
	},
	{
		method: 'get',
		path: '/p2c/v1/audit/key',
		summary: 'The public key that signs the audit log',
		answer: audit.keyView,
	},
	{
		method: 'get',
		path: '/p2c/v1/audit/checkpoint',
		summary: 'The newest checkpoint of the audit log: a signed tree head',
		answer: audit.checkpointView,
	},
	{
		method: 'get',
		path: '/p2c/v1/audit/checkpoints',
		summary: 'Checkpoints of more than so many records, oldest first',
		query: audit.pageQuery,
		answer: audit.checkpointPage,
	},
	{
		method: 'get',
		path: '/p2c/v1/audit/records',
		summary: 'Records of the audit log as stored, as far as they are signed',
		query: audit.pageQuery,
		answer: audit.recordPage,
	},
	{
		method: 'get',
		path: '/p2c/v1/audit/proof/inclusion',
		summary: 'That a record is among the first so many: RFC 6962 section 2.1.1',
		query: audit.inclusionQuery,
		answer: audit.inclusionView,
		errors: { 404: 'So many records are not signed yet' },
	},
	{
		method: 'get',
		path: '/p2c/v1/audit/proof/consistency',
		summary: 'That a log is the beginning of a longer one: RFC 6962 section 2.1.2',
		query: audit.consistencyQuery,
		answer: audit.consistencyView,
		errors: { 404: 'So many records are not signed yet' },
	},
];

/** The OpenAPI 3.1 description of `/p2c/v1`, generated from the schemas that parse its bodies. */
export function describeApi(version: string): object {
	const registry = new OpenAPIRegistry();
	registry.registerComponent('securitySchemes', 'basic', { type: 'http', scheme: 'basic' });
	registry.registerComponent('securitySchemes', 'session', {
		type: 'apiKey',
		in: 'header',
		name: 'X-Auth-Token',
	});
	for (const each of described) {
		const { method, path, summary, answer, mediaType = 'application/json', body, query, errors = {} } = each;
		const failures = { 400: 'The request does not fit its schema', 401: 'Not logged in', ...errors };
		registry.registerPath({
			method,
			path,
			summary,
			security: [{ basic: [] }, { session: [] }],
			request: {
				...(path.includes('{') && { params: parametersOf(path) }),
				...(query && { query }),
				...(body && { body: { required: true, content: { 'application/json': { schema: body } } } }),
			},
			responses: {
				200: { description: summary, content: { [mediaType]: { schema: answer } } },
				...Object.fromEntries(
					Object.entries(failures).map(([status, description]) => [
						status,
						{ description, content: { 'application/problem+json': { schema: schemas.problem } } },
					]),
				),
			},
		});
	}
	return new OpenApiGeneratorV31(registry.definitions).generateDocument({
		openapi: '3.1.0',
		info: {
			title: 'Bimetal P²C',
			version,
			description: 'Two-person control: requests that wait for another party.',
		},
	});
}

const parametersOf = (path: string) =>
	z.object(Object.fromEntries([...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, z.string()])));
