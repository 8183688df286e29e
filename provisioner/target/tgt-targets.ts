import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, pause } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import { type Child, startChild } from '../../common/processes/children.ts';
import { keepDaemon } from '../../common/processes/kept-daemon.ts';
import { socketPath } from '../../common/processes/socket-path.ts';
import { provisionerErrors } from '../errors.ts';
import { createTurns } from '../turns.ts';
import type { TargetSession, TargetSpec, Targets } from './targets.ts';
import { askTgt, type TgtRequest } from './tgt-ipc.ts';

export interface TgtOptions {
	/** Names the process; see common/processes/children.ts. */
	readonly run: string;
	/** For the control socket; made when it is not there. */
	readonly folder: string;
	/** `address:port` to listen on. */
	readonly portals: readonly string[];
	/** A network namespace to listen in, as nsenter(1) takes it; ours when absent. */
	readonly network?: string | undefined;
	readonly clock: Clock;
	readonly logger: Logger;
}

interface Served {
	readonly number: number;
	spec: TargetSpec;
	/** The process that has it; undefined: it was to have other disks, and has none. */
	madeBy: Child | undefined;
}

/** Milliseconds for tgtd to answer after its start. */
const patience = 10_000;

/** Targets of a tgtd of our own, which is started again with all of them when it dies; nobody is let in until `admit`. */
export async function startTgtTargets(options: TgtOptions): Promise<Targets> {
	const { run, folder, portals, network, clock, logger } = options;
	await mkdir(folder, { recursive: true, mode: 0o700 });
	const served = new Map<string, Served>();
	const inTurn = createTurns();
	let lastNumber = 0;
	/** Resolves when nodes may be let in; that is now, but for an outage of what is served. */
	let gate = { opens: Promise.resolve(), open: (): void => undefined };
	let isAdmitting = false;
	/** The process that nodes are let in to. */
	let opened: Child | undefined;

	/** An address of this machine's alone that nobody else has: where tgtd listens until its targets are there. */
	const nowhere = `127.${[...randomBytes(3)].map(byte => 1 + (byte % 254)).join('.')}:3260`;
	const control = path.join(folder, 'ctl.0');
	const ask = (request: TgtRequest): Promise<string> => askTgt(socketPath(control), request);

	async function start(): Promise<{ child: Child }> {
		await gate.opens;
		await rm(control, { force: true });
		const started = await startChild(
			'tgtd',
			// By default it starts hundreds of threads, and listens on all addresses.
			['-f', '-C', '0', '-t', '2', '--iscsi', `portal=${nowhere}`],
			{ run, folder, network, environment: { TGT_IPC_SOCKET: 'ctl' } },
		);
		let exit: { readonly code: number | null } | undefined;
		void started.exited.then(code => {
			exit = code;
		});
		for (const until = clock.elapsed() + patience; ; ) {
			try {
				await ask({ mode: 'target', operation: 'show' });
				break;
			} catch (cause) {
				if (exit === undefined && clock.elapsed() < until) {
					await new Promise<void>(resolve => clock.after(5, resolve));
					continue;
				}
				await end(started);
				const said = started.errorLines().slice(-3).join('; ') || 'it opened no socket';
				throw provisionerErrors.StorageFault(`tgtd: ${said}`, { cause });
			}
		}
		if (!/^Portal: 127\.[\d.]+:\d+,\d+\s*$/.test(await ask({ mode: 'portal', operation: 'show' }))) {
			await end(started);
			throw provisionerErrors.StorageFault(`tgtd cannot listen on ${nowhere}, and would on all addresses`);
		}
		return { child: started };
	}

	/**
	 * Lets nodes in, once everything that they may look for is there: an initiator whose target is not found can take half a
	 * minute to come back, or give up, where one that nobody listens to tries again after three seconds.
	 */
	async function openPortals(of: Child): Promise<void> {
		if (!isAdmitting || opened === of) return;
		try {
			for (const portal of portals) await ask({ mode: 'portal', operation: 'new', parameters: { portal } });
			await ask({ mode: 'portal', operation: 'delete', parameters: { portal: nowhere } });
			opened = of;
		} catch (cause) {
			await end(of);
			const where = portals.join(', ');
			throw provisionerErrors.StorageFault(`tgtd cannot listen on ${where}: taken, or not here`, { cause });
		}
	}

	/** SIGTERM is nothing to it; what it was told to write is with the storage, and what was flushed on disk. */
	async function end(of: Child): Promise<void> {
		kill(of);
		const late = new AbortController();
		// What waits for a disk goes when the disk does, which may be after us.
		await Promise.race([of.exited, pause(clock, patience, late.signal).catch(() => undefined)]);
		late.abort();
	}

	/** Every target that one which has died had. */
	async function restore({ child }: { child: Child }): Promise<void> {
		const lost: string[] = [];
		for (const iqn of [...served.keys()]) {
			await inTurn(iqn, async () => {
				const is = served.get(iqn);
				if (!is || is.madeBy === child) return;
				await remake(is, child);
			}).catch(fault => {
				lost.push(iqn);
				logger.error({ err: fault, target: iqn }, 'a target could not be served again');
			});
		}
		await openPortals(child);
		if (lost.length > 0) throw provisionerErrors.StorageFault(`${lost.join(', ')} cannot be served again`);
	}

	/** As it is recorded, in place of what may be left of an attempt. */
	async function remake(is: Served, by: Child): Promise<void> {
		await unmake(is);
		await make(is.number, is.spec);
		is.madeBy = by;
	}

	/** Its lock comes before its door: nobody is let in until the last calls, and then with the secret alone. */
	async function make(target: number, spec: TargetSpec): Promise<void> {
		await ask({ mode: 'target', operation: 'new', target, parameters: { targetname: spec.iqn } });
		for (const { account, isOutgoing } of accountsOf(spec)) {
			const { username: user, password } = account;
			// One of an earlier target of this name has another password.
			await ask({ mode: 'account', operation: 'delete', parameters: { user } }).catch(() => undefined);
			await ask({ mode: 'account', operation: 'new', parameters: { user, password } });
			await ask({ mode: 'account', operation: 'bind', target, isOutgoing, parameters: { user } });
		}
		await makeUnits(target, spec);
		const doors = spec.addresses.map(address => ({ 'initiator-address': address }));
		for (const parameters of doors.length > 0 ? doors : [{ 'initiator-name': spec.initiator }]) {
			await ask({ mode: 'target', operation: 'bind', target, parameters });
		}
	}

	async function makeUnits(target: number, { units }: TargetSpec): Promise<void> {
		for (const [index, { backing, isReadOnly, serial }] of units.entries()) {
			const unit = index + 1;
			const parameters = { path: backing.path, bstype: backing.type };
			await ask({ mode: 'unit', operation: 'new', target, unit, parameters });
			if (serial !== undefined) {
				// Its designator is a number of 128 bits, of which tgt keeps the first four for the kind of number.
				const id = serial.replaceAll('-', '').slice(1);
				for (const targetOps of [`scsi_id=${id}`, `scsi_sn=${serial}`])
					await ask({ mode: 'unit', operation: 'update', target, unit, parameters: { targetOps } });
			}
			if (isReadOnly) {
				const update = { targetOps: 'readonly=1' };
				await ask({ mode: 'unit', operation: 'update', target, unit, parameters: update });
			}
		}
	}

	/** Ends every session, then the target: tgtd refuses to take one away that is in use. */
	async function unmake({ number: target, spec }: Served): Promise<void> {
		if (!daemon.current()) return;
		for (const until = clock.elapsed() + patience; ; ) {
			try {
				await ask({ mode: 'target', operation: 'delete', target, isForced: true });
				break;
			} catch (fault) {
				if (/can't find the target/.test(String(fault))) break;
				// What its last session had asked for is still being done.
				if (!/is in use/.test(String(fault)) || clock.elapsed() > until) throw fault;
				await pause(clock, 50);
			}
		}
		for (const { account } of accountsOf(spec)) {
			const parameters = { user: account.username };
			await ask({ mode: 'account', operation: 'delete', parameters }).catch(() => undefined);
		}
	}

	/** Other files behind the same door: sessions stay, and find the new ones. */
	async function exchangeUnits(is: Served, spec: TargetSpec): Promise<void> {
		for (const [index] of is.spec.units.entries()) {
			await ask({ mode: 'unit', operation: 'delete', target: is.number, unit: index + 1 });
		}
		await makeUnits(is.number, spec);
	}

	const daemon = await keepDaemon({ name: 'tgtd', start, restore, end, clock, logger });
	return {
		portals,
		check: () => daemon.check(),
		serve: spec =>
			inTurn(spec.iqn, async () => {
				const by = daemon.current()?.child;
				const is = served.get(spec.iqn);
				if (!by) {
					// The next one makes it as it is to be now.
					if (is) Object.assign(is, { spec, madeBy: undefined });
					else throw provisionerErrors.StorageFault('tgtd is being started again.');
					return;
				}
				if (is?.madeBy === by && same(is.spec, spec)) return;
				if (is?.madeBy === by && same({ ...is.spec, units: [] }, { ...spec, units: [] })) {
					is.madeBy = undefined;
					await exchangeUnits(is, spec);
					is.spec = spec;
					is.madeBy = by;
					return;
				}
				if (is) await unmake(is);
				const next: Served = { number: ++lastNumber, spec, madeBy: by };
				served.delete(spec.iqn);
				try {
					await make(next.number, spec);
				} catch (fault) {
					await unmake(next).catch(() => undefined);
					throw fault;
				}
				served.set(spec.iqn, next);
			}),
		drop: iqn =>
			inTurn(iqn, async () => {
				const is = served.get(iqn);
				if (!is) return;
				await unmake(is);
				served.delete(iqn);
			}),
		async admit() {
			isAdmitting = true;
			const now = daemon.current();
			// The next one does it itself.
			if (now) await openPortals(now.child);
		},
		halt() {
			gate.open();
			const { promise, resolve } = Promise.withResolvers<void>();
			gate = { opens: promise, open: resolve };
			const last = daemon.current();
			// Not a word from it after this, whatever its threads wait for.
			if (last) kill(last.child);
		},
		resume: () => gate.open(),
		async sessions(iqn) {
			return readSessions(await ask({ mode: 'target', operation: 'show' }), iqn);
		},
		close() {
			gate.open();
			return daemon.close();
		},
	};
}

function kill({ pid }: Child): void {
	try {
		process.kill(pid, 'SIGKILL');
	} catch {
		// It has ended by itself.
	}
}

const same = (a: TargetSpec, b: TargetSpec): boolean => JSON.stringify(a) === JSON.stringify(b);

const accountsOf = ({ chap, mutual }: TargetSpec) => [
	{ account: chap, isOutgoing: false },
	...(mutual ? [{ account: mutual, isOutgoing: true }] : []),
];

/** From tgt's description of all targets, which is written for people. */
function readSessions(text: string, iqn: string): TargetSession[] {
	const found: { initiator: string; addresses: string[] }[] = [];
	let isHere = false;
	for (const line of text.split('\n')) {
		const [, name] = /^Target \d+: (.+)$/.exec(line) ?? [];
		if (name !== undefined) isHere = name === iqn;
		if (!isHere) continue;
		const [, initiator] = /^\s+Initiator: (\S+)/.exec(line) ?? [];
		if (initiator !== undefined) found.push({ initiator, addresses: [] });
		const [, address] = /^\s+IP Address: (\S+)/.exec(line) ?? [];
		if (address !== undefined) found.at(-1)?.addresses.push(address);
	}
	return found;
}
