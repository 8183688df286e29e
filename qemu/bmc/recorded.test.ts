import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { type Bmc, startBmc } from './bmc.ts';
import { sendRaw, splitAnswers } from './wire-client.ts';

// What a real bmcweb answered. It stands beside the project on its developers' machines and is no part of it.
const folder =
	process.env.BIMETAL_BMCWEB_RECORDS ??
	fileURLToPath(new URL('../../../shared/reference/bmcweb', import.meta.url));

interface RawCase {
	readonly case: string;
	readonly request: string;
	readonly statuses: readonly string[];
	readonly answer: string;
}

interface Captured {
	readonly status: number;
	readonly headers: Record<string, string>;
	readonly body: unknown;
}

const PASSWORD = 'Pass-word1';

function start(clock?: FakeClock): Promise<Bmc> {
	return startBmc({
		...(clock ? { clock } : {}),
		name: 'node1',
		accounts: [
			{ name: 'root', password: PASSWORD, role: 'Administrator' },
			{ name: 'ro1', password: PASSWORD, role: 'ReadOnly' },
		],
		postTimeMs: 60_000,
	});
}

/** Puts back what the record leaves out: the credentials and the long fillers. */
function restore(raw: RawCase): string {
	const user = raw.case.startsWith('ro1') ? 'ro1' : 'root';
	const basic = Buffer.from(`${user}:${PASSWORD}`).toString('base64');
	const filled = raw.request
		.replaceAll('Basic …', `Basic ${basic}`)
		.replaceAll('"PASSWORD"', `"${PASSWORD}"`)
		.replace(/a…$/, `a${'a'.repeat(9000)}`);
	if (raw.case === 'body before login 5k') return filled;
	// The real password may have been of another length than ours.
	return raw.request.includes('PASSWORD')
		? filled.replace(/Content-Length: \d+/, `Content-Length: ${filled.split('\r\n\r\n')[1]?.length}`)
		: filled;
}

