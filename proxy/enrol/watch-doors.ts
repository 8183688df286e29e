import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import { isPinMismatch } from '../forward/pinned-connector.ts';
import { type Door, openDoors } from './doors.ts';
import type { Enrolment } from './enrolment-file.ts';
import { type Look, readSurface } from './read-surface.ts';
import { rulesOf } from './shut-doors.ts';

/** How an enrolled BMC's other ways in were found. */
export interface DoorsReport {
	readonly state: 'shut' | 'open' | 'unknown';
	readonly open: readonly Door[];
	/** Why nothing is known; null otherwise. */
	readonly reason: string | null;
	/** Milliseconds since the epoch; null before the first look. */
	readonly checkedAt: number | null;
}

export interface DoorsWatch {
	/** As the last look found them; what is not enrolled is not looked at. */
	report(bmc: string): DoorsReport;
	/** Looks now. Never rejects: what cannot be read is `unknown`. */
	look(bmc: string): Promise<DoorsReport>;
	close(): void;
}

export interface DoorsWatchDeps {
	readonly bmcs: ReadonlyMap<string, { readonly connection: BmcConnection; readonly enrolment: Enrolment }>;
	/** Milliseconds between two looks at a BMC; a tenth more or less, so that they do not all come at once. */
	readonly every: number;
	readonly clock: Clock;
	/** From 0 to below 1. */
	readonly random: () => number;
	readonly logger: Logger;
	/** Another set of doors is open than at the look before, or something is known again. */
	readonly onChange: (bmc: string, report: DoorsReport) => void;
}

const notEnrolled: DoorsReport = {
	state: 'unknown',
	open: [],
	reason: 'it was not enrolled: bimetal bmc enrol takes it over',
	checkedAt: null,
};
const notLookedYet: DoorsReport = { ...notEnrolled, reason: 'nobody has looked yet' };

/** Milliseconds within which each BMC is first looked at. */
const firstLook = 5000;

/** Keeps looking whether the doors that enrolment shut stay shut, until closed. */
export function watchDoors(deps: DoorsWatchDeps): DoorsWatch {
	const { bmcs, clock, random, logger } = deps;
	const reports = new Map<string, DoorsReport>();
	const looking = new Map<string, Promise<DoorsReport>>();
	const cancels = new Map<string, () => void>();
	let closed = false;

	const settle = (bmc: string, report: DoorsReport): void => {
		const before = reports.get(bmc);
		reports.set(bmc, report);
		if (before && essence(before) === essence(report)) return;
		const open = report.open.map(({ name }) => name);
		if (report.state === 'open') logger.warn({ bmc, open }, 'doors of a BMC stand open beside the proxy');
		else if (report.state === 'unknown') logger.warn({ bmc, reason: report.reason }, 'doors cannot be seen');
		else if (before) logger.info({ bmc }, 'the doors of a BMC are shut');
		deps.onChange(bmc, report);
	};

	const look = (bmc: string): Promise<DoorsReport> => {
		const watched = bmcs.get(bmc);
		if (!watched || closed) return Promise.resolve(reports.get(bmc) ?? notEnrolled);
		const running = looking.get(bmc);
		if (running) return running;
		const found = readDoors(watched.connection, watched.enrolment, clock.now())
			.then(report => {
				if (!closed) settle(bmc, report);
				return report;
			})
			.finally(() => looking.delete(bmc));
		looking.set(bmc, found);
		return found;
	};

	const schedule = (bmc: string, ms: number): void => {
		if (closed) return;
		cancels.set(
			bmc,
			clock.after(ms, () => {
				look(bmc).finally(() => schedule(bmc, deps.every * (0.9 + 0.2 * random())));
			}),
		);
	};
	for (const bmc of bmcs.keys()) schedule(bmc, Math.min(firstLook, deps.every) * random());

	return {
		report: bmc => reports.get(bmc) ?? (bmcs.has(bmc) ? notLookedYet : notEnrolled),
		look,
		close() {
			closed = true;
			for (const cancel of cancels.values()) cancel();
		},
	};
}

const essence = ({ state, open }: DoorsReport): string =>
	JSON.stringify([state, open.map(({ name }) => name)]);

async function readDoors(bmc: BmcConnection, enrolment: Enrolment, now: number): Promise<DoorsReport> {
	const look: Look = async path => {
		const request = { method: 'GET', target: path, headers: { accept: 'application/json' }, body: undefined };
		const { status, body } = await bmc.send(request);
		try {
			return { status, json: JSON.parse(body.toString('utf8')) };
		} catch {
			return { status, json: undefined };
		}
	};
	try {
		const before = bmc.streams();
		const surface = await readSurface(bmc.target.name, look);
		// One that the proxy opened or ended meanwhile is not taken for another's.
		const ownStreams = Math.max(before, bmc.streams());
		const rules = rulesOf(enrolment, bmc.session(), true, ownStreams);
		const open = openDoors(surface, { ...rules, accounts: 'disable' });
		return { state: open.length ? 'open' : 'shut', open, reason: null, checkedAt: now };
	} catch (fault) {
		const reason = fault instanceof Error ? fault.message : String(fault);
		if (!isPinMismatch(fault)) return { state: 'unknown', open: [], reason, checkedAt: now };
		const name = 'certificate: another one than the pinned one';
		const door: Door = { kind: 'certificate', name, shut: undefined, reopen: undefined };
		return { state: 'open', open: [door], reason, checkedAt: now };
	}
}
