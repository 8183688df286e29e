import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findChildren } from '../../common/processes/children.ts';
import type { PortState } from '../../hil/core/actions.ts';
import { type OvsdbRelay, startOvsdbRelay } from '../../hil/switches/open-vswitch/relay.fixture.ts';
import { startSwitch } from '../../qemu/switch/switch.ts';
import { frame, type Plug, plugIn } from '../../qemu/switch/test-plug.ts';
import { nodeNames, type Team } from './moved-node.ts';

/**
 * A real Open vSwitch behind a relay, with something plugged in that sends and hears: hil's three nodes, and a witness in
 * each project's VLAN that hil knows nothing of.
 */
export interface WatchedSwitch {
	/** What hil is told of it. */
	readonly settings: Readonly<Record<string, string>>;
	readonly relay: OvsdbRelay;
	/** For who wants a folder that is gone afterwards. */
	readonly folder: string;
	/** What the switch's own database says that a port carries. */
	carried(): Promise<(port: string) => PortState>;
	/** Sets a port by hand, behind hil's back. */
	setByHand(port: string, state: PortState): Promise<void>;
	/** Puts the witnesses into the VLANs of the networks, once these have one. */
	place(vlans: Readonly<Record<Team, number>>): Promise<void>;
	/** The moved node speaks: without a tag and with those of both VLANs. Who hears it is asked for later. */
	speak(): string;
	/** Throws unless the moved node and the project's nodes hear each other, and nobody of the other project. */
	assertTogether(team: Team): Promise<void>;
	/** Which projects have heard this; certain once `assertTogether` has looked after it was said. */
	heardBy(text: string): Team[];
	close(): Promise<void>;
}

const teams = ['red', 'blue'] as const;

export async function startWatchedSwitch(): Promise<WatchedSwitch> {
	const folder = await mkdtemp(path.join(tmpdir(), 'hil-ovs-'));
	const run = `test-hil-ovs-${randomBytes(4).toString('hex')}`;
	const opened: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })];
	const close = async (): Promise<void> => {
		for (const end of opened.splice(0).reverse()) await end();
		const left = await findChildren(run);
		if (left.length > 0) throw new Error(`left behind: ${left.map(({ command }) => command).join('; ')}`);
	};
	try {
		const network = await startSwitch({ run, folder });
		opened.push(() => network.close());
		const relay = await startOvsdbRelay(path.join(folder, 'relay.sock'), network.database);
		opened.push(() => relay.close());
		const plugs = new Map<string, Plug>();
		for (const name of [...nodeNames, ...teams.map(witnessOf)]) {
			const plug = await plugIn(network, await network.createPort(name), run);
			plugs.set(name, plug);
			opened.push(() => plug.close());
		}
		const plugOf = (name: string): Plug => {
			const plug = plugs.get(name);
			if (!plug) throw new Error(`nothing is plugged into ${name}`);
			return plug;
		};
		let vlans: Readonly<Record<Team, number>> = { red: 0, blue: 0 };
		let said = 0;
		const say = (name: string, tags: readonly number[] = []): string => {
			const text = `${name}-${++said}`;
			const from = [...plugs.keys()].indexOf(name) + 1;
			plugOf(name).send(frame(text, { from }));
			for (const tag of tags) plugOf(name).send(frame(text, { from, tag }));
			return text;
		};
		const heardBy = (text: string): Team[] =>
			teams.filter(team =>
				plugOf(witnessOf(team))
					.texts()
					.some(each => each.split('@')[0] === text),
			);
		return {
			settings: {
				type: 'http://schema.massopencloud.org/haas/v0/switches/ovs',
				hostname: 'ovs-connected',
				isolated: 'ovs-isolated',
				database: `unix:${relay.path}`,
				control: path.join(folder, 'vswitchd.ctl'),
			},
			relay,
			folder,
			async carried() {
				const ports = new Map((await network.ports()).map(({ name, vlans: on }) => [name, on]));
				return port => ({
					native: ports.get(port)?.untagged ?? null,
					tagged: ports.get(port)?.tagged ?? [],
				});
			},
			setByHand: (port, { native, tagged }) => network.setVlans(port, { untagged: native, tagged }),
			async place(of) {
				vlans = of;
				for (const team of teams) await network.setVlans(witnessOf(team), { untagged: of[team], tagged: [] });
			},
			speak: () => say('moved', [vlans.red, vlans.blue]),
			async assertTogether(team) {
				const other = team === 'red' ? 'blue' : 'red';
				const text = say('moved');
				await plugOf(witnessOf(team)).waitFor(text);
				// A port takes frames in their order: what the other witness should not have heard would be there before this.
				const theirs = say(`${other}-stays`);
				await plugOf(witnessOf(other)).waitFor(theirs);
				const ours = say(`${team}-stays`);
				await plugOf('moved').waitFor(ours);
				await plugOf(witnessOf(team)).waitFor(ours);
				const wrong = [
					...(heardBy(text).includes(other) ? [`${other} heard the node`] : []),
					...(plugOf('moved').texts().includes(theirs) ? [`the node heard ${other}`] : []),
				];
				if (wrong.length > 0) throw new Error(wrong.join('; '));
			},
			heardBy,
			close,
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}

const witnessOf = (team: Team): string => `${team}-witness`;
