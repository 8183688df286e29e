// /p2c/v1: what its description says is what is there, and every answer fits its schema.
import test from 'ava';
import type { z } from 'zod';
import { createAuditRoutes } from '../../proxy/api/audit-routes.ts';
import { createLockoutRoutes } from '../../proxy/api/lockout-routes.ts';
import { createApiRoutes } from '../../proxy/api/routes.ts';
import * as schemas from '../../proxy/api/schemas.ts';
import { createConsoleRoutes } from '../../proxy/console/routes.ts';
import { createRepairRoutes } from '../../proxy/enrol/routes.ts';
import { createExplainRoutes } from '../../proxy/explain/routes.ts';
import { createGovernanceRoutes } from '../../proxy/governance/routes.ts';
import { startTestProxy, type TestProxy } from './start-proxy.ts';

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site?.close());

const described = async () => (await site.ask('cp-operator', 'GET', '/p2c/v1/openapi.json')).json;

test('it describes exactly the routes that there are', async t => {
	const { paths, openapi } = await described();
	t.is(openapi, '3.1.0');
	const view = paths['/p2c/v1/requests/{id}'].get.responses['200'].content['application/json'].schema;
	t.deepEqual(view.required.sort(), Object.keys(schemas.requestView.shape).sort());
	const listed = Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
		Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
	);
	const offered = [
		...createApiRoutes({} as Parameters<typeof createApiRoutes>[0]),
		...createAuditRoutes({} as Parameters<typeof createAuditRoutes>[0]),
		...createLockoutRoutes({} as Parameters<typeof createLockoutRoutes>[0]),
		...createExplainRoutes({} as Parameters<typeof createExplainRoutes>[0]),
		...createRepairRoutes({} as Parameters<typeof createRepairRoutes>[0]),
		...createConsoleRoutes({} as Parameters<typeof createConsoleRoutes>[0]),
		...createGovernanceRoutes({} as Parameters<typeof createGovernanceRoutes>[0]),
	].map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
	t.deepEqual(listed.sort(), offered.sort());
});

test('every answer fits the schema that is described for it', async t => {
	const held = await site.at('hso-operator')('POST', '/redfish/v1/UpdateService/update', {
		body: Buffer.from('not really an image'),
		headers: { 'content-type': 'application/octet-stream' },
	});
	t.is(held.status, 202);
	const { Id: id, Oem: oem } = held.json;
	const answers: readonly (readonly [string, z.ZodType])[] = [
		['/p2c/v1', schemas.serviceView],
		['/p2c/v1/me', schemas.operatorView],
		['/p2c/v1/bmcs', schemas.bmcList],
		['/p2c/v1/policies', schemas.policiesView],
		['/p2c/v1/requests', schemas.requestPage],
		[`/p2c/v1/requests/${id}`, schemas.requestView],
	];
	for (const [path, schema] of answers) {
		const { status, json, headers } = await site.ask('cp-operator', 'GET', path);
		t.is(status, 200, path);
		t.is(headers['cache-control'], 'no-store');
		t.notThrows(() => schema.parse(json), path);
	}
	const view = schemas.requestView.parse(
		(await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${id}`)).json,
	);
	t.like(view.body, { contentType: 'application/octet-stream', size: 19 });
	const approved = await site.ask('cp-operator', 'POST', `/p2c/v1/requests/${id}/approve`, {
		body: { digest: oem.Bimetal.Digest },
	});
	t.is(schemas.requestView.parse(approved.json).state, 'executed');
});

test('every refusal is a problem with a code', async t => {
	for (const [who, method, path, body, status] of [
		[null, 'GET', '/p2c/v1/me', undefined, 401],
		['cp-operator', 'GET', '/p2c/v1/unheard', undefined, 404],
		['cp-operator', 'GET', '/p2c/v1/requests/r000000000000', undefined, 404],
		['cp-operator', 'DELETE', '/p2c/v1/me', undefined, 405],
		['cp-operator', 'POST', '/p2c/v1/requests/r000000000000/deny', {}, 400],
		['cp-operator', 'POST', '/p2c/v1/requests/r000000000000/deny', { reason: 'x' }, 404],
		['cp-operator', 'POST', '/p2c/v1/requests/r000000000000/deny', '{"reason":', 400],
		['cp-operator', 'POST', '/p2c/v1/requests/r000000000000/withdraw', {}, 404],
		['cp-operator', 'POST', '/p2c/v1/requests/r000000000000/withdraw', undefined, 404],
	] as const) {
		const answer = await site.ask(who, method, path, body === undefined ? {} : { body });
		t.is(answer.status, status, `${method} ${path}`);
		t.regex(String(answer.headers['content-type']), /^application\/problem\+json/);
		t.is(schemas.problem.parse(answer.json).status, status);
	}
});

test('the addresses that it names are those where BMCs are found', async t => {
	const { bmcs } = schemas.bmcList.parse((await site.ask('cp-operator', 'GET', '/p2c/v1/bmcs')).json);
	t.deepEqual(
		bmcs.map(({ name }) => name),
		['node1', 'node2', 'node3'],
	);
	for (const { url, prefixUrl } of bmcs) {
		for (const base of [url, prefixUrl]) {
			t.is((await site.ask('cp-operator', 'GET', `${base}/redfish/v1/Systems`)).status, 200);
		}
	}
});

test('the ops port tells whether it works, and counts; nothing else', async t => {
	await site.at('cp-operator')('GET', '/redfish/v1/Systems');
	t.is((await fetch(`${site.ops}/healthz`)).status, 200);
	const ready = await fetch(`${site.ops}/readyz`);
	t.is(ready.status, 200);
	const metrics = await (await fetch(`${site.ops}/metrics`)).text();
	t.regex(metrics, /route="redfish"/);
	t.is((await fetch(`${site.ops}/p2c/v1/me`)).status, 404);
	t.is((await fetch(`${site.ops}/redfish/v1/Systems`)).status, 404);
});
