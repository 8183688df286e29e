import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import { defineCollection, type Store } from '../../common/store/store.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Operator } from '../operator.ts';
import type { Operation } from '../policy/policy-set.ts';
import { durably } from '../record.ts';
import type { Agreement } from './agreement.ts';
import {
	breakGlassPurpose,
	clockTolerance,
	isOpen,
	letsThrough,
	mayEnd,
	openingText,
	type Window,
	whyNotOpen,
	windowDocument,
} from './break-glass.ts';
import { governanceErrors } from './errors.ts';
import { verifyText } from './signing-key.ts';

export interface WindowsDeps {
	readonly site: string;
	/** The agreement in force; undefined where there is none, and then no break-glass. */
	readonly agreement: () => Agreement | undefined;
	/** Whether one operator alone may not speak for the party: then the party's key must. */
	readonly needsKey: (party: string) => boolean;
	readonly store: Store;
	readonly audit: AuditLog;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Told of each opening, use and end. */
	readonly notify: (window: Window, what: 'opened' | 'used' | 'ended') => void;
}

export interface Opening {
	readonly reason: string;
	readonly forMs: number;
	/** Of a signed opening: the time that was signed, and the signature. */
	readonly signed: { readonly at: number; readonly signature: string } | undefined;
}

/** What a request is, for the log. */
export interface Use {
	readonly bmc: string;
	readonly method: string;
	readonly path: string;
}

export interface Windows {
	open(operator: Operator, opening: Opening): Promise<Window>;
	/** Counts one use of an open window that lets the request through; undefined when there is none. */
	use(operator: Operator, operations: readonly Operation[], what: Use): Promise<Window | undefined>;
	/** Would `use` find one? Nothing is counted. */
	mayUse(operator: Operator, operations: readonly Operation[]): Promise<boolean>;
	/**
	 * May what was opened under it go on (a console)? Until its time is over or somebody ends it, and while the agreement
	 * allows it; that its last use has been used takes nothing from the earlier ones.
	 */
	lasts(id: string, operations: readonly string[]): Promise<boolean>;
	end(id: string, operator: Operator, reason: string | null): Promise<Window>;
	/** Newest first. */
	list(): Promise<Window[]>;
	close(): void;
}

const windows = defineCollection('break-glass', windowDocument, { party: window => window.party });

