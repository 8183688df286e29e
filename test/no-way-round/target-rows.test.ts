// Targets that two readers take for two things. Each title names its row in docs/no-way-round.md.
import test, { type ExecutionContext } from 'ava';
import { startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';
import { libraries } from './naive-proxy.ts';
import { naiveSite } from './naive-site.ts';
import { basicLine, requestText, sendBytes } from './wire.ts';

const system = '/redfish/v1/Systems/system';
const reset = `${system}/Actions/ComputerSystem.Reset`;
const body = '{"ResetType":"ForceOff"}';

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
	await site.at('cp-operator')('GET', system); // the proxy's log-in at the BMC is over
});
test.after.always(() => site?.close());

/** Sends it on the BMC's own port and by prefix: both refuse it with `status`, and the BMC hears nothing. */
async function refused(
	t: ExecutionContext,
	method: string,
	target: string,
	status: number,
	code: string,
	content?: string,
): Promise<void> {
	const heard = site.spies.node1.received().length;
	const recorded = site.records.length;
	for (const [url, by] of [
		[site.bmcUrls.node1, ''],
		[site.url, '/bmc/node1'],
	] as const) {
		// Before an absolute URL or a second slash no prefix can stand.
		const written = by && target.startsWith('/') ? by + target : target;
		const text = requestText(`${method} ${written}`, [basicLine('cp-operator')], content);
		const { answers } = await sendBytes(text, { port: Number(new URL(String(url)).port), ca: site.ca });
		t.is(answers.length, 1, target);
		if (by && !target.startsWith('/')) t.true([400, 404].includes(answers[0]?.status ?? 0), target);
		else {
			t.is(answers[0]?.status, status, `${written}: ${answers[0]?.body}`);
			t.regex(answers[0]?.body ?? '', new RegExp(code), written);
		}
	}
	t.is(site.spies.node1.received().length, heard, `${target} left bytes at the BMC`);
	t.deepEqual(
		site.records.slice(recorded).filter(({ kind }) => kind === 'decision'),
		[],
		'what has no canonical form is not decided on',
	);
}

/**
 * The BMC behind a naive proxy carries out `done` when it is sent `target`, which is not the text that the rule
 * forbids. `through`: the libraries that pass the target on as such.
 */
async function goesRound(
	t: ExecutionContext,
	target: string,
	done: string,
	through: readonly (typeof libraries)[number][] = libraries,
): Promise<void> {
	for (const library of through) {
		const naive = await naiveSite(t, library, ({ url }) => url === reset);
		t.is((await naive.send(requestText(`POST ${reset}`, [], body))).answers[0]?.status, 403);
		t.is(naive.bmc.powerState(), 'On', 'the rule works on what it expects');
		await naive.send(requestText(`POST ${target}`, [], body));
		t.like(naive.executed().at(-1), { method: 'POST', path: done, status: 204 }, `${library}: ${target}`);
		t.is(naive.bmc.powerState(), 'Off');
	}
}

/** The naive proxy decides on one path, and its BMC receives another. */
async function receivesOther(t: ExecutionContext, target: string, decided: string): Promise<void> {
	for (const library of libraries) {
		const seen: string[] = [];
		const naive = await naiveSite(t, library, request => {
			seen.push(decodeURIComponent(new URL(request.url, 'http://x').pathname).replace(/;[^/]*/, ''));
			return false;
		});
		const { answers } = await naive.send(requestText(`GET ${target}`));
		t.deepEqual(seen, [decided], 'what the rule was asked about');
		t.not(answers[0]?.status, 200, `${library}: the BMC takes ${target} for something else`);
		t.deepEqual(
			naive.executed().filter(({ path }) => path === decided),
			[],
		);
	}
}

test.serial('row Network-path URL: a second slash makes the first segment a host for the BMC', async t => {
	for (const authority of ['x', 'localhost', 'x:1', '', '[::1]'])
		await refused(t, 'POST', `//${authority}${reset}`, 400, 'TargetNetworkPath', body);
	await refused(t, 'GET', `//x${system}`, 400, 'TargetNetworkPath');
	await goesRound(t, `//x${reset}`, reset, ['httpxy']);
});

test.serial('row Fragment: what follows # is ignored by the BMC', async t => {
	await refused(t, 'POST', `${reset}#/redfish/v1/Chassis`, 400, 'TargetFragment', body);
	await refused(t, 'GET', `${system}?only#x`, 400, 'TargetFragment');
	await refused(t, 'GET', `${system}#`, 400, 'TargetFragment');
	await goesRound(t, `${reset}#/redfish/v1/Chassis`, reset);
});

