import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { DoorsView } from '../api/schemas.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Enrolment } from './enrolment-file.ts';
import { viewDoors } from './view-doors.ts';
import { type DoorsWatch, watchDoors } from './watch-doors.ts';

export interface DoorsOptions {
	/** What was enrolled, by BMC. */
	readonly enrolments: Readonly<Record<string, Enrolment>>;
	/** Milliseconds between two looks at a BMC. */
	readonly every: number;
	/** From 0 to below 1: spreads the looks. */
	readonly random: () => number;
	/** Another set of doors is open than before. */
	readonly onChange: (bmc: string, doors: DoorsView) => void;
}

/** Keeps watch over the doors of enrolled BMCs: what changes goes on the record, to the log and to whoever listens. */
export function startDoorsService(
	options: DoorsOptions | undefined,
	deps: {
		readonly bmcs: ReadonlyMap<string, BmcConnection>;
		readonly audit: AuditLog;
		readonly registry: Registry;
		readonly clock: Clock;
		readonly logger: Logger;
	},
): DoorsWatch {
	const enrolled = new Map(
		[...deps.bmcs].flatMap(([name, connection]) => {
			const enrolment = options?.enrolments[name];
			return enrolment ? [[name, { connection, enrolment }] as const] : [];
		}),
	);
	const watch = watchDoors({
		bmcs: enrolled,
		every: options?.every ?? Number.POSITIVE_INFINITY,
		random: options?.random ?? (() => 0),
		clock: deps.clock,
		logger: deps.logger,
		onChange(bmc, report) {
			const open = report.open.map(({ name }) => name);
			deps.audit.append({ kind: 'doors', bmc, state: report.state, open, operator: null });
			options?.onChange(bmc, viewDoors(report));
		},
	});
	new Gauge({
		name: 'bimetal_bmc_doors_open',
		help: 'Ways into an enrolled BMC beside the proxy that stand open; absent while they cannot be seen',
		labelNames: ['bmc'] as const,
		registers: [deps.registry],
		collect() {
			this.reset();
			for (const bmc of enrolled.keys()) {
				const { state, open } = watch.report(bmc);
				if (state !== 'unknown') this.set({ bmc }, open.length);
			}
		},
	});
	return watch;
}
