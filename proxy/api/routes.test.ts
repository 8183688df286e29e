import test from 'ava';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { codeOf, cp, createBench, hso, si } from '../approve/approve.fixture.ts';
import type { Operator } from '../operator.ts';
import { createApiRoutes } from './routes.ts';
import { type requestPage, requestView } from './schemas.ts';

function api() {
	const bench = createBench();
	const { waiting, approver, bmcs, world } = bench;
	const routes = createApiRoutes({
		site: { name: 'test', version: '0', parties: {} },
		policies: () => world.policies,
		waiting,
		spool: {
			async *read() {
				yield Buffer.from('image');
			},
			size: async () => 5,
		},
		approver,
		review: async request => ({
			request,
			resource: null,
			changes: null,
			upload: null,
			policies: request.policies,
			ifApproved: null,
		}),
		bmcs,
		doors: { report: () => ({ state: 'unknown', open: [], reason: null, checkedAt: null }) },
		bmcUrl: () => null,
		mainUrl: () => '',
	});
	const call = async (
		operator: Operator,
		line: string,
		id = '',
		body: unknown = {},
		query = {},
	): Promise<unknown> => {
		const [method, path] = line.split(' ');
		const route = routes.find(each => each.method === method && each.path === `/p2c/v1${path}`);
		if (!route) throw new Error(`no route ${line}`);
		let answered: unknown;
		const json = (value: unknown): void => {
			answered = value;
		};
		const response = { locals: { operator }, json };
		await route.handle(
			{ params: { id }, query, body } as unknown as Request,
			response as unknown as Response,
		);
		return answered;
	};
	return { ...bench, call };
}

test('a party that has no say in a request is not even told that it is there', async t => {
	const { call, hold } = api();
	const { id, digest } = await hold(hso, undefined, { Password: 'between two parties' });
	const three = await hold(hso, '/redfish/v1/Three');
	for (const [line, body] of [
		['GET /requests/:id', undefined],
		['GET /requests/:id/review', undefined],
		['POST /requests/:id/approve', { digest }],
		['POST /requests/:id/deny', { reason: 'none of my business' }],
		['POST /requests/:id/withdraw', {}],
	] as const) {
		t.is(await codeOf(call(si, line, id, body)), 'NoSuchRequest', line);
	}
	const seen = async (operator: Operator) =>
		((await call(operator, 'GET /requests')) as z.infer<typeof requestPage>).requests.map(
			request => request.id,
		);
	t.deepEqual(await seen(si), [three.id]);
	t.deepEqual((await seen(cp)).sort(), [id, three.id].sort());
});

test('who has a say sees it to its end', async t => {
	const { call, hold } = api();
	const { id } = await hold(hso);
	await call(cp, 'POST /requests/:id/deny', id, { reason: 'no' });
	for (const operator of [hso, cp]) {
		t.is(requestView.parse(await call(operator, 'GET /requests/:id', id)).state, 'denied');
	}
});

test('pages are filled with what one may see', async t => {
	const { call, hold } = api();
	const mine: string[] = [];
	for (let i = 0; i < 4; i++) {
		await hold(hso);
		mine.push((await hold(hso, '/redfish/v1/Three')).id);
	}
	const seen: string[] = [];
	for (let after: string | undefined; ; ) {
		const query = { limit: '3', ...(after && { after }) };
		const page = (await call(si, 'GET /requests', '', {}, query)) as z.infer<typeof requestPage>;
		seen.push(...page.requests.map(({ id }) => id));
		if (page.next === null) break;
		after = page.next;
	}
	t.deepEqual(seen, mine.sort());
});
