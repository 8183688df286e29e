import { collection, isObject, type Json, type JsonObject, link } from '../../redfish/json.ts';
import { created, done, failed, forbidden, notFound, type Outcome } from '../../redfish/outcome.ts';
import {
	CONFIGURE_MANAGER,
	MANAGER_OR_COMPONENTS,
	MANAGER_OR_SELF,
	mayUse,
} from '../../redfish/privileges.ts';
import {
	anything,
	flag,
	listOf,
	object,
	oneOf,
	type Shape,
	text,
	wholeNumber,
} from '../../redfish/request-body.ts';
import { header } from '../../redfish/request-head.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { changeSettings, type Device, withSettings } from '../device.ts';

const SERVICE = '/redfish/v1/EventService';
const SUBSCRIPTIONS = `${SERVICE}/Subscriptions`;
const MAX_SUBSCRIPTIONS = 20;
// Kept with a subscription and not shown: whose ConfigureSelf is enough to change it.
const OWNER = 'owner';

const SUBSCRIPTION: Shape = {
	Destination: text,
	Protocol: oneOf('Redfish', 'SNMPv2c'),
	Context: text,
	SubscriptionType: oneOf('RedfishEvent', 'SNMPTrap'),
	EventFormatType: oneOf('Event', 'MetricReport'),
	HttpHeaders: listOf(anything),
	RegistryPrefixes: listOf(text),
	ResourceTypes: listOf(text),
	MessageIds: listOf(text),
	DeliveryRetryPolicy: oneOf('TerminateAfterRetries', 'SuspendRetries', 'RetryForever'),
	MetricReportDefinitions: listOf(object),
	VerifyCertificate: flag,
	SendHeartbeat: flag,
	HeartbeatIntervalMinutes: wholeNumber(1, 65_535),
};
const CHANGEABLE: Shape = {
	Context: text,
	DeliveryRetryPolicy: oneOf('TerminateAfterRetries', 'SuspendRetries', 'RetryForever'),
	HttpHeaders: listOf(anything),
	VerifyCertificate: flag,
	SendHeartbeat: flag,
	HeartbeatIntervalMinutes: wholeNumber(1, 65_535),
};
const TEST_EVENT: Shape = {
	EventId: text,
	EventTimestamp: text,
	Message: text,
	MessageArgs: listOf(text),
	MessageId: text,
	OriginOfCondition: text,
	Resolution: text,
	Severity: oneOf('OK', 'Warning', 'Critical'),
	MessageSeverity: oneOf('OK', 'Warning', 'Critical'),
};

/** Subscriptions get every event pushed, with one attempt each; listeners get them as server-sent events. */
export function eventRoutes(device: Device): Route[] {
	return [
		...resource(SERVICE, () => withSettings(device, eventService())),
		act('PATCH', SERVICE, CONFIGURE_MANAGER, call => {
			const read = call.values({
				ServiceEnabled: flag,
				DeliveryRetryAttempts: wholeNumber(1, 3),
				DeliveryRetryIntervalSeconds: wholeNumber(5, 180),
			});
			if (!read.ok) return read.outcome;
			changeSettings(device, SERVICE, read.value);
			return done();
		}),
		{
			method: 'GET',
			pattern: `${SERVICE}/SSE`,
			requirement: MANAGER_OR_COMPONENTS,
			handle: () => notFound('', 'SSE'),
			stream: call => device.stream.open(header(call.head, 'last-event-id')),
		},
		act('POST', `${SERVICE}/Actions/EventService.SubmitTestEvent`, CONFIGURE_MANAGER, call =>
			submitTestEvent(device, call),
		),
		...subscriptionRoutes(device),
	];
}

function eventService(): JsonObject {
	return {
		'@odata.id': SERVICE,
		'@odata.type': '#EventService.v1_5_0.EventService',
		Id: 'EventService',
		Name: 'Event Service',
		ServiceEnabled: true,
		ServerSentEventUri: `${SERVICE}/SSE`,
		Subscriptions: link(SUBSCRIPTIONS),
		DeliveryRetryAttempts: 3,
		DeliveryRetryIntervalSeconds: 30,
		EventFormatTypes: ['Event', 'MetricReport'],
		RegistryPrefixes: ['Base', 'OpenBMC', 'TaskEvent', 'HeartbeatEvent'],
		ResourceTypes: ['Task', 'Heartbeat'],
		SSEFilterPropertiesSupported: {
			EventFormatType: true,
			MessageId: true,
			MetricReportDefinition: true,
			OriginResource: false,
			RegistryPrefix: true,
			ResourceType: false,
		},
		Status: { State: 'Enabled' },
		Actions: {
			'#EventService.SubmitTestEvent': {
				target: `${SERVICE}/Actions/EventService.SubmitTestEvent`,
			},
		},
	};
}

function submitTestEvent(device: Device, call: Call): Outcome {
	// An empty body is a test event as well: one with nothing but its number.
	if (call.body.length === 0) {
		device.stream.send([{}]);
		return done();
	}
	const read = call.values(TEST_EVENT);
	if (!read.ok) return read.outcome;
	const event: JsonObject = Object.fromEntries(read.value);
	if (typeof event.OriginOfCondition === 'string') event.OriginOfCondition = link(event.OriginOfCondition);
	device.stream.send([event]);
	return done();
}

