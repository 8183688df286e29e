import { z } from 'zod';
import { type Clock, systemClock } from '../common/clock.ts';
import { BimetalError } from '../common/errors/bimetal-error.ts';
import { createAdministration, type HilAdministration } from './client/administration.ts';
import { at, createHilTransport, type HilClientOptions } from './client/transport.ts';
import * as v0 from './v0/views.ts';
import * as v1 from './v1/views.ts';

export type {
	DriftView,
	HilAdministration,
	SwitchHealth,
	SwitchPorts,
	SwitchStates,
	SwitchView,
	UserList,
} from './client/administration.ts';
export type ProjectView = z.output<typeof v1.project>;
export type NetworkView = z.output<typeof v0.network>;
export type NetworkList = z.output<typeof v0.networkList>;
export type QueuedView = z.output<typeof v0.action>;
export type NodeView = z.output<typeof v0.node>;
export type ActionView = z.output<typeof v1.action>;
export type DepartureView = z.output<typeof v1.departure>;
export type ChangeView = z.output<typeof v1.change>;
export type ChangeState = z.output<typeof v1.changeState>;
export type TopologyView = z.output<typeof v1.topology>;
export type PendingView = z.output<typeof v1.pending>['pending'];
export type FoundNodes = z.output<typeof v1.foundNodes>;
/** One step of a change, as docs/hil.md has them. */
export type ChangeStep = { readonly do: string } & Readonly<Record<string, string>>;

/** What was asked for: done, or waiting for another party under an id that `action` of `/v0` knows. */
export type Managed =
	| { readonly waiting: false }
	| { readonly waiting: true; readonly id: string; readonly message: string };

/** What a node's serial console shows from now on, or what it waits for. */
export type OpenedConsole =
	| { readonly waiting: false; readonly text: AsyncIterable<Uint8Array> }
	| Extract<Managed, { waiting: true }>;

/**
 * hil as other services and programs use it. Every call throws a BimetalError with hil's code and status when it is
 * refused, `HilUnreachable` when there is no answer, `HilNotTrusted` when TLS fails, `BadAnswer` when the answer is not
 * understood, and `Interrupted` when its signal has ended it.
 */
export interface HilClient {
	me(): Promise<z.output<typeof v1.me>>;
	/** Nodes by their properties; `after` is the `next` of the answer before. */
	searchNodes(query?: {
		where?: string;
		free?: boolean;
		limit?: number;
		after?: string;
	}): Promise<FoundNodes>;
	node(name: string): Promise<NodeView>;
	/** What was asked of a node and has not ended, the oldest first. */
	pending(node: string): Promise<PendingView>;
	/** How the own nodes are connected; `after` is the `next` of the answer before. */
	topology(query?: {
		project?: string;
		node?: string;
		limit?: number;
		after?: string;
	}): Promise<TopologyView>;
	/** All steps or none. */
	change(steps: readonly ChangeStep[], options?: { dryRun?: boolean }): Promise<ChangeView>;
	/** What became of a change that has an id; `wait` as for `action`. */
	changeState(id: string, wait?: number): Promise<ChangeState>;
	/**
	 * Resolves when a change is done on all switches. Throws ChangeUndone when a switch refused and all was put back,
	 * ChangeBroken when something could not be put back, ChangePending after `within` ms.
	 */
	changeDone(id: string, within?: number): Promise<void>;
	/** `wait`: answered when it has ended, or after so many milliseconds (30,000 at most). */
	action(id: string, wait?: number): Promise<ActionView>;
	/** Resolves when all of them are DONE; throws ActionFailed (with the switch's words) or ActionsPending after `within` ms. */
	settled(ids: readonly string[], within?: number): Promise<void>;
	/** The node leaves its project step by step; the id is for `departure`. */
	release(project: string, node: string): Promise<string>;
	departure(id: string): Promise<DepartureView>;
	setObm(node: string, enabled: boolean): Promise<void>;
	power(node: string, change: 'on' | 'off' | 'cycle' | 'force-cycle'): Promise<Managed>;
	powerStatus(node: string): Promise<'on' | 'off' | 'unknown'>;
	setBootDevice(node: string, device: 'pxe' | 'disk' | 'none'): Promise<Managed>;
	/** The reader before ends; ends itself with the signal. */
	openConsole(node: string, signal: AbortSignal): Promise<OpenedConsole>;
	/** What was asked of a node and had to wait, by its id; `action` tells more of changes of ports. */
	queued(id: string): Promise<QueuedView>;
	project(name: string): Promise<ProjectView>;
	projectNodes(name: string): Promise<readonly string[]>;
	/** Those that it was given access to; public ones are not among them. */
	projectNetworks(name: string): Promise<readonly string[]>;
	/** All of them for administrators, the public ones for others. */
	networks(): Promise<NetworkList>;
	network(name: string): Promise<NetworkView>;
	/** `owner` null: the administrators; `access` null: public; `vlan` null: one of the pool. */
	createNetwork(
		name: string,
		of: { readonly owner: string | null; readonly access: string | null; readonly vlan: string | null },
	): Promise<void>;
	deleteNetwork(name: string): Promise<void>;
	grant(network: string, project: string): Promise<void>;
	revoke(network: string, project: string): Promise<void>;
	readonly administration: HilAdministration;
	close(): Promise<void>;
}

const nothing = z.unknown();
const managed = v0.waiting.optional();
/** Milliseconds that one look at a pending action waits for its end. */
const longestLook = 10_000;

