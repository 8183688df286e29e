import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { HilClient, NodeView } from '../../hil/client.ts';
import type { RackFile } from './rack-file.ts';

/** One thing that is not recorded yet, or otherwise. */
export interface RackStep {
	/** For people: `node node1`, `NIC node1/eth0 (02:…) in port gi1/0/1 of tor`. */
	readonly text: string;
	take(): Promise<unknown>;
}

export interface RackPlan {
	/** In an order in which they can be taken. */
	readonly steps: readonly RackStep[];
	/** What is recorded otherwise and cannot just be changed, and what to do about it. */
	readonly conflicts: readonly string[];
}

/**
 * What of a rack file is not recorded at hil yet. Nothing is ever taken away; the settings of a switch, the address of
 * a node's management and passwords are not compared, since hil shows none of them.
 */
export async function planRack(client: HilClient, rack: RackFile): Promise<RackPlan> {
	const plan = { steps: [] as RackStep[], conflicts: [] as string[] };
	await planSwitches(client, rack, plan);
	await planNodes(client, rack, plan);
	await planProjects(client, rack, plan);
	await planNetworks(client, rack, plan);
	return plan;
}

interface Growing {
	readonly steps: RackStep[];
	readonly conflicts: string[];
}

const firstLine = async (file: string): Promise<string> =>
	(await readFile(file, 'utf8')).split(/\r?\n/, 1)[0] ?? '';

async function planSwitches(client: HilClient, rack: RackFile, { steps }: Growing): Promise<void> {
	const { administration: hil } = client;
	const known = new Set(await hil.switches());
	const nics = Object.values(rack.nodes).flatMap(node => Object.values(node.nics));
	const named = new Set([...Object.keys(rack.switches), ...nics.flatMap(nic => nic.switch ?? [])]);
	for (const name of named) {
		const given = rack.switches[name];
		const isKnown = known.has(name);
		if (!isKnown && given) {
			const { type, settings } = given;
			steps.push({
				text: `switch ${name} (${type.split('/').at(-1)})`,
				take: async () => hil.registerSwitch(name, type, await withSecrets(settings)),
			});
		}
		const recorded = isKnown ? (await hil.switch(name)).ports.map(({ label }) => label) : [];
		const wanted = [
			...(given?.ports ?? []),
			...nics.flatMap(nic => (nic.switch === name && nic.port !== undefined ? [nic.port] : [])),
		];
		for (const port of new Set(wanted)) {
			if (recorded.includes(port)) continue;
			steps.push({ text: `port ${port} of ${name}`, take: () => hil.registerPort(name, port) });
		}
	}
}

/** The settings of a switch, with what its files hold. */
export async function withSecrets(
	settings: RackFile['switches'][string]['settings'],
): Promise<Record<string, unknown>> {
	const all = Object.entries(settings).map(async ([setting, value]) => [
		setting,
		typeof value === 'object' ? await firstLine(value.file) : value,
	]);
	return Object.fromEntries(await Promise.all(all));
}

async function planNodes(client: HilClient, rack: RackFile, { steps, conflicts }: Growing): Promise<void> {
	const { administration: hil } = client;
	const known = new Set(await hil.nodes());
	for (const [name, { management, metadata, nics }] of Object.entries(rack.nodes)) {
		const recorded = known.has(name) ? await client.node(name) : undefined;
		if (!recorded) steps.push({ text: `node ${name}`, take: () => hil.registerNode(name, management) });
		for (const [label, value] of Object.entries(metadata)) {
			const text = recorded?.metadata[label];
			if (text !== undefined && isDeepStrictEqual(JSON.parse(text), value)) continue;
			const was = text === undefined ? '' : `, was ${text}`;
			steps.push({
				text: `${label} of ${name}: ${JSON.stringify(value)}${was}`,
				take: () => hil.setMetadata(name, label, value),
			});
		}
		for (const [label, nic] of Object.entries(nics)) {
			const before = recorded?.nics.find(each => each.label === label);
			planNic({ client, name, label, nic, before }, { steps, conflicts });
		}
	}
}

