import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { AuditLog } from './audit-log.ts';

/** Milliseconds: a time service that slews moves the clock by less in any time between two looks. */
const noticed = 2000;

/**
 * Compares the time of day with the time that has passed, at each call: that the system's clock was set (or the machine
 * slept) is put on the record, for times in the log and conditions on the hour mean something else from then on.
 */
export function createClockWatch(deps: {
	readonly clock: Pick<Clock, 'now' | 'elapsed'>;
	readonly audit: Pick<AuditLog, 'append'>;
	readonly logger: Logger;
}): () => void {
	const { clock, audit, logger } = deps;
	const offset = (): number => clock.now() - clock.elapsed();
	let before = offset();
	return () => {
		const now = offset();
		const jumpedMs = Math.round(now - before);
		before = now;
		if (Math.abs(jumpedMs) < noticed) return;
		audit.append({ kind: 'clock', jumpedMs });
		logger.warn({ jumpedMs }, 'the system’s clock was set');
	};
}
