import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { eventErrors } from './errors.ts';

const text = z.string().max(1024);
const texts = z.array(z.string().min(1).max(256)).max(100);
const link = z.strictObject({
	'@odata.id': z
		.string()
		.regex(/^\/redfish\/v1(?:\/[^\s#?]+)?$/)
		.max(1024),
});
const retryPolicy = z.enum([
	'TerminateAfterRetries',
	'SuspendRetries',
	'RetryForever',
	'RetryForeverWithBackoff',
]);

/** What a subscriber wants of the events; an empty list is no condition. Also how it stands in the store. */
const wanted = {
	RegistryPrefixes: texts.default([]),
	ExcludeRegistryPrefixes: texts.default([]),
	ResourceTypes: texts.default([]),
	MessageIds: texts.default([]),
	ExcludeMessageIds: texts.default([]),
	EventTypes: z
		.array(
			z.enum([
				'StatusChange',
				'ResourceUpdated',
				'ResourceAdded',
				'ResourceRemoved',
				'Alert',
				'MetricReport',
				'Other',
			]),
		)
		.default([]),
	Severities: z.array(z.enum(['OK', 'Warning', 'Critical'])).default([]),
	OriginResources: z.array(link).max(100).default([]),
	SubordinateResources: z.boolean().default(false),
	MetricReportDefinitions: z.array(link).max(100).default([]),
	EventFormatType: z.enum(['Event', 'MetricReport']).default('Event'),
};

/** A subscription as it is kept. Its headers may be credentials: they are sent, and shown to nobody. */
export const subscriptionDocument = z.strictObject({
	bmc: z.string(),
	party: z.string(),
	/** As whom the events are decided on. */
	operator: z.string(),
	/** Milliseconds since the epoch. */
	createdAt: z.int(),
	destination: z.string(),
	context: z.string(),
	retryPolicy,
	headers: z.array(z.tuple([z.string(), z.string()])),
	wanted: z.strictObject(wanted),
	/** Why nothing is delivered until its party resumes it; null while it is. */
	suspended: z.string().nullable(),
});
export type SubscriptionDocument = z.infer<typeof subscriptionDocument>;

export const subscriptions = defineCollection('event-subscriptions', subscriptionDocument);

/** What a party has set at the event service of a BMC. */
export const eventSettings = defineCollection(
	'event-settings',
	z.strictObject({ enabled: z.boolean(), attempts: z.int(), intervalSeconds: z.int() }),
);

/** Headers that are the proxy's to say. */
const ownHeader =
	/^(?:host|content-.*|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|proxy-.*|odata-version)$/i;
const httpHeaders = z
	.array(
		z.record(
			z
				.string()
				.regex(/^[\w!#$%&'*+.^`|~-]{1,128}$/)
				.refine(name => !ownHeader.test(name), 'a header that the proxy sets itself'),
			z.string().regex(/^[\x20-\x7e]{0,4096}$/),
		),
	)
	.max(32)
	.transform(list => list.flatMap(one => Object.entries(one)));

const destination = z
	.url({ protocol: /^https?$/ })
	.max(2048)
	.refine(url => {
		if (!URL.canParse(url)) return false;
		const { username, password, hash } = new URL(url);
		return username === '' && password === '' && hash === '';
	}, 'credentials belong into HttpHeaders, and a fragment is never sent');

const changeable = {
	Context: text,
	DeliveryRetryPolicy: retryPolicy,
	HttpHeaders: httpHeaders,
	VerifyCertificate: z.literal(true, 'whether certificates are verified, the site file says'),
};

const createBody = z.strictObject({
	Destination: destination,
	Protocol: z.literal('Redfish', 'the proxy pushes by the protocol Redfish only'),
	SubscriptionType: z.literal('RedfishEvent', 'open a stream with a GET instead').default('RedfishEvent'),
	Name: text.optional(),
	...changeable,
	Context: text.default(''),
	DeliveryRetryPolicy: retryPolicy.default('TerminateAfterRetries'),
	HttpHeaders: httpHeaders.default([]),
	VerifyCertificate: changeable.VerifyCertificate.optional(),
	...wanted,
});
const changeBody = z.strictObject(changeable).partial();
const serviceBody = z
	.strictObject({
		ServiceEnabled: z.boolean(),
		DeliveryRetryAttempts: z.int().min(1).max(10),
		DeliveryRetryIntervalSeconds: z.int().min(1).max(3600),
	})
	.partial();
const testEventBody = z.strictObject({
	EventId: text.optional(),
	EventTimestamp: text.optional(),
	EventType: text.optional(),
	EventGroupId: z.int().optional(),
	Message: text.optional(),
	MessageArgs: z.array(text).max(32).optional(),
	MessageId: text.optional(),
	OriginOfCondition: z.string().max(1024).optional(),
	Resolution: text.optional(),
	Severity: z.enum(['OK', 'Warning', 'Critical']).optional(),
	MessageSeverity: z.enum(['OK', 'Warning', 'Critical']).optional(),
});

const reader =
	<T>(schema: z.ZodType<T>) =>
	(body: JsonValue | undefined): T => {
		const parsed = schema.safeParse(body ?? {});
		if (parsed.success) return parsed.data;
		// The path and what would be right; never the value, which may be a credential.
		const issues = parsed.error.issues
			.slice(0, 5)
			.map(({ path, message }) => `${path.join('/') || 'the body'}: ${message}`);
		throw eventErrors.SubscriptionInvalid(issues.join('; '));
	};

/** Each reads a request's body, or throws SubscriptionInvalid. */
export const readSubscription = reader(createBody);
export const readSubscriptionChange = reader(changeBody);
export const readServiceChange = reader(serviceBody);
export const readTestEvent = reader(testEventBody);
