import { rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Clock, systemClock } from '../../common/clock.ts';
import { closeAll } from '../../common/close-all.ts';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import type { PowerStateName } from '../bmc/bmc.ts';
import { buildGuest } from '../guest/guest.ts';
import { type Accelerator, findAccelerator } from '../machine/accelerator.ts';
import { type Pdu, type Publisher, startPdu } from '../pdu/pdu.ts';
import { type Switch, startSwitch } from '../switch/switch.ts';
import { listening } from './listening.ts';
import type { NodeDisk } from './node-disk.ts';
import { processorDemand } from './processor-demand.ts';
import { makeOwnFolder, makeRunFolder, type RackFolders } from './rack-folders.ts';
import type { RackPlan } from './rack-plan.ts';
import { openRackSecrets, type RackCredential } from './rack-secrets.ts';
import { createSwitchOn, type Switchable } from './switch-on.ts';
import { accountOf, startVirtualNode, type VirtualNode } from './virtual-node.ts';

export interface VirtualRackOptions {
	readonly plan: RackPlan;
	readonly folders: RackFolders;
	readonly clock?: Clock;
	/** Where outlet powers are published. */
	readonly events?: Publisher | undefined;
	readonly logger?: Pick<Logger, 'info' | 'error'> | undefined;
	/** How long a server may boot before the next one is switched on, in milliseconds; 45 s when absent. */
	readonly bootLimitMs?: number;
	/** Told what is being done, for people. */
	readonly onProgress?: (text: string) => void;
	readonly onPowerChange?: (state: PowerStateName, node: string) => void;
}

/** Eight servers in QEMU, or as many as there are, with their BMCs, a PDU and a switch. */
export interface VirtualRack {
	readonly plan: RackPlan;
	readonly nodes: readonly VirtualNode[];
	readonly pdu: Pdu;
	readonly pduCredential: RackCredential;
	/** Undefined where the plan has none. */
	readonly network: Switch | undefined;
	readonly accelerator: Accelerator;
	/** Path of the certificate of the authority that signed the BMCs' and the PDU's. */
	readonly caFile: string;
	/** Path of a JSON file for its owner alone: URLs, accounts and passwords. */
	readonly credentialsFile: string;
	/** Switches on what is off, a few at a time, and resolves when all have booted or do not get on. */
	switchOn(): Promise<void>;
	/** Asks all to shut down; after `patienceMs` milliseconds the power of those that have not is cut. */
	switchOff(patienceMs: number): Promise<void>;
	/** Ends everything; servers that are on lose their power. */
	close(): Promise<void>;
}

/**
 * Starts a rack with all servers off; `switchOn` boots them. If one part cannot start, those that did are ended again.
 * Throws SwitchUnavailable, PartMissing, FolderForeign, PortTaken and the like.
 */