if (!existsSync(folder)) {
	test('comparison with a real bmcweb: NOT RUN, there are no records of one here', t => {
		t.log(
			`${folder} is not there; set BIMETAL_BMCWEB_RECORDS to a folder with behaviour.json and capture.json`,
		);
		t.pass();
	});
} else {
	const cases = JSON.parse(readFileSync(`${folder}/behaviour.json`, 'utf8')) as RawCase[];
	for (const raw of cases) {
		test(`as the real bmcweb: ${raw.case}`, async t => {
			const bmc = await start();
			t.teardown(() => bmc.close());
			const { answers, text } = await sendRaw(bmc.port, Buffer.from(restore(raw), 'utf8'), {
				expected: Math.max(raw.statuses.length, 1),
				// The record's own patience, where it has no answer.
				...(raw.statuses.length === 0 ? { waitMs: 1500 } : {}),
			});
			if (raw.case === 'GET SSE') {
				t.is(text, raw.answer);
				return;
			}
			t.deepEqual(
				answers.map(answer => String(answer.status)),
				[...raw.statuses],
			);
			const [recorded] = splitAnswers(complete(raw.answer));
			const [ours] = answers;
			if (!recorded || !ours) return;
			t.deepEqual(headerNames(ours), headerNames(recorded), 'headers and their order');
			for (const name of ['Allow', 'Link', 'OData-Version', 'Connection', 'WWW-Authenticate']) {
				t.is(headerOf(ours, name), headerOf(recorded, name), name);
			}
			if (recorded.status >= 400 && recorded.body !== '') {
				t.deepEqual(JSON.parse(ours.body), JSON.parse(recorded.body));
			}
		});
	}

	const captured = JSON.parse(readFileSync(`${folder}/capture.json`, 'utf8')) as Record<string, Captured>;
	test('every resource that both have is of the same shape and has the same headers', async t => {
		const clock = new FakeClock();
		const bmc = await start(clock);
		t.teardown(() => bmc.close());
		const ask = async (path: string, body?: unknown) => {
			const basic = Buffer.from(`root:${PASSWORD}`).toString('base64');
			const json = body === undefined ? '' : JSON.stringify(body);
			const framing =
				body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${json.length}\r\n`;
			const head = `${body === undefined ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nHost: x\r\n`;
			const request = `${head}Authorization: Basic ${basic}\r\n${framing}\r\n${json}`;
			return (await sendRaw(bmc.port, request)).answers[0];
		};
		// The recorded machine had a session, a subscription, a dump and a certificate: so has ours.
		const certificates = '/redfish/v1/Managers/bmc/NetworkProtocol/HTTPS/Certificates';
		const recorded = captured[`${certificates}/1`]?.body as Record<string, unknown> | undefined;
		for (const [path, body] of [
			['/redfish/v1/SessionService/Sessions', { UserName: 'root', Password: PASSWORD }],
			['/redfish/v1/EventService/Subscriptions', { Destination: 'https://192.0.2.1/', Protocol: 'Redfish' }],
			[
				'/redfish/v1/Managers/bmc/LogServices/Dump/Actions/LogService.CollectDiagnosticData',
				{ DiagnosticDataType: 'Manager' },
			],
			[certificates, { CertificateString: recorded?.CertificateString, CertificateType: 'PEM' }],
		] as const) {
			t.true([201, 202].includes((await ask(path, body))?.status ?? 0), path);
		}
		clock.advance(60_000);
		const different: string[] = [];
		let compared = 0;
		for (const [path, real] of Object.entries(captured)) {
			const ours = await ask(path);
			if (ours?.status !== 200) continue;
			compared++;
			const names = new Set(ours.headers.map(([name]) => name.toLowerCase()));
			names.delete('date');
			t.deepEqual([...names].sort(), Object.keys(real.headers).sort(), `headers of ${path}`);
			t.is(headerOf(ours, 'Allow'), real.headers.allow, `Allow of ${path}`);
			t.is(headerOf(ours, 'Link'), real.headers.link, `Link of ${path}`);
			if (typeof real.body !== 'object') continue;
			const own = shapeOf(JSON.parse(ours.body), '', new Map());
			for (const [property, kind] of shapeOf(real.body, '', new Map())) {
				if (own.get(property) !== kind) {
					different.push(`${path} ${property}: ${kind} there, ${own.get(property)} here`);
				}
			}
		}
		t.deepEqual(different, []);
		t.log(`${compared} of ${Object.keys(captured).length} recorded resources compared`);
		t.true(compared > 100);
	});
}

function complete(answer: string): string {
	// Long answers are cut in the record: the head is what remains to compare.
	const end = answer.indexOf('\r\n\r\n');
	const length = Number(/Content-Length: (\d+)/.exec(answer)?.[1] ?? 0);
	const bytes = Buffer.from(answer, 'utf8').toString('latin1');
	const have = bytes.length - end - 4;
	return have >= length ? bytes : `${bytes}${' '.repeat(length - have)}`;
}

const headerNames = (answer: { headers: readonly (readonly [string, string])[] }) =>
	answer.headers.map(([name]) => name);
const headerOf = (answer: { headers: readonly (readonly [string, string])[] }, name: string) =>
	answer.headers.some(([key]) => key === name)
		? answer.headers
				.filter(([key]) => key === name)
				.map(([, value]) => value)
				.join(', ')
		: undefined;

/** Property paths with the type of what stands there; the items of a list count as one. */
function shapeOf(value: unknown, path: string, into: Map<string, string>): Map<string, string> {
	if (Array.isArray(value)) {
		into.set(path, 'array');
		for (const item of value) shapeOf(item, `${path}/[]`, into);
	} else if (typeof value === 'object' && value !== null) {
		into.set(path, 'object');
		for (const [name, inner] of Object.entries(value)) shapeOf(inner, `${path}/${name}`, into);
	} else into.set(path, value === null ? 'null' : typeof value);
	return into;
}
