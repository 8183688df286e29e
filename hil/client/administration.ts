import { z } from 'zod';
import * as v0 from '../v0/views.ts';
import * as v1 from '../v1/views.ts';
import { at, type HilTransport } from './transport.ts';

export type SwitchView = z.output<typeof v0.device>;
export type PortView = z.output<typeof v0.port>;
export type DriftView = z.output<typeof v1.drift>;
export type SwitchPorts = z.output<typeof v1.ports>;
export type SwitchStates = z.output<typeof v1.switches>['switches'];
export type SwitchHealth = z.output<typeof v1.switchWithDrift>;
export type UserList = z.output<typeof v0.userList>;

/** What administrators record: calls of HIL's own interface, for the most part. */
export interface HilAdministration {
	/** Names of all nodes. */
	nodes(): Promise<readonly string[]>;
	/** `management`: `https://PROXY/bmc/NAME`. */
	registerNode(node: string, management: string): Promise<void>;
	deleteNode(node: string): Promise<void>;
	registerNic(node: string, nic: string, mac: string): Promise<void>;
	deleteNic(node: string, nic: string): Promise<void>;
	setMetadata(node: string, label: string, value: unknown): Promise<void>;
	deleteMetadata(node: string, label: string): Promise<void>;
	/** `until`: ISO 8601; null: no end. */
	setLease(node: string, until: string | null): Promise<void>;

	switches(): Promise<readonly string[]>;
	switch(name: string): Promise<SwitchView>;
	/** How they are met with: whether they answer, what waits, what the last look at their ports found. */
	switchStates(): Promise<SwitchStates>;
	switchHealth(name: string): Promise<SwitchHealth>;
	/** `settings`: what its driver takes, secrets among them. */
	registerSwitch(name: string, type: string, settings: Readonly<Record<string, unknown>>): Promise<void>;
	/** How it is reached from now on, all settings anew; its ports and what is recorded of them stay. */
	replaceSwitch(name: string, type: string, settings: Readonly<Record<string, unknown>>): Promise<void>;
	deleteSwitch(name: string): Promise<void>;
	/** What is in the ports and what they carry; `after` is the `next` of the page before. */
	switchPorts(of: string, after?: string): Promise<SwitchPorts>;
	port(of: string, port: string): Promise<PortView>;
	registerPort(of: string, port: string): Promise<void>;
	deletePort(of: string, port: string): Promise<void>;
	/** Records which NIC is in a port. */
	plugIn(of: string, port: string, node: string, nic: string): Promise<void>;
	unplug(of: string, port: string): Promise<void>;
	/** Ports that carry something else than what is recorded; `repair` puts them right. */
	drift(of: string, repair?: boolean): Promise<DriftView>;

	projects(): Promise<readonly string[]>;
	createProject(project: string): Promise<void>;
	deleteProject(project: string): Promise<void>;
	setQuota(
		project: string,
		quota: { readonly nodes: number | null; readonly networks: number | null },
	): Promise<void>;

	users(): Promise<UserList>;
	createUser(user: string, password: string, isAdmin: boolean): Promise<void>;
	deleteUser(user: string): Promise<void>;
	setAdmin(user: string, isAdmin: boolean): Promise<void>;
	join(user: string, project: string): Promise<void>;
	leave(user: string, project: string): Promise<void>;
}

const nothing = z.unknown();

export function createAdministration({ call }: HilTransport): HilAdministration {
	const tell = async (method: string, path: string, body?: object): Promise<void> => {
		await call(nothing, method, path, body);
	};
	return {
		nodes: () => call(v0.names, 'GET', '/v0/nodes/all'),
		// HIL's own management daemon has a token; the proxy has hil's account instead.
		registerNode: (node, uri) => tell('PUT', at`/v0/node/${node}`, { obmd: { uri, admin_token: '' } }),
		deleteNode: node => tell('DELETE', at`/v0/node/${node}`),
		registerNic: (node, nic, macaddr) => tell('PUT', at`/v0/node/${node}/nic/${nic}`, { macaddr }),
		deleteNic: (node, nic) => tell('DELETE', at`/v0/node/${node}/nic/${nic}`),
		setMetadata: (node, label, value) => tell('PUT', at`/v0/node/${node}/metadata/${label}`, { value }),
		deleteMetadata: (node, label) => tell('DELETE', at`/v0/node/${node}/metadata/${label}`),
		setLease: (node, until) => tell('PUT', at`/v1/node/${node}/lease`, { until }),

		switches: () => call(v0.names, 'GET', '/v0/switches'),
		switch: name => call(v0.device, 'GET', at`/v0/switch/${name}`),
		switchStates: async () => (await call(v1.switches, 'GET', '/v1/switches')).switches,
		switchHealth: name => call(v1.switchWithDrift, 'GET', at`/v1/switch/${name}`),
		registerSwitch: (name, type, settings) => tell('PUT', at`/v0/switch/${name}`, { ...settings, type }),
		replaceSwitch: (name, type, settings) => tell('PUT', at`/v1/switch/${name}`, { ...settings, type }),
		deleteSwitch: name => tell('DELETE', at`/v0/switch/${name}`),
		switchPorts: (of, after) => {
			const page = `limit=1000${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`;
			return call(v1.ports, 'GET', `${at`/v1/switch/${of}/ports`}?${page}`);
		},
		port: (of, port) => call(v0.port, 'GET', at`/v0/switch/${of}/port/${port}`),
		registerPort: (of, port) => tell('PUT', at`/v0/switch/${of}/port/${port}`),
		deletePort: (of, port) => tell('DELETE', at`/v0/switch/${of}/port/${port}`),
		plugIn: (of, port, node, nic) =>
			tell('POST', at`/v0/switch/${of}/port/${port}/connect_nic`, { node, nic }),
		unplug: (of, port) => tell('POST', at`/v0/switch/${of}/port/${port}/detach_nic`),
		drift: (of, repair = false) =>
			repair
				? call(v1.drift, 'POST', at`/v1/switch/${of}/repair`)
				: call(v1.drift, 'GET', at`/v1/switch/${of}/drift`),

		projects: () => call(v0.names, 'GET', '/v0/projects'),
		createProject: project => tell('PUT', at`/v0/project/${project}`),
		deleteProject: project => tell('DELETE', at`/v0/project/${project}`),
		setQuota: (project, quota) => tell('PUT', at`/v1/project/${project}/quota`, quota),

		users: () => call(v0.userList, 'GET', '/v0/auth/basic/users'),
		createUser: (user, password, is_admin) =>
			tell('PUT', at`/v0/auth/basic/user/${user}`, { password, is_admin }),
		deleteUser: user => tell('DELETE', at`/v0/auth/basic/user/${user}`),
		setAdmin: (user, is_admin) => tell('PATCH', at`/v0/auth/basic/user/${user}`, { is_admin }),
		join: (user, project) => tell('POST', at`/v0/auth/basic/user/${user}/add_project`, { project }),
		leave: (user, project) => tell('POST', at`/v0/auth/basic/user/${user}/remove_project`, { project }),
	};
}
