import { Counter, Gauge, type Registry } from 'prom-client';
import type { Store } from '../common/store/store.ts';
import { requests } from './approve/request-document.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { AuditRecord } from './audit/audit-record.ts';
import type { BmcConnection } from './forward/bmc-connection.ts';

/**
 * The audit log, with everything that goes into it counted by kind and outcome: what Prometheus shows of
 * decisions, approvals and log-ins is then what is on the record.
 */
export function countRecords(audit: AuditLog, registry: Registry): AuditLog {
	const counter = new Counter({
		name: 'bimetal_audit_records_total',
		help: 'Audit records by kind and outcome: decisions by verdict, approvals by decision, log-ins by outcome',
		labelNames: ['kind', 'outcome'] as const,
		registers: [registry],
	});
	return {
		...audit,
		append(record, options) {
			counter.inc({ kind: record.kind, outcome: outcomeOf(record) });
			return audit.append(record, options);
		},
	};
}

function outcomeOf(record: AuditRecord): string {
	switch (record.kind) {
		case 'decision':
			return record.verdict;
		case 'approval':
			return record.decision;
		case 'login':
		case 'policies':
		case 'console':
			return record.outcome;
		case 'doors':
			return record.state;
		case 'governance':
		case 'break-glass':
		case 'events':
		case 'lockout':
			return record.action;
		case 'answer':
			return `${Math.floor(record.status / 100)}xx`;
		default:
			return '';
	}
}

/** Gauges that are worked out when somebody looks. */
export function showState(registry: Registry, store: Store, bmcs: readonly BmcConnection[]): void {
	new Gauge({
		name: 'bimetal_requests_waiting',
		help: 'Requests that wait for another party',
		registers: [registry],
		async collect() {
			this.set(await store.read(tx => tx.count(requests, { index: 'state', equals: 'waiting' })));
		},
	});
	new Gauge({
		name: 'bimetal_bmc_up',
		help: '1 when the last exchange with the BMC succeeded, 0 when it failed; absent before the first',
		labelNames: ['bmc'] as const,
		registers: [registry],
		collect() {
			for (const bmc of bmcs) {
				if (bmc.state() !== 'unknown') this.set({ bmc: bmc.target.name }, bmc.state() === 'up' ? 1 : 0);
			}
		},
	});
}
