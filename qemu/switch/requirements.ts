import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';

const programs = ['ovsdb-tool', 'ovsdb-server', 'ovs-vswitchd', 'ip', 'nsenter', 'unshare', 'setpriv'];
const tunDevice = '/dev/net/tun';

/** What the check looks at; this machine where nothing is given. */
export interface Surroundings {
	readonly userId: number | undefined;
	mayOpen(file: string): Promise<boolean>;
	/** Throws PartMissing. */
	find(program: string): Promise<string>;
}

const thisMachine: Surroundings = {
	userId: process.getuid?.(),
	mayOpen: file =>
		access(file, constants.R_OK | constants.W_OK).then(
			() => true,
			() => false,
		),
	find: findProgram,
};

/** Throws SwitchUnavailable, which lists everything that a switch lacks here and how to get it, all at once. */
export async function checkSwitchRequirements(surroundings: Surroundings = thisMachine): Promise<void> {
	const missing: string[] = [];
	if (surroundings.userId !== 0) missing.push('it makes network devices: run it as root (sudo)');
	else if (!(await surroundings.mayOpen(tunDevice)))
		missing.push(`${tunDevice} cannot be opened: modprobe tun; in a container, pass the device in`);
	const found = await Promise.all(
		programs.map(name =>
			surroundings.find(name).then(
				() => undefined,
				(fault: unknown) => (fault instanceof Error ? fault.message : String(fault)),
			),
		),
	);
	missing.push(...new Set(found.filter(fault => fault !== undefined)));
	if (missing.length === 0) return;
	throw new BimetalError('SwitchUnavailable', `no switch can be started here: ${missing.join('; ')}`, {
		expose: true,
	});
}
