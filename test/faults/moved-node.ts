import { setTimeout as pause } from 'node:timers/promises';

export type Team = 'red' | 'blue';

export interface Answer {
	readonly status: number;
	readonly body: unknown;
}

/** An administrator of hil, who knows nothing but its HTTP. */
export interface Caller {
	call(method: string, path: string, body?: object): Promise<Answer>;
	/** The answer's body; throws when it is refused. */
	ok<T = unknown>(method: string, path: string, body?: object): Promise<T>;
}

export const password = 'correct horse';

export function createCaller(url: string): Caller {
	const authorization = `Basic ${Buffer.from(`root:${password}`).toString('base64')}`;
	const call: Caller['call'] = async (method, path, body) => {
		const answer = await fetch(`${url}${path}`, {
			method,
			headers: { authorization },
			signal: AbortSignal.timeout(60_000),
			...(body !== undefined && { body: JSON.stringify(body) }),
		});
		const text = await answer.text();
		return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
	};
	return {
		call,
		async ok<T>(method: string, path: string, body?: object) {
			const answer = await call(method, path, body);
			if (answer.status < 300) return answer.body as T;
			throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
		},
	};
}

/** Nodes: one that is moved, and one that stays on each project's network. */
export const nodeNames = ['moved', 'red-stays', 'blue-stays'] as const;

/** Projects red and blue with a network each (`rednet`, `bluenet`), and the nodes in ports of a switch `s`. */
export async function furnish(
	hil: Caller,
	{ settings, ports }: { readonly settings: object; readonly ports: readonly [string, string, string] },
): Promise<void> {
	await hil.ok('PUT', '/v0/switch/s', settings);
	for (const team of ['red', 'blue']) {
		await hil.ok('PUT', `/v0/project/${team}`);
		await hil.ok('PUT', `/v0/network/${team}net`, { owner: team, access: team, net_id: '' });
	}
	for (const [index, node] of nodeNames.entries()) {
		const port = `/v0/switch/s/port/${ports[index]}`;
		await hil.ok('PUT', `/v0/node/${node}`, { obmd: { uri: 'https://p/bmc/n', admin_token: '' } });
		await hil.ok('PUT', `/v0/node/${node}/nic/eth0`, { macaddr: '' });
		await hil.ok('PUT', port);
		await hil.ok('POST', `${port}/connect_nic`, { node, nic: 'eth0' });
	}
	await Promise.all((['red', 'blue'] as const).map(team => give(hil, `${team}-stays`, team)));
	await give(hil, 'moved', 'red');
}

async function give(hil: Caller, node: string, team: Team): Promise<void> {
	await hil.ok('POST', `/v0/project/${team}/connect_node`, { node });
	await attach(hil, node, team);
}

async function attach(hil: Caller, node: string, team: Team): Promise<void> {
	const path = `/v0/node/${node}/nic/eth0/connect_network`;
	const { status_id } = await hil.ok<{ status_id: string }>('POST', path, { network: `${team}net` });
	await ended(hil, status_id);
}

async function ended(hil: Caller, id: string): Promise<void> {
	for (;;) {
		const { status, error } = await hil.ok<{ status: string; error: string | null }>(
			'GET',
			`/v1/action/${id}?wait=30000`,
		);
		if (status === 'DONE') return;
		if (status === 'ERROR') throw new Error(`a port could not be changed: ${error}`);
	}
}

/** Resolves when nothing waits for the switch. */
export async function atRest(hil: Caller): Promise<void> {
	for (;;) {
		const { queued } = await hil.ok<{ queued: number }>('GET', '/v1/switch/s');
		if (queued === 0) return;
		await pause(10);
	}
}

interface NodeNow {
	readonly project: string | null;
	readonly nics: readonly { readonly networks: Readonly<Record<string, string>> }[];
}

/**
 * Brings the node to a project and on its network, wherever it is now: as one does who was interrupted and begins again.
 * `calls`: by HIL's own calls; `release`: it leaves by the journal of departures.
 */
export async function moveNode(hil: Caller, to: Team, how: 'calls' | 'release'): Promise<void> {
	const node = 'moved';
	const now = () => hil.ok<NodeNow>('GET', `/v0/node/${node}`);
	await atRest(hil);
	const { project } = await now();
	if (project !== null && project !== to) {
		if (how === 'calls') await detach(hil, node, project, await now());
		else await release(hil, node, project, now);
	}
	if ((await now()).project === null) await hil.ok('POST', `/v0/project/${to}/connect_node`, { node });
	const networks = Object.values((await now()).nics[0]?.networks ?? {});
	if (networks.length === 0) await attach(hil, node, to);
}

async function detach(hil: Caller, node: string, project: string, { nics }: NodeNow): Promise<void> {
	for (const network of Object.values(nics[0]?.networks ?? {})) {
		const path = `/v0/node/${node}/nic/eth0/detach_network`;
		await ended(hil, (await hil.ok<{ status_id: string }>('POST', path, { network })).status_id);
	}
	await hil.ok('POST', `/v0/project/${project}/detach_node`, { node });
}

async function release(
	hil: Caller,
	node: string,
	project: string,
	now: () => Promise<NodeNow>,
): Promise<void> {
	// 409: it is leaving already, as asked for before an interruption.
	const { status } = await hil.call('POST', `/v1/project/${project}/release_node`, { node });
	if (status !== 202 && status !== 409 && status !== 404) throw new Error(`release_node: ${status}`);
	while ((await now()).project !== null) await pause(10);
}
