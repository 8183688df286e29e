import type { Clock } from '../../common/clock.ts';
import type { Call } from '../call.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { proxyErrors } from '../errors.ts';
import type { JsonObject } from '../filter/resource-type.ts';
import type { OwnAnswer } from '../forward/perform.ts';
import type { OwnResources } from '../mediator.ts';
import { type EventMessage, eventView } from './event-message.ts';
import type { Hub } from './hub.ts';
import { sseFilterProperties } from './sse-filter.ts';
import type { OpenedStream, Streams } from './streams.ts';
import {
	readServiceChange,
	readSubscription,
	readSubscriptionChange,
	readTestEvent,
} from './subscription-document.ts';
import type { Subscription, Subscriptions } from './subscriptions.ts';
import { streamPath } from './upstream.ts';

const service = '/redfish/v1/EventService';
const collection = `${service}/Subscriptions`;
const testAction = `${service}/Actions/EventService.SubmitTestEvent`;

export interface EventServiceDeps {
	readonly subscriptions: Subscriptions;
	readonly streams: Streams;
	readonly hubOf: (bmc: string) => Hub;
	readonly clock: Clock;
}

/**
 * `/redfish/v1/EventService` as the proxy has it in place of the BMC's. Each party has its own: its settings, its
 * subscriptions and open streams, its test events. What one does is not seen by the other.
 */
export function createEventService(deps: EventServiceDeps): OwnResources {
	const { subscriptions, streams } = deps;

	const root = async (call: Call): Promise<OwnAnswer> => {
		const { name: bmc } = call.bmc.target;
		const { party } = call.operator;
		if (isRead(call)) return { status: 200, json: renderService(subscriptions.settings(bmc, party)) };
		if (call.request.method !== 'PATCH') throw notHere(call, 'GET, HEAD, PATCH');
		const change = readServiceChange(call.request.body);
		await subscriptions.changeSettings(bmc, party, {
			...(change.ServiceEnabled !== undefined && { enabled: change.ServiceEnabled }),
			...(change.DeliveryRetryAttempts !== undefined && { attempts: change.DeliveryRetryAttempts }),
			...(change.DeliveryRetryIntervalSeconds !== undefined && {
				intervalSeconds: change.DeliveryRetryIntervalSeconds,
			}),
		});
		return { status: 204 };
	};

	const list = async (call: Call): Promise<OwnAnswer> => {
		const { request, operator, bmc } = call;
		if (isRead(call)) {
			const own = subscriptions.list(bmc.target.name, operator.party).map(({ id }) => id);
			const open = openStreams(call).map(({ id }) => id);
			const members = [...own, ...open].map(id => ({ '@odata.id': `${collection}/${id}` }));
			return {
				status: 200,
				json: {
					'@odata.id': collection,
					'@odata.type': '#EventDestinationCollection.EventDestinationCollection',
					Name: 'Event Destination Collection',
					Members: members,
					'Members@odata.count': members.length,
				},
			};
		}
		if (request.method !== 'POST') throw notHere(call, 'GET, HEAD, POST');
		const { Destination, Context, DeliveryRetryPolicy, HttpHeaders, ...rest } = readSubscription(
			request.body,
		);
		const { Protocol: _p, SubscriptionType: _t, VerifyCertificate: _v, Name: _n, ...wanted } = rest;
		const id = await subscriptions.add({
			bmc: bmc.target.name,
			party: operator.party,
			operator: operator.name,
			createdAt: deps.clock.now(),
			destination: Destination,
			context: Context,
			retryPolicy: DeliveryRetryPolicy,
			headers: HttpHeaders,
			wanted,
			suspended: null,
		});
		const made = subscriptions.get(bmc.target.name, operator.party, id);
		return {
			status: 201,
			headers: { location: `${collection}/${id}` },
			...(made && { json: renderSubscription(made) }),
		};
	};

	const openStreams = ({ operator, bmc }: Call): readonly OpenedStream[] =>
		streams.list().filter(one => one.bmc === bmc.target.name && one.operator.party === operator.party);

	const member = async (call: Call, id: string): Promise<OwnAnswer> => {
		const { request, operator, bmc } = call;
		const stream = openStreams(call).find(one => one.id === id);
		if (stream) {
			if (isRead(call)) return { status: 200, json: renderStream(stream) };
			if (request.method !== 'DELETE') throw notHere(call, 'GET, HEAD, DELETE');
			stream.end('deleted');
			return { status: 204 };
		}
		const found = find(call, id);
		if (isRead(call)) return { status: 200, json: renderSubscription(found) };
		if (request.method === 'DELETE') {
			await subscriptions.remove(id, operator, '');
			return { status: 204 };
		}
		if (request.method !== 'PATCH') throw notHere(call, 'GET, HEAD, PATCH, DELETE');
		const { Context, DeliveryRetryPolicy, HttpHeaders } = readSubscriptionChange(request.body);
		await subscriptions.change(id, operator, {
			...(Context !== undefined && { context: Context }),
			...(DeliveryRetryPolicy !== undefined && { retryPolicy: DeliveryRetryPolicy }),
			...(HttpHeaders !== undefined && { headers: HttpHeaders }),
		});
		const after = subscriptions.get(bmc.target.name, operator.party, id);
		return { status: 200, ...(after && { json: renderSubscription(after) }) };
	};

	const find = ({ bmc, operator }: Call, id: string): Subscription => {
		// Another party's is as good as none.
		const found = subscriptions.get(bmc.target.name, operator.party, id);
		if (!found) throw proxyErrors.NotFound('there is no such resource');
		return found;
	};

	/** A test event goes to its own party alone: to another it would be a forgery. */
	const submitTest = (call: Call): OwnAnswer => {
		const { OriginOfCondition, Severity, MessageSeverity, ...given } = readTestEvent(call.request.body);
		const severity = MessageSeverity ?? Severity ?? 'OK';
		const record = {
			EventType: 'Other',
			EventTimestamp: new Date(deps.clock.now()).toISOString(),
			MessageId: 'Base.1.19.Success',
			...(JSON.parse(JSON.stringify(given)) as JsonObject),
			MessageSeverity: severity,
			Severity: severity,
			...(OriginOfCondition !== undefined && { OriginOfCondition: { '@odata.id': OriginOfCondition } }),
		};
		const envelope: (EventMessage & { kind: 'event' })['envelope'] = {
			'@odata.type': '#Event.v1_7_0.Event',
			Name: 'Test Event',
		};
		const { name } = call.bmc.target;
		deps
			.hubOf(name)
			.tellParty(call.operator.party, id => eventView(id, envelope, [{ EventId: `test-${id}`, ...record }]));
		return { status: 204 };
	};

	return {
		has: ({ segments }) => segments[2] === 'EventService',
		async answer(call) {
			const { path, method, segments } = call.request;
			if (path === service) return root(call);
			if (path === collection) return list(call);
			if (path === streamPath) {
				if (method !== 'HEAD') {
					throw proxyErrors.NotOffered('an event stream goes on for ever: follow it with a GET of its own');
				}
				return { status: 200, headers: { 'content-type': 'text/event-stream' } };
			}
			if (path === testAction && method === 'POST') return submitTest(call);
			const [, , , kind, id = '', actions, action, ...beyond] = segments;
			if (kind === 'Subscriptions' && actions === undefined) return member(call, id);
			const isResume = actions === 'Actions' && action === 'EventDestination.ResumeSubscription';
			if (kind === 'Subscriptions' && isResume && beyond.length === 0 && method === 'POST') {
				find(call, id);
				await subscriptions.change(id, call.operator, { suspended: null });
				return { status: 204 };
			}
			throw proxyErrors.NotFound('there is no such resource');
		},
	};
}