function subscriptionRoutes(device: Device): Route[] {
	const find = (call: Call) => device.state.subscriptions.find(one => one.Id === call.params[0]);
	// A stream that is open is a subscription as well (bmcweb), and ends with it.
	const findStream = (call: Call) => device.stream.ids().find(id => id === call.params[0]);
	const missing = (call: Call) => notFound('EventDestination', call.params[0] ?? '');
	return [
		...resource(SUBSCRIPTIONS, () =>
			collection(SUBSCRIPTIONS, 'EventDestinationCollection', 'Event Destination Collections', [
				...device.state.subscriptions.map(one => String(one.Id)),
				...device.stream.ids(),
			]),
		),
		act('POST', SUBSCRIPTIONS, MANAGER_OR_COMPONENTS, call => subscribe(device, call)),
		...resource(
			`${SUBSCRIPTIONS}/{}`,
			call => {
				const found = find(call);
				if (found) return { ...found, [OWNER]: undefined };
				const stream = findStream(call);
				return stream === undefined ? undefined : streamDestination(stream);
			},
			{ type: 'EventDestination' },
		),
		act('PATCH', `${SUBSCRIPTIONS}/{}`, MANAGER_OR_SELF, call => {
			const found = find(call);
			if (!found) return missing(call);
			if (!owns(call, found)) return forbidden();
			const read = call.values(CHANGEABLE);
			if (!read.ok) return read.outcome;
			const { HttpHeaders, ...changed } = Object.fromEntries(read.value);
			if (HttpHeaders !== undefined) device.pushHeaders.set(String(found.Id), headersOf(HttpHeaders));
			Object.assign(found, changed);
			return done();
		}),
		act('DELETE', `${SUBSCRIPTIONS}/{}`, MANAGER_OR_SELF, call => {
			const stream = findStream(call);
			if (stream !== undefined) {
				if (!call.account || !mayUse(call.account.role, CONFIGURE_MANAGER)) return forbidden();
				device.stream.end(stream);
				return done();
			}
			const found = find(call);
			if (!found) return missing(call);
			if (!owns(call, found)) return forbidden();
			device.state.subscriptions = device.state.subscriptions.filter(one => one !== found);
			device.pushHeaders.delete(String(found.Id));
			return done();
		}),
	];
}

function streamDestination(id: string): JsonObject {
	return {
		'@odata.id': `${SUBSCRIPTIONS}/${id}`,
		'@odata.type': '#EventDestination.v1_14_1.EventDestination',
		Id: id,
		Name: `Event Destination ${id}`,
		Context: '',
		DeliveryRetryPolicy: 'TerminateAfterRetries',
		Destination: '',
		EventFormatType: 'Event',
		HttpHeaders: [],
		Protocol: 'Redfish',
		SubscriptionType: 'SSE',
	};
}

function owns(call: Call, subscription: JsonObject): boolean {
	if (!call.account) return false;
	return subscription[OWNER] === call.account.name || mayUse(call.account.role, CONFIGURE_MANAGER);
}

function subscribe(device: Device, call: Call): Outcome {
	const read = call.values(SUBSCRIPTION, ['Destination', 'Protocol']);
	if (!read.ok) return read.outcome;
	const { value } = read;
	const destination = String(value.get('Destination'));
	if (!/^https?:\/\/[^\s]+$/.test(destination)) {
		return failed(400, 'PropertyValueFormatError', JSON.stringify(destination), 'Destination');
	}
	if (device.state.subscriptions.length >= MAX_SUBSCRIPTIONS) return failed(503, 'ResourceInUse');
	const id = String(
		1000 + device.state.subscriptions.reduce((most, one) => Math.max(most, Number(one.Id) - 999), 0),
	);
	const asked: Record<string, Json> = Object.fromEntries(value);
	device.pushHeaders.set(id, headersOf(asked.HttpHeaders));
	device.state.subscriptions.push({
		'@odata.id': `${SUBSCRIPTIONS}/${id}`,
		'@odata.type': '#EventDestination.v1_14_1.EventDestination',
		Id: id,
		Name: `Event Destination ${id}`,
		Context: '',
		DeliveryRetryPolicy: 'TerminateAfterRetries',
		EventFormatType: 'Event',
		HeartbeatIntervalMinutes: 10,
		MessageIds: [],
		MetricReportDefinitions: [],
		RegistryPrefixes: [],
		ResourceTypes: [],
		SendHeartbeat: false,
		SubscriptionType: 'RedfishEvent',
		VerifyCertificate: true,
		...asked,
		// They may hold a credential and are never shown (DSP0268, EventDestination): so they are not kept.
		HttpHeaders: [],
		[OWNER]: call.account?.name ?? '',
	});
	return created(`${SUBSCRIPTIONS}/${id}`);
}

/** `[{"X-Key": "…"}, …]` as headers; what is none is left out. */
function headersOf(list: Json | undefined): Record<string, string> {
	const pairs = (Array.isArray(list) ? list : []).flatMap(one =>
		isObject(one) ? Object.entries(one).map(([name, value]) => [name, String(value)] as const) : [],
	);
	return Object.fromEntries(
		pairs.filter(([name, value]) => /^[\w-]+$/.test(name) && /^[\x20-\x7e]*$/.test(value)),
	);
}
