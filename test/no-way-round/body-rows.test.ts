// Bodies that two readers take for two things. Each title names its row in docs/no-way-round.md.
import test, { type ExecutionContext } from 'ava';
import { startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';
import type { NaiveOptions } from './naive-proxy.ts';
import { libraries } from './naive-proxy.ts';
import { naiveSite } from './naive-site.ts';
import { basicLine, requestText, sendBytes } from './wire.ts';

const system = '/redfish/v1/Systems/system';
const reset = `${system}/Actions/ComputerSystem.Reset`;

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
	await site.at('cp-operator')('GET', system);
});
test.after.always(() => site?.close());

async function post(body: string, bmc: 'node1' | 'node2' = 'node1') {
	const text = requestText(`POST ${reset}`, [basicLine('cp-operator')], body);
	const port = Number(new URL(String(site.bmcUrls[bmc])).port);
	return (await sendBytes(text, { port, ca: site.ca })).answers[0];
}

/** The rule refuses the plain body, lets `body` through, and the BMC turns its server off. */
async function turnsOff(t: ExecutionContext, body: string, rule: (text: string) => boolean): Promise<void> {
	const forbids: NaiveOptions['forbids'] = (_request, text) => rule(text);
	for (const library of libraries) {
		const naive = await naiveSite(t, library, forbids);
		const plain = requestText(`POST ${reset}`, [], '{"ResetType":"ForceOff"}');
		t.is((await naive.send(plain)).answers[0]?.status, 403, 'the rule works on what it expects');
		await naive.send(requestText(`POST ${reset}`, [], body));
		t.is(naive.bmc.powerState(), 'Off', library);
	}
}

/** What a rule makes of a body that it cannot parse: nothing, and so it finds nothing to forbid. */
function parsedOrEmpty(text: string): { ResetType?: unknown } {
	try {
		return JSON.parse(text);
	} catch {
		return {};
	}
}

test.serial('row Duplicate keys and escapes: one name once, however it is written', async t => {
	const heard = site.spies.node1.received().length;
	for (const body of [
		'{"ResetType":"On","ResetType":"ForceOff"}',
		'{"ResetType":"On","\\u0052esetType":"ForceOff"}',
		'{"a":{"b":1,"b":2}}',
		'{"a":[{"b":1,"\\u0062":2}]}',
	]) {
		const answer = await post(body);
		t.is(answer?.status, 400, body);
		t.regex(answer?.body ?? '', /JsonDuplicateKey/);
	}
	t.is((await post('{"__proto__":{"ResetType":"ForceOff"}}'))?.status, 400);
	t.is(site.spies.node1.received().length, heard);
	// An escape is no offence: it is undone once, and what is forwarded is written plainly.
	t.is((await post('{"\\u0052esetType":"\\u004fn"}'))?.status, 204);
	t.regex(site.spies.node1.received().slice(heard), /\{"ResetType":"On"\}/);
	await turnsOff(t, '{"ResetType":"On","ResetType":"ForceOff"}', text => {
		return /"ResetType":"(\w+)"/.exec(text)?.[1] === 'ForceOff';
	});
	await turnsOff(t, '{"\\u0052esetType":"ForceOff"}', text => /"ResetType":"ForceOff"/.test(text));
});

test.serial('row BOM: a mark that a BMC skips makes no body unreadable', async t => {
	const heard = site.spies.node1.received().length;
	const mark = Buffer.from('\ufeff', 'utf8').toString('latin1');
	for (const body of [`${mark}{"ResetType":"ForceOff"}`, `${mark}${mark}{}`, `{"a":"x"}${mark}`]) {
		const answer = await post(body);
		t.is(answer?.status, 400);
		t.regex(answer?.body ?? '', /JsonByteOrderMark|JsonMalformed/);
	}
	const utf16 = Buffer.from('{"ResetType":"ForceOff"}', 'utf16le').toString('latin1');
	t.is((await post(utf16))?.status, 400);
	t.is(site.spies.node1.received().length, heard);
	await turnsOff(t, `${mark}{"ResetType":"ForceOff"}`, text => parsedOrEmpty(text).ResetType === 'ForceOff');
});