const isRead = ({ request }: Call): boolean => request.method === 'GET' || request.method === 'HEAD';

const notHere = ({ request }: Call, allow: string) =>
	proxyErrors.MethodNotAllowed(`${request.method} is not possible on ${request.path}`, {
		headers: { allow },
	});

const renderService = (settings: ReturnType<Subscriptions['settings']>): JsonValue => ({
	'@odata.id': service,
	'@odata.type': '#EventService.v1_10_0.EventService',
	Id: 'EventService',
	Name: 'Event Service',
	Description: 'Events of the BMC as your party may see them; the proxy delivers them',
	ServiceEnabled: settings.enabled,
	Status: { State: settings.enabled ? 'Enabled' : 'Disabled', Health: 'OK' },
	DeliveryRetryAttempts: settings.attempts,
	DeliveryRetryIntervalSeconds: settings.intervalSeconds,
	EventFormatTypes: ['Event', 'MetricReport'],
	RegistryPrefixes: [],
	ResourceTypes: [],
	Severities: ['OK', 'Warning', 'Critical'],
	ExcludeRegistryPrefix: true,
	ExcludeMessageId: true,
	SubordinateResourcesSupported: true,
	ServerSentEventUri: streamPath,
	SSEFilterPropertiesSupported: { ...sseFilterProperties },
	Subscriptions: { '@odata.id': collection },
	Actions: { '#EventService.SubmitTestEvent': { target: testAction } },
});

function renderSubscription({ id, document, trouble, queued }: Subscription): JsonValue {
	const { wanted, suspended } = document;
	const path = `${collection}/${id}`;
	return {
		'@odata.id': path,
		'@odata.type': '#EventDestination.v1_14_1.EventDestination',
		Id: id,
		Name: `Event Destination ${id}`,
		Destination: document.destination,
		Protocol: 'Redfish',
		SubscriptionType: 'RedfishEvent',
		Context: document.context,
		DeliveryRetryPolicy: document.retryPolicy,
		...wanted,
		// They may hold a credential, and are shown to nobody (DSP0268, EventDestination).
		HttpHeaders: [],
		VerifyCertificate: true,
		Status: {
			State: suspended === null ? 'Enabled' : 'Disabled',
			Health: suspended !== null ? 'Critical' : trouble === undefined ? 'OK' : 'Warning',
		},
		Actions: {
			'#EventDestination.ResumeSubscription': {
				target: `${path}/Actions/EventDestination.ResumeSubscription`,
			},
		},
		Oem: {
			Bimetal: {
				'@odata.type': '#Bimetal.v1_0_0.EventDestination',
				Operator: document.operator,
				CreatedTime: new Date(document.createdAt).toISOString(),
				Queued: queued,
				Trouble: trouble ?? null,
			},
		},
	};
}

const renderStream = ({ id, operator, openedAt, filter }: OpenedStream): JsonValue => ({
	'@odata.id': `${collection}/${id}`,
	'@odata.type': '#EventDestination.v1_14_1.EventDestination',
	Id: id,
	Name: `Event stream ${id}`,
	Protocol: 'Redfish',
	SubscriptionType: 'SSE',
	Context: filter ?? '',
	Status: { State: 'Enabled', Health: 'OK' },
	Oem: {
		Bimetal: {
			'@odata.type': '#Bimetal.v1_0_0.EventDestination',
			Operator: operator.name,
			CreatedTime: new Date(openedAt).toISOString(),
		},
	},
});
