// What a filter costs: from the bytes of a BMC's answer to the bytes and the entity tag that its reader gets, against
// nothing but parsing the same bytes twice.
import assert from 'node:assert/strict';
import type { Call } from '../proxy/call.ts';
import type { JsonValue } from '../proxy/canonicalise/canonical-request.ts';
import { plainRequest } from '../proxy/canonicalise/plain-request.ts';
import type { BmcConnection } from '../proxy/forward/bmc-connection.ts';
import { perform, renderSight } from '../proxy/forward/perform.ts';
import type { PostPolicy } from '../proxy/policy/policy-set.ts';
import { compilePostPolicy } from '../proxy/policy/post-policy.ts';
import { startBmc } from '../qemu/bmc/bmc.ts';
import type { BenchArea, BenchCase, Figure, Side } from './harness/bench-case.ts';

const figures: readonly Figure[] = [{ name: '', unit: 'µs', better: 'lower' }];
const entries = '/redfish/v1/Systems/system/LogServices/EventLog/Entries';
const password = 'for-this-bench-alone';

export const area: BenchArea = {
	async open() {
		const bmc = await startBmc({
			name: 'node1',
			accounts: [{ name: 'root', password, role: 'Administrator' }],
		});
		try {
			const log = hundredEntries(await read(`${bmc.url}${entries}`));
			const system = await read(`${bmc.url}/redfish/v1/Systems/system`);
			return {
				cases: [
					filterCase('drop what is not critical from a 100-entry log', log, [
						'LogEntry.Severity == "Critical"',
					]),
					filterCase('mask Oem in a 100-entry log', log, ['LogEntry.Oem* := null']),
					filterCase('both', log, ['LogEntry.Severity == "Critical"', 'LogEntry.Oem* := null']),
					filterCase('mask a property of a system', system, ['ComputerSystem.SerialNumber := null']),
					filterCase('a log that no policy is about', log, ['Chassis.Certificates := null']),
				],
				close: () => bmc.close(),
			};
		} catch (error) {
			await bmc.close();
			throw error;
		}
	},
};

/** As bmcweb writes it: indented. */
async function read(url: string): Promise<Buffer> {
	const authorization = `Basic ${Buffer.from(`root:${password}`).toString('base64')}`;
	const response = await fetch(url, { headers: { authorization } });
	assert.equal(response.status, 200, url);
	return Buffer.from(await response.arrayBuffer());
}

/** The emulated BMC's own entries over and over, each with an id of its own. */
function hundredEntries(bytes: Buffer): Buffer {
	const log = JSON.parse(bytes.toString('utf8'));
	const Members = Array.from({ length: 100 }, (_, i) => ({
		...log.Members[i % log.Members.length],
		'@odata.id': `${entries}/${i}`,
		Id: String(i),
	}));
	return Buffer.from(JSON.stringify({ ...log, Members, 'Members@odata.count': 100 }, null, 2));
}

function filterCase(name: string, bytes: Buffer, sources: readonly string[]): BenchCase {
	const posts = sources.map(compile);
	const known: Partial<BmcConnection> = {
		target: { name: 'node1', rack: 'rack1', url: '' },
		send: async () => ({ status: 200, headers: { 'content-type': 'application/json' }, body: bytes }),
	};
	const call: Call = {
		request: plainRequest('GET', entries),
		operator: { name: 'operator', party: 'HSO' },
		bmc: known as BmcConnection,
		prefix: '',
	};
	const filter = async () => renderSight(call, await perform(call, [posts], undefined));
	const ours: Side = {
		name: 'bytes to filtered bytes and tag',
		async check() {
			const { body, headers } = await filter();
			const right = expected(JSON.parse(bytes.toString('utf8')), sources);
			assert.deepEqual(JSON.parse(Buffer.from(body ?? []).toString('utf8')), right);
			assert.match(String(headers.etag), /^"[^"]+"$/);
		},
		async round(seconds) {
			return timed(seconds, async times => {
				for (let i = 0; i < times; i++) await filter();
			});
		},
	};
	let parsed: unknown;
	const parseTwice: Side = {
		name: 'JSON.parse twice',
		async check() {
			assert.deepEqual(JSON.parse(bytes.toString('utf8')), JSON.parse(bytes.toString('utf8')));
		},
		async round(seconds) {
			return timed(seconds, async times => {
				for (let i = 0; i < times; i++) {
					parsed = JSON.parse(bytes.toString('utf8'));
					parsed = JSON.parse(bytes.toString('utf8'));
				}
				assert.ok(parsed);
			});
		},
	};
	return { name, figures, ours, peers: [parseTwice] };
}

async function timed(
	seconds: number,
	work: (times: number) => Promise<void>,
): Promise<Record<string, number>> {
	const batch = 50;
	let count = 0;
	const start = performance.now();
	let now = start;
	while (now - start < seconds * 1000) {
		await work(batch);
		count += batch;
		now = performance.now();
	}
	return { '': ((now - start) * 1000) / count };
}

function compile(source: string): PostPolicy {
	const compiled = compilePostPolicy(source, { file: 'bench.yaml', line: 1, column: 1 });
	if (!compiled.ok) throw new Error(compiled.problem.message);
	return compiled.value;
}

type Resource = Record<string, JsonValue>;

/** The right answer, said in another way than the filter's own. */
function expected(answer: Resource, sources: readonly string[]): Resource {
	const text = sources.join('\n');
	if (text.includes('SerialNumber')) return { ...answer, SerialNumber: null };
	let members = answer.Members as unknown as Resource[];
	if (text.includes('Critical')) members = members.filter(({ Severity }) => Severity === 'Critical');
	if (text.includes('Oem')) {
		const mask = ([name, value]: [string, JsonValue]) => [name, name.startsWith('Oem') ? null : value];
		members = members.map(member => Object.fromEntries(Object.entries(member).map(mask)));
	}
	return { ...answer, Members: members, 'Members@odata.count': members.length };
}
