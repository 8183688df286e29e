import { request } from 'node:http';
import type { ExecutionContext } from 'ava';
import { FakeClock } from '../../common/clock.ts';
import type { Json, JsonObject } from '../redfish/json.ts';
import type { Role } from '../redfish/privileges.ts';
import { type Bmc, type BmcOptions, startBmc } from './bmc.ts';

/** One password for every account of a BMC under test. */
export const PASSWORD = 'Pass-word1';
export const NAMES: Readonly<Record<Role, string>> = {
	Administrator: 'root',
	Operator: 'oper1',
	ReadOnly: 'ro1',
};

export interface Reply {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	readonly text: string;
	/** The body as JSON; an empty object where there is none. */
	readonly json: JsonObject;
}

export interface AskOptions {
	/** Undefined: root; null: nobody. */
	readonly user?: string | null;
	readonly password?: string;
	/** Bytes are sent as they are. */
	readonly body?: Json | Buffer;
	readonly headers?: Readonly<Record<string, string>>;
}

export type Ask = (method: string, path: string, options?: AskOptions) => Promise<Reply>;

/** Starts a BMC with an account of each role on a clock that the test turns, and ends it with the test. */
export async function bmcForTest(
	t: ExecutionContext,
	options: Partial<BmcOptions> = {},
): Promise<{ bmc: Bmc; clock: FakeClock; ask: Ask }> {
	const clock = new FakeClock();
	const bmc = await startBmc({
		name: 'node1',
		clock,
		postTimeMs: 5000,
		shutdownTimeMs: 2000,
		taskTimeMs: 3000,
		failedLoginDelayMs: 0,
		accounts: Object.entries(NAMES).map(([role, name]) => ({ name, password: PASSWORD, role: role as Role })),
		...options,
	});
	t.teardown(() => bmc.close());
	return { bmc, clock, ask: askAt(bmc.url) };
}

export function askAt(url: string): Ask {
	return (method, path, options = {}) =>
		new Promise((resolve, reject) => {
			const user = options.user === undefined ? 'root' : options.user;
			const body =
				options.body === undefined || Buffer.isBuffer(options.body)
					? options.body
					: JSON.stringify(options.body);
			const headers: Record<string, string> = { ...options.headers };
			if (user !== null) {
				const credentials = Buffer.from(`${user}:${options.password ?? PASSWORD}`).toString('base64');
				headers.Authorization = `Basic ${credentials}`;
			}
			if (body !== undefined) headers['Content-Type'] ??= 'application/json';
			const sent = request(`${url}${path}`, { method, headers, agent: false }, response => {
				let text = '';
				response.setEncoding('utf8');
				response.on('data', (piece: string) => {
					text += piece;
				});
				response.on('error', reject);
				response.on('end', () => {
					const isJson = response.headers['content-type'] === 'application/json';
					resolve({
						status: response.statusCode ?? 0,
						headers: response.headers,
						text,
						json: isJson && text !== '' ? (JSON.parse(text) as JsonObject) : {},
					});
				});
			});
			sent.on('error', reject);
			sent.end(body);
		});
}

/** The MessageId of an error body, without its registry's version. */
export function messageOf(reply: Reply): string {
	return /"code": "Base\.[\d.]+\.(\w+)"/.exec(reply.text)?.[1] ?? '';
}
