import type { Registry } from 'prom-client';
import type { Clock } from '../common/clock.ts';
import type { Route } from '../common/http/app.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Store } from '../common/store/store.ts';
import type { RequestDocument } from './approve/request-document.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { PublishedLog } from './audit/published-log.ts';
import type { Roster } from './authenticate/roster.ts';
import type { SessionBinding } from './authenticate/sessions.ts';
import type { JsonValue } from './canonicalise/canonical-request.ts';
import type { ReservedSource } from './claims/reservations.ts';
import type { ConsoleDocument } from './console/console-document.ts';
import type { ConsoleSettings } from './console/settings.ts';
import type { ConsiderDeps } from './decide/consider.ts';
import type { DoorsOptions } from './enrol/doors-service.ts';
import type { EventsDeps } from './events/events.ts';
import type { BmcTarget, ForwardLimits } from './forward/bmc-connection.ts';
import type { Windows } from './governance/windows.ts';
import type { UsageLimits } from './limits/limits.ts';
import type { TlsMaterial } from './listener/listeners.ts';
import type { PolicySet } from './policy/policy-set.ts';
import type { UploadLimits } from './upload/receive-upload.ts';
import type { Spool } from './upload/spool.ts';

export interface Address {
	readonly host: string;
	/** 0 takes a free one. */
	readonly port: number;
}

export interface ProxyDeps {
	readonly name: string;
	readonly version: string;
	readonly parties: Readonly<
		Record<string, { readonly description: string; readonly rootPem: string | undefined }>
	>;
	readonly tls: Omit<TlsMaterial, 'partyRoots' | 'patient'>;
	readonly bmcs: readonly (BmcTarget & {
		readonly listen: Address | undefined;
		readonly host: string | undefined;
	})[];
	readonly policies: PolicySet;
	readonly roster: Roster;
	readonly store: Store;
	readonly audit: AuditLog;
	/** What parties may follow of it. */
	readonly published: PublishedLog;
	readonly readExternal: ConsiderDeps['readExternal'];
	/** What operations add to External sources before a sensor shows it, by source. */
	readonly reserved?: Readonly<Record<string, ReservedSource>> | undefined;
	/** Something of this BMC was changed: what External sources read before is stale. */
	readonly onChanged: (bmc: string) => void;
	/** After each step of a request that waits. */
	readonly onRequest: (request: RequestDocument) => void;
	/** After a console session has opened or ended. */
	readonly onConsole?: (console: ConsoleDocument) => void;
	/** As in the site file, and the folder of the transcripts; the defaults, and none, when absent. */
	readonly consoles?:
		| {
				readonly settings: ConsoleSettings;
				readonly folder: string;
				/** Milliseconds: see ConsolesDeps. */
				readonly secondLookAfter: number;
		  }
		| undefined;
	readonly approvals: {
		/** Milliseconds, as in the site file. */
		readonly expireAfter: number;
		readonly executeWithin: number;
		readonly approvalValidFor?: number | undefined;
		readonly signed?: 'required' | 'optional' | undefined;
		readonly maxPerOperator: number;
	};
	readonly sessions: {
		readonly idleTimeout: number;
		readonly lifetime: number;
		/** `address` when absent. */
		readonly boundTo?: SessionBinding;
	};
	readonly limits: ForwardLimits;
	/** Where uploaded images are kept until they are sent, and what may be uploaded. */
	readonly spool: Spool;
	readonly uploads: UploadLimits;
	/** Where events may be pushed to, and limits where the usual ones do not fit. */
	readonly events?: Pick<EventsDeps, 'limits' | 'destinations'> | undefined;
	/** How much anybody may use. */
	readonly usage: UsageLimits;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly registry: Registry;
	/** Versions and changes of the policies, and break-glass where they are signed. */
	readonly governance?:
		| { readonly windows: Windows | undefined; readonly routes: readonly Route[] }
		| undefined;
	/** What keeps watch over the other ways into enrolled BMCs. */
	readonly doors?: DoorsOptions | undefined;
	/** Processes that serve besides this one, which then does what they hand over; none when absent. */
	readonly workers?:
		| { readonly size: number; readonly logLevel: 'debug' | 'info' | 'warn' | 'error' }
		| undefined;
	/** Identical concurrent reads share an exchange with the BMC: see forward/coalesce.ts. */
	readonly coalesce?: boolean | undefined;
	/** Readiness checks besides the proxy's own, by name. */
	readonly checks: Readonly<Record<string, () => unknown>>;
}

export interface P2cProxy {
	/** Opens the main port, the ports of the BMCs and the ops port. */
	listen(
		main: Address,
		ops: Address,
	): Promise<{ url: string; ops: string; bmcs: Readonly<Record<string, string>> }>;
	/**
	 * Takes another version of the policies; requests that wait under the old one must be made again. In force here
	 * at once, and in every worker when the promise resolves. Never rejects.
	 */
	usePolicies(set: PolicySet): Promise<void>;
	/** As usePolicies. */
	useRoster(roster: Roster): Promise<void>;
	/** Process ids of the workers that serve. */
	workers(): readonly number[];
	/** GET of a resource of one BMC with the proxy's own credential, for External sources. */
	readBmc(bmc: string, path: string): Promise<JsonValue>;
	/**
	 * Takes no more requests, finishes changes that are under way (as long as a BMC may take), cuts everything else off
	 * and closes what it has opened.
	 */
	close(): Promise<void>;
	/** While it closes: waits for nothing any more. What was being sent then has an unknown outcome. */
	hurry(): void;
}