test.serial('row Dot segments, backslash and TAB: they are refused, never resolved', async t => {
	for (const [target, code] of [
		[`/redfish/v1/Chassis/../Systems/system`, 'TargetDotSegment'],
		['/redfish/v1/./Systems/system', 'TargetDotSegment'],
		['/redfish/v1/Systems/..', 'TargetDotSegment'],
		['/redfish/v1/Chassis/%2e%2e/Systems/system', 'TargetPercentEncoded'],
		['/redfish/v1/Chassis/.%2E/Systems/system', 'TargetPercentEncoded'],
		['/redfish/v1\\Systems\\system', 'TargetBackslash'],
		['/redfish/v1/Chassis/..\\Systems/system', 'TargetBackslash'],
	] as const)
		await refused(t, 'GET', target, 400, code);
	// node:http itself refuses white space and control characters in a target: a bare 400.
	for (const target of ['/redfish/v1/\tSystems/system', '/redfish/v1/Sys\u000btems', '/redfish/v1/ Systems'])
		await refused(t, 'GET', target, 400, '');
	await receivesOther(t, '/redfish/v1/Chassis/../Systems/system', system);
	await receivesOther(t, '/redfish/v1/Systems/%2e%2e/Managers', '/redfish/v1/Managers');
	// One of the libraries turns backslashes into slashes, and so makes the forbidden path of another text.
	await goesRound(t, `/${reset.slice(1).replaceAll('/', '\\')}`, reset, ['http-proxy 1.18.1']);
});

test.serial('row Encoded path, parameter, empty segment, other case: one spelling each', async t => {
	for (const [target, status, code] of [
		['/redfish/v1/Systems/%73ystem', 400, 'TargetPercentEncoded'],
		['/redfish/v1/Systems/system%2fActions', 400, 'TargetPercentEncoded'],
		['/redfish/v1/Systems/system%00', 400, 'TargetPercentEncoded'],
		['/redfish/v1/Systems/system;x=1', 400, 'TargetPathParameter'],
		['/redfish/v1//Systems/system', 400, 'TargetEmptySegment'],
		['/redfish/v1/Systems/system//', 400, 'TargetEmptySegment'],
		['/Redfish/v1/Systems/system', 400, 'TargetPrefixCase'],
		['/redfish/V1/Systems/system', 400, 'TargetPrefixCase'],
	] as const)
		await refused(t, 'GET', target, status, code);
	// Below the prefix case belongs to the name: no row covers another one.
	t.is((await site.at('cp-operator')('GET', '/redfish/v1/systems/system')).status, 403);
	await receivesOther(t, '/redfish/v1/Systems/%73ystem', system);
	await receivesOther(t, '/redfish/v1/Systems/system;x=1', system);
});

test.serial('row Trailing slash: both forms are one resource and one decision', async t => {
	const before = site.records.length;
	const [plain, slashed] = [
		await site.at('cp-operator')('GET', system),
		await site.at('cp-operator')('GET', `${system}/`),
	];
	t.is(slashed.text, plain.text);
	const decided = site.records
		.slice(before)
		.flatMap(record => (record.kind === 'decision' ? [record.path] : []));
	t.deepEqual(decided, [system, system]);
	site.world.up = 5;
	t.teardown(() => {
		site.world.up = 8;
	});
	for (const target of [reset, `${reset}/`])
		t.is((await site.at('hso-operator')('POST', target, { body })).status, 202, `${target} waits`);
	await goesRound(t, `${reset}/`, `${reset}/`);
});

test.serial('row Absolute-form target: only a path is a target', async t => {
	for (const target of [`http://x${system}`, `https://localhost${system}`, `HTTP://x${system}`, '*'])
		await refused(t, 'GET', target, 400, 'TargetNotOrigin');
	await refused(t, 'POST', `http://x${reset}`, 400, 'TargetNotOrigin', body);
	await goesRound(t, `http://x${reset}`, reset, ['http-proxy 1.18.1']);
});

test.serial('row Encoded query names: a name is looked up after decoding', async t => {
	const entries = `${system}/LogServices/EventLog/Entries`;
	const get = (query: string) => site.at('hso-operator')('GET', `${entries}?${query}`);
	t.is((await get('%24top=1')).text, (await get('$top=1')).text);
	t.is((await get('%24unheard=1')).status, 501);
	t.is((await get('$top=1&%24top=2')).status, 400, 'twice is twice in any spelling');
	t.is((await get('%2524top=1')).text, (await get('x=1')).text, 'decoded once');
	const upstream = site.spies.node1.received();
	t.false(/Entries\?/.test(upstream), 'the BMC hears of no option that is the proxy’s to evaluate');
	// A rule on the text refuses $top, by which members are counted, and lets its other spelling through.
	for (const library of libraries) {
		const naive = await naiveSite(t, library, ({ url }) => url.includes('$top'));
		t.is((await naive.send(requestText(`GET ${entries}?$top=0`))).answers[0]?.status, 403);
		const { answers } = await naive.send(requestText(`GET ${entries}?%24top=1`));
		t.is(JSON.parse(answers[0]?.body ?? '').Members.length, 1, library);
	}
});

test.serial('row only: what the answer holds decides, not the URL that led to it', async t => {
	const chassis = '/redfish/v1/Chassis/chassis';
	const direct = await site.at('cp-operator')('GET', chassis);
	const only = await site.at('cp-operator')('GET', '/redfish/v1/Chassis?only');
	t.is(only.json['@odata.id'], chassis);
	t.is(only.json.Certificates, null, 'filtered as the member that it is');
	t.deepEqual(only.json, direct.json);
	for (const library of libraries) {
		const naive = await naiveSite(t, library, ({ url }) => url.startsWith(chassis));
		t.is((await naive.send(requestText(`GET ${chassis}`))).answers[0]?.status, 403);
		const { answers } = await naive.send(requestText('GET /redfish/v1/Chassis?only'));
		t.truthy(JSON.parse(answers[0]?.body ?? '').Certificates, `${library} shows what it forbids`);
	}
});
