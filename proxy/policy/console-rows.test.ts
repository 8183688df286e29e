// The word WEBSOCKET in the table: which paths it can name, and that it and GET never cover each other.
import test from 'ava';
import { compileClassifier } from '../classify/classify.ts';
import { requestOf } from './analysis/sample-request.ts';
import { consoleKindOf } from './console-paths.ts';
import { loadPolicies } from './load-policies.ts';
import { parseRequestPattern } from './request-pattern.ts';

test('a row names a console, and nothing else', t => {
	for (const path of [
		'/console0',
		'/console/{console}',
		'/console/default',
		'/kvm/{kvm}',
		'/vm/{slot}/{device}',
		'/vm/0/{device}',
		'/p2c/v1/consoles/{session}/watch',
	]) {
		t.true(parseRequestPattern(`WEBSOCKET ${path}`).ok, path);
	}
	for (const path of [
		'/redfish/v1/EventService/SSE',
		'/console1',
		'/console',
		'/console/a/b',
		'/{anything}',
		'/{a}/{b}',
		'/kvm/**',
		'/vm/0',
		'/p2c/v1/consoles/{session}',
		'/subscribe',
		'console0',
		'//console0',
		'/console0/',
	]) {
		const read = parseRequestPattern(`WEBSOCKET ${path}`);
		t.false(read.ok, path);
		if (!read.ok) t.not(read.problem.message, '');
	}
	t.false(parseRequestPattern('GET /console0').ok, 'a console is no resource');
	t.false(parseRequestPattern('websocket /console0').ok);
});

test('the kind is that of the whole path', t => {
	t.is(consoleKindOf(['console0']), 'serial');
	t.is(consoleKindOf(['console', 'default']), 'serial');
	t.is(consoleKindOf(['kvm', '0']), 'kvm');
	t.is(consoleKindOf(['vm', '0', '0']), 'media');
	t.is(consoleKindOf(['p2c', 'v1', 'consoles', 'c1', 'watch']), 'watch');
	t.is(consoleKindOf(['console0', 'x']), undefined);
	t.is(consoleKindOf([]), undefined);
});

test('no GET row covers a handshake, and no console row a GET', async t => {
	const folder = new URL('../../policies', import.meta.url).pathname;
	const policies = await loadPolicies({
		folder,
		parties: ['HSO', 'CP'],
		externalSources: ['Servers', 'PDU'],
	});
	const classify = compileClassifier(policies);
	t.is(classify(requestOf('WEBSOCKET', ['console0'], undefined)).kind, 'known');
	t.not(classify(requestOf('GET', ['console0'], undefined)).kind, 'known');
	for (const row of policies.operations.filter(({ matches }) =>
		matches.some(({ method }) => method === 'GET'),
	)) {
		const segments = row.matches[0]?.segments.map(each => (each.kind === 'literal' ? each.text : 'x')) ?? [];
		t.not(classify(requestOf('WEBSOCKET', segments, undefined)).kind, 'known', row.name);
	}
	t.like(classify(requestOf('WEBSOCKET', ['kvm', '0', 'more'], undefined)), {
		kind: 'unknown',
		row: undefined,
	});
	const without = { ...policies, operations: policies.operations.filter(({ type }) => type !== 'Console') };
	const missing = compileClassifier(without)(requestOf('WEBSOCKET', ['console0'], undefined));
	t.regex(
		(missing.kind === 'unknown' && missing.row) || '',
		/match: WEBSOCKET \/console0\n {2}p2c: HSO and CP/,
	);
});