export function createHilClient(
	options: HilClientOptions & { readonly clock?: Clock | undefined },
): HilClient {
	const { clock = systemClock, ...transportOptions } = options;
	const transport = createHilTransport(transportOptions);
	const { call } = transport;
	const manage = async (method: string, path: string, body?: object): Promise<Managed> => {
		const waits = await call(managed, method, path, body);
		return waits ? { waiting: true, id: waits.status_id, message: waits.msg } : { waiting: false };
	};

	const client: HilClient = {
		me: () => call(v1.me, 'GET', '/v1/me'),
		searchNodes: (query = {}) => call(v1.foundNodes, 'GET', withQuery('/v1/nodes', query)),
		topology: (query = {}) => call(v1.topology, 'GET', withQuery('/v1/topology', query)),
		node: name => call(v0.node, 'GET', at`/v0/node/${name}`),
		pending: async name => (await call(v1.pending, 'GET', at`/v1/node/${name}/pending`)).pending,
		change: (steps, { dryRun = false } = {}) =>
			call(v1.change, 'POST', '/v1/changes', { steps, ...(dryRun && { dry_run: true }) }),
		changeState: (id, wait = 0) => call(v1.changeState, 'GET', waiting(at`/v1/change/${id}`, wait)),
		async changeDone(id, within = 60_000) {
			const end = clock.elapsed() + within;
			for (;;) {
				const left = Math.max(1, Math.round(end - clock.elapsed()));
				const { status, error, problems } = await client.changeState(id, Math.min(left, longestLook));
				if (status === 'DONE') return;
				const why = [error ?? 'it came to nothing', ...problems].join('; ');
				if (status === 'UNDONE') throw new BimetalError('ChangeUndone', why, { status: 502 });
				if (status === 'ERROR') throw new BimetalError('ChangeBroken', why, { status: 502 });
				if (clock.elapsed() < end) continue;
				throw new BimetalError('ChangePending', `the change is still ${status}`, { status: 504 });
			}
		},
		action: (id, wait = 0) => call(v1.action, 'GET', waiting(at`/v1/action/${id}`, wait)),
		async settled(ids, within = 60_000) {
			const end = clock.elapsed() + within;
			for (const id of ids) {
				for (;;) {
					const left = Math.max(1, Math.round(end - clock.elapsed()));
					const { status, node, nic, error } = await client.action(id, Math.min(left, longestLook));
					if (status === 'DONE') break;
					const where = `${node}/${nic}${error === null ? '' : `: ${error}`}`;
					if (status === 'ERROR') throw new BimetalError('ActionFailed', where, { status: 502 });
					if (clock.elapsed() < end) continue;
					throw new BimetalError('ActionsPending', `still pending: ${where}`, { status: 504 });
				}
			}
		},
		release: async (project, node) =>
			(await call(v0.queued, 'POST', at`/v1/project/${project}/release_node`, { node })).status_id,
		departure: id => call(v1.departure, 'GET', at`/v1/departure/${id}`),
		async setObm(node, enabled) {
			await call(nothing, 'PUT', at`/v0/node/${node}/obm`, { enabled });
		},
		power: (node, change) => {
			if (change === 'on') return manage('POST', at`/v0/node/${node}/power_on`);
			if (change === 'off') return manage('POST', at`/v0/node/${node}/power_off`);
			return manage('POST', at`/v0/node/${node}/power_cycle`, { force: change === 'force-cycle' });
		},
		powerStatus: async node =>
			(await call(v0.powerStatus, 'GET', at`/v0/node/${node}/power_status`)).power_status,
		setBootDevice: (node, device) => manage('PUT', at`/v0/node/${node}/boot_device`, { bootdev: device }),
		async openConsole(node, signal) {
			const opened = await transport.stream(v0.waiting, at`/v0/node/${node}/console`, signal);
			if ('text' in opened) return { waiting: false, text: opened.text };
			return { waiting: true, id: opened.waiting.status_id, message: opened.waiting.msg };
		},
		queued: id => call(v0.action, 'GET', at`/v0/networking_action/${id}`),
		project: name => call(v1.project, 'GET', at`/v1/project/${name}`),
		projectNodes: name => call(v0.names, 'GET', at`/v0/project/${name}/nodes`),
		projectNetworks: name => call(v0.names, 'GET', at`/v0/project/${name}/networks`),
		networks: () => call(v0.networkList, 'GET', '/v0/networks'),
		network: name => call(v0.network, 'GET', at`/v0/network/${name}`),
		async createNetwork(name, { owner, access, vlan }) {
			const body = { owner: owner ?? 'admin', access: access ?? '', net_id: vlan ?? '' };
			await call(nothing, 'PUT', at`/v0/network/${name}`, body);
		},
		async deleteNetwork(name) {
			await call(nothing, 'DELETE', at`/v0/network/${name}`);
		},
		async grant(network, project) {
			await call(nothing, 'PUT', at`/v0/network/${network}/access/${project}`);
		},
		async revoke(network, project) {
			await call(nothing, 'DELETE', at`/v0/network/${network}/access/${project}`);
		},
		administration: createAdministration(transport),
		close: () => transport.close(),
	};
	return client;
}

const waiting = (path: string, wait: number): string => (wait > 0 ? `${path}?wait=${wait}` : path);

function withQuery(path: string, query: Readonly<Record<string, string | number | boolean>>): string {
	const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
	const search = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]));
	return search.size > 0 ? `${path}?${search}` : path;
}
