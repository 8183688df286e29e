import { z } from 'zod';
import { duration, existingFile, secretFile } from '../../common/config/values.ts';
import { isTopicPattern } from '../../common/events/topics.ts';
import { type FieldRules, fieldName, fields, scalar, targetFields } from './fields.ts';
import { jsonPath } from './json-path.ts';
import { type ReservationRules, reservationRules } from './reservation-rules.ts';

const common = {
	/** The value is an object with the list in this one property; else the list itself. */
	under: fieldName.optional(),
	/** A value older than this decides nothing. */
	maxAge: duration,
	/** What operations will add to it before a sensor shows it. */
	reservations: reservationRules.optional(),
	/** Longest wait for an answer, or for the news after a power operation. */
	timeout: duration.default(2000),
};

/** One object for each BMC (or each of `targets`), read from `path` of it. */
const redfish = z
	.strictObject({
		from: z.literal('redfish'),
		path: z
			.string()
			.regex(
				/^\/redfish\/v1(?:\/[A-Za-z0-9._~-]+)*$/,
				'expected a path, for instance /redfish/v1/Systems/system',
			),
		targets: z.array(z.string()).min(1).optional(),
		fields: targetFields,
		/**
		 * What the fields are for a target that does not answer, or answers nothing usable. Without it one such
		 * target makes the whole source unavailable.
		 */
		whenUnreachable: z.record(fieldName, scalar).optional(),
		...common,
	})
	.superRefine(({ fields: rules, whenUnreachable, maxAge, timeout, reservations }, context) => {
		checkTimes(maxAge, timeout, context);
		checkReservations(reservations, rules, context);
		if (!whenUnreachable) return;
		for (const name of Object.keys(whenUnreachable)) {
			if (!Object.hasOwn(rules, name)) {
				const message = `${name} is not one of the fields`;
				context.addIssue({ code: 'custom', message, path: ['whenUnreachable', name] });
			}
		}
		for (const [name, rule] of Object.entries(rules)) {
			if (rule.from === 'path' && !Object.hasOwn(whenUnreachable, name)) {
				const message = `expected a value for the field ${name} too`;
				context.addIssue({ code: 'custom', message, path: ['whenUnreachable'] });
			}
		}
	});

/** A JSON document by HTTP GET; one object of it, or with `each` one for every match. */
const http = (folder: string) =>
	z
		.strictObject({
			from: z.literal('http'),
			url: z.url({ protocol: /^https?$/, error: 'expected a URL with http or https' }),
			/** Authority of the server's certificate; the system's authorities when absent. */
			ca: existingFile(folder).optional(),
			credentials: z.strictObject({ username: z.string().min(1), password: secretFile(folder) }).optional(),
			each: jsonPath.optional(),
			fields,
			...common,
		})
		.superRefine(({ url, credentials, maxAge, timeout, fields: rules, reservations }, context) => {
			checkTimes(maxAge, timeout, context);
			checkReservations(reservations, rules, context);
			const { protocol, hostname, username, password } = new URL(url);
			if (username !== '' || password !== '') {
				const message = 'credentials do not stand in a URL: give credentials with a password file';
				context.addIssue({ code: 'custom', message, path: ['url'] });
			}
			const loopback = ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
			if (credentials && protocol === 'http:' && !loopback) {
				const message = 'a password must not travel in clear: use https';
				context.addIssue({ code: 'custom', message, path: ['url'] });
			}
		});

/** The latest message of every topic that the pattern matches, one object each, in the order of the topics. */
const mqtt = z
	.strictObject({
		from: z.literal('mqtt'),
		topic: z.string().refine(isTopicPattern, 'expected a topic pattern, for instance bimetal/pdu/outlets/+'),
		/**
		 * How many topics there must be at least. Without it a pattern with wildcards is believed complete only
		 * after listening for `maxAge`: a sum over half of the outlets would open policies.
		 */
		expect: z.int().min(1).max(10_000).optional(),
		fields,
		...common,
		/** Longer than the sender's period, or a read after an operation ends before the news is there. */
		timeout: duration.default(5000),
	})
	.superRefine(({ fields: rules, reservations }, context) => checkReservations(reservations, rules, context))
	.transform(source => ({ ...source, expect: source.expect ?? (/[+#]/.test(source.topic) ? undefined : 1) }));

/**
 * A declared External source of the site file; files in it are relative to `folder`.
 *
 * ```yaml
 * Servers: { from: redfish, path: /redfish/v1/Systems/system, maxAge: 5s,
 *   fields: { Name: {target: true}, State: {path: $.PowerState, values: {On: Up}, otherwise: Down} },
 *   whenUnreachable: {State: Down} }
 * PDU: { from: mqtt, topic: bimetal/pdu/outlets/+, expect: 8, under: Outlets, maxAge: 10s,
 *   fields: { Id: $.Id, Power: {path: $.PowerWatts, type: number} } }
 * ```
 */
export const externalSource = (folder: string) => z.discriminatedUnion('from', [redfish, http(folder), mqtt]);

/** All of them by name, as policies write it after `External.`. */
export const externalSources = (folder: string) => z.record(fieldName, externalSource(folder));

export type ExternalSource = z.output<ReturnType<typeof externalSource>>;
export type RedfishSource = Extract<ExternalSource, { from: 'redfish' }>;
export type HttpSource = Extract<ExternalSource, { from: 'http' }>;
export type MqttSource = Extract<ExternalSource, { from: 'mqtt' }>;

function checkTimes(maxAge: number, timeout: number, context: z.core.$RefinementCtx): void {
	if (timeout <= maxAge) return;
	const message = 'the timeout must not be longer than maxAge, or slow answers are stale when they arrive';
	context.addIssue({ code: 'custom', message, path: ['timeout'] });
}

function checkReservations(
	reservations: ReservationRules | undefined,
	fieldRules: FieldRules,
	context: z.core.$RefinementCtx,
): void {
	if (!reservations) return;
	for (const key of ['field', 'row'] as const) {
		const name = reservations[key];
		if (name === undefined || Object.hasOwn(fieldRules, name)) continue;
		context.addIssue({
			code: 'custom',
			message: `${name} is not one of the fields`,
			path: ['reservations', key],
		});
	}
}