export async function startVirtualRack(options: VirtualRackOptions): Promise<VirtualRack> {
	const { plan, folders, onProgress = () => undefined } = options;
	const clock = options.clock ?? systemClock;
	const undo: (() => unknown)[] = [];
	const close = (): Promise<void> => closeAll(undo);
	try {
		await makeRunFolder(folders);
		// It may hold a supervisor's files, which are not ours to remove.
		undo.push(() => rmdir(folders.runFolder).catch(() => undefined));
		await makeOwnFolder(folders.stateFolder);
		// Says what this folder is, to whoever is about to delete it.
		await writeFile(join(folders.stateFolder, stateMark), `${plan.name}\n`, { mode: 0o600 });
		if (plan.accelerator === 'auto') onProgress('trying whether KVM runs a machine');
		const accelerator = plan.accelerator === 'auto' ? await findAccelerator() : plan.accelerator;

		let network: Switch | undefined;
		if (plan.hasSwitch) {
			onProgress('switch');
			const folder = join(folders.runFolder, 'switch');
			undo.push(() => rm(folder, { recursive: true, force: true }));
			network = await startSwitch({ run: folders.run, folder });
			undo.push(() => network?.close());
		}
		onProgress('keys and certificates');
		const secrets = await openRackSecrets({
			folder: folders.stateFolder,
			title: `Bimetal rack ${plan.name}`,
			names: [...plan.nodes.map(({ name }) => name), 'pdu'],
			host: plan.host,
			clock,
		});
		const credentialOf = (name: string): RackCredential => {
			const found = secrets.credentials[name];
			if (!found) throw new Error(`no credential was made for ${name}`);
			return found;
		};
		const image = plan.nodes.some(({ disk }) => disk?.kind === 'guest')
			? (await buildGuest({ onProgress: step => onProgress(`guest: ${step}`) })).disk
			: undefined;
		const guest = (): NodeDisk => {
			if (image === undefined) throw new Error('no guest was built');
			return { kind: 'image', file: image, format: 'qcow2' };
		};
		onProgress('disks, ports and BMCs');
		await makeOwnFolder(join(folders.stateFolder, 'bmcs'));
		let pdu: Pdu | undefined;
		const nodes: VirtualNode[] = [];
		for (const node of plan.nodes) {
			const made = await startVirtualNode({
				node,
				folders,
				host: plan.host,
				tls: secrets.tls[node.name],
				credential: credentialOf(node.name),
				disk: node.disk?.kind === 'guest' ? guest() : node.disk,
				network,
				accelerator,
				clock,
				logger: options.logger,
				onPowerChange(state, name) {
					pdu?.changed(node.outlet);
					options.onPowerChange?.(state, name);
				},
				isPowered: () => pdu?.readings().find(({ Id }) => Id === node.outlet)?.PowerState !== 'Off',
			});
			undo.push(() => made.bmc.close());
			nodes.push(made);
		}
		const started = await listening(
			plan.host,
			plan.pduPort,
			startPdu({
				clock,
				logger: options.logger,
				host: plan.host,
				port: plan.pduPort,
				tls: secrets.tls.pdu,
				accounts: [accountOf(credentialOf('pdu'))],
				events: options.events,
				outlets: nodes.map(({ name, plan: { outlet }, bmc }) => ({
					id: outlet,
					name,
					serverState: () => bmc.powerState(),
					serverWatts: () => bmc.drawnWatts(),
					// A server without power is off at once, and comes up again with the power.
					onSwitch: state => bmc.press(state === 'Off' ? 'ForceOff' : 'On'),
				})),
			}),
		);
		pdu = started;
		undo.push(() => started.close());
		const credentialsFile = join(folders.stateFolder, 'credentials.json');
		const pduCredential = credentialOf('pdu');
		await writeFileDurably(
			credentialsFile,
			`${JSON.stringify(
				{
					ca: secrets.caFile,
					bmcs: Object.fromEntries(
						nodes.map(({ name, bmc: { url }, credential: { username, password } }) => [
							name,
							{ url, username, password },
						]),
					),
					pdu: { url: started.url, username: pduCredential.username, password: pduCredential.password },
				},
				null,
				'\t',
			)}\n`,
			0o600,
		);
		const power = createSwitchOn({
			nodes: nodes.map(asSwitchable),
			together: plan.bootTogether,
			clock,
			onProgress,
			bootLimitMs: options.bootLimitMs,
		});
		undo.push(() => power.stop());
		return {
			plan,
			nodes,
			pdu: started,
			pduCredential,
			network,
			accelerator,
			caFile: secrets.caFile,
			credentialsFile,
			switchOn: () => power.switchOn(),
			switchOff: patienceMs => power.switchOff(patienceMs),
			close,
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}

/** In the state folder of every rack. */
export const stateMark = '.bimetal-rack';

function asSwitchable({ name, bmc, pid }: VirtualNode): Switchable {
	return {
		name,
		bmc,
		demand() {
			const process = pid();
			return process === undefined ? 0 : processorDemand(process);
		},
	};
}
