import { createHash } from 'node:crypto';
import type { BootEvent, EventLog } from '../log/event-log.ts';
import {
	commandLineOf,
	imageDigestOf,
	loadOptionsDigest,
	loadOptionsOf,
	SECURE_BOOT_GUID,
	variableOf,
} from '../log/event-views.ts';
import { accept, type Outcome, refuse } from '../outcome.ts';
import type { HashName } from '../tpm/algorithms.ts';
import { type BootRules, FIRMWARE_PCRS } from './policy.ts';

/** What firmware measures of itself (TCG PC Client PFP, table 27). */
export const FIRMWARE_TYPES: ReadonlySet<string> = new Set([
	'EV_S_CRTM_VERSION',
	'EV_S_CRTM_CONTENTS',
	'EV_POST_CODE',
	'EV_EFI_PLATFORM_FIRMWARE_BLOB',
	'EV_EFI_PLATFORM_FIRMWARE_BLOB2',
]);

/** The end of what firmware measures into a PCR: four bytes, all zeros or all ones (section 3.3.4.9). */
const isSeparator = (hash: HashName, digest: string): boolean =>
	['00000000', 'ffffffff'].some(
		bytes => createHash(hash).update(Buffer.from(bytes, 'hex')).digest('hex') === digest,
	);

type Matched = 'firmware' | 'image' | 'command line' | 'secure boot' | 'separator' | 'other';

/**
 * Whether every event of the PCRs judged is one that the rules allow, and what must be there is. The log must have been
 * replayed first: then its digests are proven. Types are not, so no digest is allowed anywhere because of its type alone.
 */
export function judgeBoot(log: EventLog, hash: HashName, rules: BootRules): Outcome<void> {
	const judged = new Set(rules.pcrs);
	const others = new Map<number, Set<string>>();
	for (const { pcr, digests } of rules.events)
		others.set(pcr, new Set([...(others.get(pcr) ?? []), ...digests]));
	const loadOptions = new Set(rules.commandLines.map(line => loadOptionsDigest(hash, line).toString('hex')));
	const seen = new Map<Matched, number>();
	const separators = new Map<number, number>();
	for (const event of log.events) {
		if (!judged.has(event.pcr)) continue;
		const matched = matchEvent(event, hash, rules, others.get(event.pcr), loadOptions);
		if (!matched.ok) return matched;
		seen.set(matched.value, (seen.get(matched.value) ?? 0) + 1);
		if (matched.value === 'separator') separators.set(event.pcr, (separators.get(event.pcr) ?? 0) + 1);
	}
	for (const pcr of FIRMWARE_PCRS)
		if (judged.has(pcr) && separators.get(pcr) !== 1)
			return refuse(
				'EventMissing',
				`the boot log has ${separators.get(pcr) ?? 0} separators in PCR ${pcr}, not one`,
			);
	if (rules.secureBoot !== undefined && judged.has(7) && seen.get('secure boot') !== 1)
		return refuse(
			'EventMissing',
			`the state of Secure Boot was measured ${seen.get('secure boot') ?? 0} times, not once`,
		);
	const missing = (
		[
			['firmware', rules.firmware],
			['image', rules.images],
			['command line', rules.commandLines],
		] as const
	).find(([kind, allowed]) => allowed.length > 0 && !seen.has(kind));
	return missing
		? refuse('EventMissing', `the boot log has no ${missing[0]} of those that the policy names`)
		: accept(undefined);
}

function matchEvent(
	event: BootEvent,
	hash: HashName,
	rules: BootRules,
	others: ReadonlySet<string> | undefined,
	loadOptions: ReadonlySet<string>,
): Outcome<Matched> {
	const digest = event.digests[hash]?.toString('hex') ?? '';
	const not = (expected: readonly string[]) => notAllowed(event, hash, digest, expected);
	if (event.type === 'EV_SEPARATOR' && isSeparator(hash, digest)) return accept('separator');
	if (event.pcr === 7 && event.type === 'EV_EFI_VARIABLE_DRIVER_CONFIG') {
		const variable = variableOf(event, hash);
		if (!variable.ok) return variable;
		if (variable.value?.name === 'SecureBoot' && variable.value.guid === SECURE_BOOT_GUID) {
			const state = variable.value.value.equals(Buffer.of(1)) ? 'on' : 'off';
			return state === rules.secureBoot
				? accept('secure boot')
				: refuse(
						'EventNotAllowed',
						`Secure Boot is ${state}, and must be ${rules.secureBoot} (event ${event.index})`,
					);
		}
	}
	if (imageDigestOf(event, hash)) return rules.images.includes(digest) ? accept('image') : not(rules.images);
	if (event.pcr === 0 && FIRMWARE_TYPES.has(event.type) && rules.firmware.includes(digest))
		return accept('firmware');
	const line = commandLineOf(event, hash);
	if (!line.ok) return line;
	if (line.value !== undefined && rules.commandLines.length > 0)
		return rules.commandLines.includes(line.value)
			? accept('command line')
			: refuse(
					'EventNotAllowed',
					`the kernel was told ${JSON.stringify(line.value)} (event ${event.index}); allowed is ${rules.commandLines.map(text => JSON.stringify(text)).join(' or ')}`,
				);
	const options = loadOptionsOf(event, hash);
	if (!options.ok) return options;
	if (options.value !== undefined && loadOptions.has(digest)) return accept('command line');
	if (options.value !== undefined && rules.commandLines.length > 0)
		return refuse(
			'EventNotAllowed',
			`the kernel was told something else (event ${event.index} has ${hash}:${digest}) than ${rules.commandLines.map(text => JSON.stringify(text)).join(' or ')}`,
		);
	if (others?.has(digest)) return accept('other');
	return not([
		...(event.pcr === 0 && FIRMWARE_TYPES.has(event.type) ? rules.firmware : []),
		...rules.events.filter(rule => rule.pcr === event.pcr).flatMap(rule => rule.digests),
	]);
}

function notAllowed(
	event: BootEvent,
	hash: HashName,
	digest: string,
	expected: readonly string[],
): Outcome<never> {
	const shown = expected.slice(0, 3).map(one => `${hash}:${one}`);
	const more = expected.length > shown.length ? ` or ${expected.length - shown.length} more` : '';
	const allowed = shown.length > 0 ? `${shown.join(' or ')}${more}` : 'nothing of that kind';
	return refuse(
		'EventNotAllowed',
		`event ${event.index} of the boot log (${event.type} in PCR ${event.pcr}) has ${hash}:${digest}; allowed there is ${allowed}`,
	);
}