/** Opens the store's windows: those whose time ran out while the proxy was down are ended now. */
export async function openWindows(deps: WindowsDeps): Promise<Windows> {
	const { store, audit, clock, logger } = deps;
	const timers = new Map<string, () => void>();
	const all = async (): Promise<Window[]> =>
		(await store.read(tx => tx.list(windows)))
			.map(({ document }) => document)
			.sort((a, b) => b.openedAt - a.openedAt);
	const ofParty = (party: string) => ({ where: { index: 'party', equals: party } });

	const record = (
		window: Window,
		action: 'open' | 'end',
		by: Operator | null,
		reason: string,
	): Promise<void> =>
		durably(
			audit.append({
				kind: 'break-glass',
				action,
				id: window.id,
				party: window.party,
				operator: by?.name ?? null,
				reason,
				operations: window.operations,
				until: window.until,
				uses: window.uses,
				signature: action === 'open' ? window.signature : null,
			}),
		);

	const endOne = async (id: string, by: Operator | null, reason: string): Promise<Window | undefined> => {
		const ended = await store.transact(async tx => {
			const found = await tx.get(windows, id);
			if (!found || found.ended) return undefined;
			const next: Window = {
				...found,
				ended: { by: by && { name: by.name, party: by.party }, reason, at: clock.now() },
			};
			await tx.put(windows, id, next);
			return next;
		});
		if (!ended) return undefined;
		timers.get(id)?.();
		timers.delete(id);
		logger.warn({ id, party: ended.party, reason, uses: ended.uses }, 'BREAK-GLASS has ended');
		deps.notify(ended, 'ended');
		// Ended already, whatever becomes of the record: to end is the safe direction.
		await record(ended, 'end', by, reason);
		return ended;
	};
	const endInTime = (window: Window): void => {
		const cancel = clock.after(Math.max(0, window.until - clock.now()), () => {
			endOne(window.id, null, timeIsOver).catch(fault =>
				logger.error({ err: fault, id: window.id }, 'the end of break-glass could not be recorded'),
			);
		});
		timers.set(window.id, cancel);
	};
	for (const window of await all()) {
		if (window.ended) continue;
		if (window.until > clock.now()) endInTime(window);
		else await endOne(window.id, null, timeIsOver);
	}

	const open: Windows['open'] = async (operator, opening) => {
		const { party } = operator;
		const { reason, forMs, signed } = opening;
		const agreement = deps.agreement();
		const now = clock.now();
		const text = openingText({
			site: deps.site,
			party,
			operator: operator.name,
			reason,
			forMs,
			at: signed?.at ?? now,
		});
		const rule = agreement?.breakGlass[party];
		if (!agreement || !rule)
			throw governanceErrors.BreakGlassNotAllowed(`no agreement in force allows ${party} break-glass`);
		if (signed) {
			const key = agreement.parties[party]?.signingKey ?? '';
			if (!verifyText(key, breakGlassPurpose, text, signed.signature))
				throw governanceErrors.SignatureInvalid(
					`this is not the signature of ${party}’s key over this opening`,
				);
			if (Math.abs(signed.at - now) > clockTolerance)
				throw governanceErrors.SignatureInvalid(
					'it was signed too long ago, or the clocks differ: sign again',
				);
		} else if (rule.signature === 'required' || deps.needsKey(party)) {
			throw governanceErrors.SignatureInvalid(
				`break-glass takes the signature of ${party}’s key: bimetal break-glass --signing-key FILE`,
			);
		}
		const window: Window = {
			id: idOf(signed ? text : text + randomBytes(16).toString('hex')),
			party,
			operator: { name: operator.name, party },
			reason,
			operations: [...rule.operations],
			openedAt: now,
			until: now + forMs,
			maxUses: rule.maxUses,
			uses: 0,
			signature: signed?.signature ?? null,
			ended: null,
		};
		const refuse = (mine: readonly Window[]): void => {
			const no = whyNotOpen(agreement, mine, { party, forMs, now });
			if (no?.why === 'open') throw governanceErrors.WindowOpen(no.message);
			if (no) throw governanceErrors.BreakGlassNotAllowed(no.message);
			// The same signed words open one window, however often they are sent.
			if (mine.some(({ id }) => id === window.id))
				throw governanceErrors.WindowOpen('this opening has been used already: sign another one');
		};
		refuse((await store.read(tx => tx.list(windows, ofParty(party)))).map(({ document }) => document));
		await record(window, 'open', operator, reason);
		await store.transact(async tx => {
			refuse((await tx.list(windows, ofParty(party))).map(({ document }) => document));
			await tx.insert(windows, window.id, window);
		});
		endInTime(window);
		const { id, operations, until } = window;
		logger.warn(
			{ id, party, operator: operator.name, reason, operations, until: new Date(until).toISOString() },
			'BREAK-GLASS: one party alone now authorizes these operations',
		);
		deps.notify(window, 'opened');
		return window;
	};

	return {
		open,
		async use(operator, operations, what) {
			const agreement = deps.agreement();
			// Every open window has its timer: as long as none is open, nothing is looked up.
			if (!agreement || timers.size === 0) return undefined;
			const now = clock.now();
			const request = { party: operator.party, operations, now };
			const used = await store.transact(async tx => {
				const mine = await tx.list(windows, ofParty(operator.party));
				const found = mine.find(({ document }) => letsThrough(document, agreement, request))?.document;
				if (!found) return undefined;
				const next: Window = { ...found, uses: found.uses + 1 };
				await tx.put(windows, next.id, next);
				return next;
			});
			if (!used) return undefined;
			logger.warn({ id: used.id, operator: operator.name, ...what }, 'BREAK-GLASS is used');
			deps.notify(used, 'used');
			if (used.uses >= used.maxUses) await endOne(used.id, null, 'all its uses are used');
			return used;
		},
		async mayUse(operator, operations) {
			const agreement = deps.agreement();
			if (!agreement || timers.size === 0) return false;
			const request = { party: operator.party, operations, now: clock.now() };
			const mine = await store.read(tx => tx.list(windows, ofParty(operator.party)));
			return mine.some(({ document }) => letsThrough(document, agreement, request));
		},
		async lasts(id, operations) {
			const found = await store.read(tx => tx.get(windows, id));
			if (!found || found.until <= clock.now()) return false;
			const isUsedUp = found.ended?.by === null && found.uses >= found.maxUses;
			if (found.ended && !isUsedUp) return false;
			const agreed = deps.agreement()?.breakGlass;
			if (!agreed || !Object.hasOwn(agreed, found.party)) return false;
			return operations.every(name => agreed[found.party]?.operations.includes(name));
		},
		async end(id, operator, reason) {
			const found = await store.read(tx => tx.get(windows, id));
			if (!found) throw governanceErrors.NoSuchWindow(`there is no break-glass window ${id}`);
			if (!mayEnd(found, deps.agreement() ?? { breakGlass: {} }, operator.party))
				throw governanceErrors.BreakGlassNotAllowed(`the agreement lets ${found.party} alone end its window`);
			return (await endOne(id, operator, reason ?? 'ended by an operator')) ?? found;
		},
		async list() {
			const now = clock.now();
			// Over by time, though its timer has not been heard yet.
			return (await all()).map(window =>
				window.ended || isOpen(window, now)
					? window
					: { ...window, ended: { by: null, reason: timeIsOver, at: window.until } },
			);
		},
		close() {
			for (const cancel of timers.values()) cancel();
			timers.clear();
		},
	};
}

const timeIsOver = 'its time is over';

const idOf = (text: string): string => `b${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
