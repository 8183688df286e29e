import { readdir, readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { type BoardFigures, marker, meterOrder, type SideFigures } from './board-figures.ts';
import { addressFile, boardPorts, credentialFile, redfishPort } from './board-places.ts';

/** One resource for each connection, so that no two reads under way are the same and share an exchange with the service. */
const paths = [
	'/redfish/v1/Systems/system',
	'/redfish/v1/Chassis/chassis',
	'/redfish/v1/Managers/bmc',
	'/redfish/v1/Systems/system/LogServices',
];
const rounds = 3;

interface Side {
	readonly options: RequestOptions;
	readonly send: typeof httpRequest;
}

/**
 * Asks the Redfish service and the proxy in front of it in turns, both on this board's own loopback, and prints what
 * came of it. Throws when an answer is not 200.
 */
export async function runMeter(folder: string): Promise<void> {
	const { name, password, roundTime } = meterOrder.parse(
		JSON.parse(await readFile(join(folder, 'meter.json'), 'utf8')),
	);
	const address = (await readFile(addressFile, 'utf8')).trim();
	const proxy: Side = {
		send: httpsRequest,
		options: {
			host: address,
			port: boardPorts.redfish,
			// Only this machine's own proxy can have that address here; whose certificate it has is not what is measured.
			agent: new HttpsAgent({ keepAlive: true, maxSockets: paths.length, rejectUnauthorized: false }),
		},
	};
	const redfish: Side = {
		send: httpRequest,
		options: {
			host: '127.0.0.1',
			port: redfishPort,
			agent: new HttpAgent({ keepAlive: true, maxSockets: paths.length }),
		},
	};
	const residentAtStart = await memoryOf('proxy', 'VmRSS');
	const serviceAccount = { name: 'root', password: (await readFile(credentialFile, 'utf8')).trim() };
	const sides = [
		{ side: redfish, token: await logIn(redfish, serviceAccount), rates: [] as number[] },
		{ side: proxy, token: await logIn(proxy, { name, password }), rates: [] as number[] },
	] as const;
	const [direct, mediated] = sides;
	for (const { side, token } of sides) await load(side, token, roundTime);
	for (let round = 0; round < rounds; round++)
		for (const { side, token, rates } of sides) rates.push(await load(side, token, roundTime));
	const figures: BoardFigures = {
		redfish: summary(direct.rates),
		proxy: summary(mediated.rates),
		residentAtStart,
		residentAfterLoad: await memoryOf('proxy', 'VmRSS'),
		residentAtMost: await memoryOf('proxy', 'VmHWM'),
		redfishResident: await memoryOf('redfish', 'VmHWM'),
	};
	console.log(`${marker} ${JSON.stringify(figures)}`);
	for (const { side } of sides) (side.options.agent as HttpAgent).destroy();
}

function summary(rates: readonly number[]): SideFigures {
	const rate = [...rates].sort((a, b) => a - b)[Math.floor(rates.length / 2)] ?? Number.NaN;
	return {
		requestsPerSecond: Math.round(rate * 10) / 10,
		milliseconds: Math.round((paths.length / rate) * 10_000) / 10,
	};
}

/** Requests a second over about `ms` milliseconds, each path over a connection of its own. */
async function load(side: Side, token: string, ms: number): Promise<number> {
	const start = performance.now();
	let count = 0;
	await Promise.all(
		paths.map(async path => {
			while (performance.now() < start + ms) {
				const { status, text } = await ask(side, 'GET', path, { 'x-auth-token': token });
				if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
				count++;
			}
		}),
	);
	return (count / (performance.now() - start)) * 1000;
}

async function logIn(side: Side, account: { name: string; password: string }): Promise<string> {
	const body = JSON.stringify({ UserName: account.name, Password: account.password });
	const path = '/redfish/v1/SessionService/Sessions';
	const answer = await ask(side, 'POST', path, { 'content-type': 'application/json' }, body);
	const token = answer.headers['x-auth-token'];
	if (answer.status !== 201 || typeof token !== 'string') throw new Error(`no session: ${answer.status}`);
	return token;
}

function ask(
	{ send, options }: Side,
	method: string,
	path: string,
	headers: Record<string, string>,
	body?: string,
): Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]> }> {
	return new Promise((resolve, reject) => {
		const sent = send({ ...options, method, path, headers }, answer => {
			let text = '';
			answer.setEncoding('utf8');
			answer.on('data', (part: string) => {
				text += part;
			});
			answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers }));
			answer.on('error', reject);
		});
		sent.on('error', reject);
		sent.end(body);
	});
}

/** Bytes, as proc(5) tells them for the process that plays a role. */
async function memoryOf(role: string, field: 'VmRSS' | 'VmHWM'): Promise<number> {
	for (const entry of await readdir('/proc')) {
		if (!/^\d+$/.test(entry)) continue;
		const words = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
		if (!words.endsWith(`board.mjs\0${role}\0`)) continue;
		const status = await readFile(`/proc/${entry}/status`, 'utf8');
		const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status);
		if (found) return Number(found[1]) * 1024;
	}
	throw new Error(`nothing on this board plays ${role}`);
}
