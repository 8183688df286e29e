// The emulated BMC's whole tree, read with and without the proxy by an operator who may do everything: the same, but
// for what stands in the table below and in docs/redfish.md.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { plainRequest } from '../../proxy/canonicalise/plain-request.ts';
import { compileClassifier } from '../../proxy/classify/classify.ts';
import type { Operation } from '../../proxy/policy/policy-set.ts';
import { comparable, differences, type Got } from './differences.ts';
import { bmcPassword, startTestProxy, type TestProxy } from './start-proxy.ts';

/** Methods that the BMC allows and that have no row, each with the reason. */
const exempt: Readonly<Record<string, string>> = {};

let site: TestProxy;
let table: readonly Operation[];
test.before(async () => {
	const shipped = await startTestProxy();
	table = shipped.policies.operations;
	await shipped.close();
	const everything = {
		source: 'HSO',
		closed: false,
		clauses: [{ source: 'HSO', authorizations: ['HSO'], policies: [] }],
	};
	site = await startTestProxy({
		policies: {
			...shipped.policies,
			version: 'everything open',
			operations: table.map(operation => ({ ...operation, authorization: everything })),
		},
	});
});
test.after.always(() => site?.close());

async function direct(path: string, method = 'GET'): Promise<Got> {
	const authorization = `Basic ${Buffer.from(`root:${bmcPassword}`).toString('base64')}`;
	const answer = await fetch(site.bmcs.node1.url + path, { method, headers: { authorization } });
	return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() };
}
async function through(path: string, method = 'GET', prefix = ''): Promise<Got> {
	const { status, headers, text } =
		prefix === ''
			? await site.at('hso-operator')(method, path)
			: await site.ask('hso-operator', method, prefix + path);
	return { status, headers: headers as Got['headers'], text };
}

/** Every resource that is linked to from /redfish, in the order in which it is found. */
async function crawl(): Promise<readonly { path: string; got: Got }[]> {
	const seen = new Set(['/redfish', '/redfish/v1', '/redfish/v1/$metadata', '/redfish/v1/odata']);
	const look = (value: unknown): void => {
		if (typeof value === 'string' && value.startsWith('/redfish/')) {
			const path = (value.split(/[#?]/)[0] ?? '').replace(/\/$/, '');
			// A stream has no end, an action no GET.
			if (!/\/(SSE$|Actions\/|UpdateService\/update)/.test(path)) seen.add(path);
		} else if (typeof value === 'object' && value !== null)
			for (const child of Object.values(value)) look(child);
	};
	const found: { path: string; got: Got }[] = [];
	for (const path of seen) {
		const got = await direct(path);
		found.push({ path, got });
		if (got.headers['content-type']?.startsWith('application/json')) look(JSON.parse(got.text));
	}
	return found;
}

test('GET: status, headers and bytes are the same', async t => {
	const found = await crawl();
	t.true(found.length > 150, `${found.length} resources`);
	for (const { path } of found) {
		// Again, close together: readings change with time.
		const [expected, got] = [await direct(path), await through(path)];
		t.deepEqual(comparable(path, withoutAdded(got, expected)), comparable(path, expected), path);
	}
});

/** Allow, and the link to the schema, are there where the BMC leaves them out; what it says is still said. */
function withoutAdded(got: Got, { headers: { allow, link = '' } }: Got): Got {
	const { allow: shown, link: links = '', ...headers } = got.headers;
	const added = links.endsWith(link) ? links.slice(0, links.length - link.length) : '';
	const rest = /^(?:<\/redfish\/v1\/JsonSchemas\/(\w+)\/\1\.json>; rel=describedby(?:, )?)?$/.test(added)
		? link
		: links;
	return {
		...got,
		headers: {
			...headers,
			...(rest !== '' && { link: rest }),
			...((allow !== undefined || shown?.includes('GET') !== true) &&
				shown !== undefined && { allow: shown }),
		},
	};
}

test('HEAD: as GET, where the BMC has it', async t => {
	for (const { path, got } of await crawl()) {
		if (!got.headers.allow?.includes('HEAD')) continue;
		const [expected, head] = [await direct(path, 'HEAD'), await through(path, 'HEAD')];
		t.is(head.text, '');
		if (comparable(path, expected)) t.is(head.status, expected.status, path);
	}
});

test('under a path prefix the links have it, and all else is the same', async t => {
	for (const { path } of await crawl()) {
		const [expected, got] = [await direct(path), await through(path, 'GET', '/bmc/node1')];
		if (!comparable(path, expected) || path === '/redfish/v1') continue;
		t.is(got.status, expected.status, path);
		if (!expected.headers['content-type']?.startsWith('application/json')) {
			t.is(got.text, expected.text, path);
			continue;
		}
		const plain = got.text.replaceAll('"/bmc/node1/redfish', '"/redfish');
		t.deepEqual(JSON.parse(plain), JSON.parse(expected.text), path);
		t.regex(got.text, /"\/bmc\/node1\/redfish|^\{[^/]*\}$/, path);
		t.notRegex(got.text, /"\/redfish\/v1/, path);
	}
});

test('every resource has a row for each method that it allows', async t => {
	const classify = compileClassifier({ ...site.policies, operations: table });
	const missing: string[] = [];
	for (const { path, got } of await crawl()) {
		if (got.status !== 200) continue;
		const methods = got.headers.allow?.split(', ') ?? ['GET'];
		for (const method of methods) {
			// Of a PATCH it is the properties that have rows: some row must be for this resource.
			const found = classify(
				plainRequest(method as 'GET', path, method === 'PATCH' ? { '?': 1 } : undefined),
			);
			const covered =
				found.kind === 'known' ||
				(method === 'PATCH' && table.some(({ matches }) => matches.some(pattern => fits(pattern, path))));
			if (!covered && exempt[`${method} ${path}`] === undefined) missing.push(`${method} ${path}`);
		}
	}
	t.deepEqual(missing, []);
	function fits({ method, segments }: Operation['matches'][number], path: string): boolean {
		const parts = path.slice(1).split('/');
		if (method !== 'PATCH' || parts.length !== segments.length) return false;
		return segments.every(
			(segment, i) =>
				segment.kind === 'variable' || (segment.kind === 'literal' && segment.text === parts[i]),
		);
	}
});

test('every route of the emulated BMC under /redfish has a row', t => {
	const classify = compileClassifier({ ...site.policies, operations: table });
	for (const route of site.bmcs.node1.routes) {
		const [method = '', pattern = ''] = route.split(' ');
		if (!pattern.startsWith('/redfish') || method === 'PATCH') continue;
		const path = pattern.replaceAll('{}', 'x');
		t.is(classify(plainRequest(method as 'GET', path)).kind, 'known', route);
	}
});

test('docs/redfish.md has each difference', t => {
	const page = readFileSync(new URL('../../docs/redfish.md', import.meta.url), 'utf8');
	for (const { why } of differences) t.true(page.includes(`| ${why} |`), why);
	for (const reason of Object.values(exempt)) t.true(page.includes(reason), reason);
});