function planNic(
	of: {
		readonly client: HilClient;
		readonly name: string;
		readonly label: string;
		readonly nic: RackFile['nodes'][string]['nics'][string];
		readonly before: NodeView['nics'][number] | undefined;
	},
	{ steps, conflicts }: Growing,
): void {
	const { client, name, label, nic, before } = of;
	const { administration: hil } = client;
	if (!before) {
		const text = `NIC ${name}/${label} (${nic.mac})`;
		steps.push({ text, take: () => hil.registerNic(name, label, nic.mac) });
	} else if (before.macaddr.toLowerCase() !== nic.mac) {
		conflicts.push(
			`NIC ${name}/${label} is recorded with ${before.macaddr || 'no address'}, not ${nic.mac}: forget it first`,
		);
		return;
	}
	const { switch: of_, port } = nic;
	if (of_ === undefined || port === undefined) return;
	if (before?.port === port && before.switch === of_) return;
	if (before?.port != null) {
		conflicts.push(
			`NIC ${name}/${label} is recorded in port ${before.port} of ${before.switch}, not ${port} of ${of_}: unplug it first`,
		);
		return;
	}
	steps.push({
		text: `NIC ${name}/${label} in port ${port} of ${of_}`,
		take: () => hil.plugIn(of_, port, name, label),
	});
}

async function planProjects(client: HilClient, rack: RackFile, { steps }: Growing): Promise<void> {
	const { administration: hil } = client;
	const [projects, users] = [new Set(await hil.projects()), await hil.users()];
	for (const [name, { quota }] of Object.entries(rack.projects)) {
		const isKnown = projects.has(name);
		if (!isKnown) steps.push({ text: `project ${name}`, take: () => hil.createProject(name) });
		if (!quota) continue;
		if (isKnown && isDeepStrictEqual((await client.project(name)).quota, quota)) continue;
		const text = `quota of ${name}: nodes ${quota.nodes ?? 'any'}, networks ${quota.networks ?? 'any'}`;
		steps.push({ text, take: () => hil.setQuota(name, quota) });
	}
	for (const [name, { password, admin }] of Object.entries(rack.users)) {
		const recorded = users[name];
		if (!recorded) {
			const text = `user ${name}${admin ? ', an administrator' : ''}`;
			steps.push({ text, take: async () => hil.createUser(name, await firstLine(password), admin) });
		} else if (admin && !recorded.is_admin) {
			steps.push({ text: `user ${name} becomes an administrator`, take: () => hil.setAdmin(name, true) });
		}
	}
	for (const [project, { users: members }] of Object.entries(rack.projects)) {
		for (const user of members) {
			if (users[user]?.projects.includes(project)) continue;
			steps.push({ text: `user ${user} in project ${project}`, take: () => hil.join(user, project) });
		}
	}
}

async function planNetworks(client: HilClient, rack: RackFile, { steps, conflicts }: Growing): Promise<void> {
	const known = await client.networks();
	for (const [name, { vlan, access }] of Object.entries(rack.networks)) {
		const recorded = known[name];
		const projects = access === 'public' ? null : access;
		if (!recorded) {
			const [first = null] = projects ?? [];
			const text = `network ${name} (${vlan === undefined ? 'a VLAN of the pool' : `VLAN ${vlan}`}, ${projects ? `for ${projects.join(', ')}` : 'public'})`;
			const of = { owner: null, access: first, vlan: vlan === undefined ? null : String(vlan) };
			steps.push({
				text,
				async take() {
					await client.createNetwork(name, of);
					for (const project of projects?.slice(1) ?? []) await client.grant(name, project);
				},
			});
			continue;
		}
		if (vlan !== undefined && recorded.network_id !== String(vlan))
			conflicts.push(`network ${name} is recorded with VLAN ${recorded.network_id}, not ${vlan}`);
		else if ((recorded.projects === null) !== (projects === null))
			conflicts.push(`network ${name} is recorded as ${recorded.projects ? 'not public' : 'public'}`);
		else
			for (const project of projects ?? []) {
				if (recorded.projects?.includes(project)) continue;
				steps.push({ text: `network ${name} for ${project}`, take: () => client.grant(name, project) });
			}
	}
}
