import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { created, done, failed, notFound, type Outcome } from '../../redfish/outcome.ts';
import { CONFIGURE_MANAGER } from '../../redfish/privileges.ts';
import { flag, listOf, matching, object, oneOf, type Shape, text } from '../../redfish/request-body.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { type Device, timestamp } from '../device.ts';

const SERVICE = '/redfish/v1/TelemetryService';
const DEFINITIONS = `${SERVICE}/MetricReportDefinitions`;
const REPORTS = `${SERVICE}/MetricReports`;
const TRIGGERS = `${SERVICE}/Triggers`;
const ID = matching(/^[A-Za-z0-9_]{1,64}$/);
const MAX_KEPT = 10;

const DEFINITION: Shape = {
	Id: ID,
	Name: text,
	MetricReportDefinitionType: oneOf('Periodic', 'OnChange', 'OnRequest'),
	MetricReportDefinitionEnabled: flag,
	ReportActions: listOf(oneOf('RedfishEvent', 'LogToMetricReportsCollection')),
	ReportUpdates: oneOf('Overwrite', 'AppendWrapsWhenFull', 'AppendStopsWhenFull'),
	Schedule: { RecurrenceInterval: text },
	Metrics: listOf(object),
};
const TRIGGER: Shape = {
	Id: ID,
	Name: text,
	MetricType: oneOf('Discrete', 'Numeric'),
	TriggerActions: listOf(text),
	DiscreteTriggers: listOf(object),
	NumericThresholds: object,
	MetricProperties: listOf(text),
	Links: { MetricReportDefinitions: listOf(object) },
};

export function telemetryRoutes(device: Device): Route[] {
	return [
		...resource(SERVICE, () => ({
			'@odata.id': SERVICE,
			'@odata.type': '#TelemetryService.v1_2_1.TelemetryService',
			Id: 'TelemetryService',
			Name: 'Telemetry Service',
			MetricReportDefinitions: link(DEFINITIONS),
			MetricReports: link(REPORTS),
			Triggers: link(TRIGGERS),
			Status: { State: 'Enabled' },
		})),
		...definitionRoutes(device),
		...resource(REPORTS, () =>
			collection(REPORTS, 'MetricReportCollection', 'Metric Report Collection', reportIds(device)),
		),
		...resource(
			`${REPORTS}/{}`,
			({ params: [id = ''] }) => (reportIds(device).includes(id) ? report(device, id) : undefined),
			{ type: 'MetricReport', volatile: true },
		),
		...triggerRoutes(device),
	];
}

/** A report of the chassis' power comes with every BMC; each definition adds one. */
function reportIds(device: Device): string[] {
	return ['PowerMetrics', ...device.state.reportDefinitions.map(one => String(one.Id))];
}

function report(device: Device, id: string): JsonObject {
	const now = timestamp(device.clock.now());
	const wanted = id === 'PowerMetrics' ? ['Power'] : ['Power', 'Temperature', 'Rotational'];
	return {
		'@odata.id': `${REPORTS}/${id}`,
		'@odata.type': '#MetricReport.v1_3_0.MetricReport',
		Id: id,
		Name: id,
		Timestamp: now,
		MetricReportDefinition: link(`${DEFINITIONS}/${id}`),
		MetricValues: Object.entries(device.host.readings())
			.filter(([, reading]) => wanted.includes(reading.type))
			.map(([sensor, reading]) => ({
				MetricId: sensor,
				MetricProperty: `/redfish/v1/Chassis/chassis/Sensors/${sensor}`,
				MetricValue: String(reading.value),
				Timestamp: now,
			})),
	};
}

function definitionRoutes(device: Device): Route[] {
	const builtIn: JsonObject = {
		'@odata.id': `${DEFINITIONS}/PowerMetrics`,
		'@odata.type': '#MetricReportDefinition.v1_3_0.MetricReportDefinition',
		Id: 'PowerMetrics',
		Name: 'PowerMetrics',
		MetricReportDefinitionType: 'OnRequest',
		MetricReportDefinitionEnabled: true,
		MetricReport: link(`${REPORTS}/PowerMetrics`),
		ReportActions: ['LogToMetricReportsCollection'],
		Status: { State: 'Enabled' },
	};
	const all = () => [builtIn, ...device.state.reportDefinitions];
	const find = (call: Call) => device.state.reportDefinitions.find(one => one.Id === call.params[0]);
	const missing = (call: Call) => notFound('MetricReportDefinition', call.params[0] ?? '');
	return [
		...resource(
			DEFINITIONS,
			() =>
				collection(
					DEFINITIONS,
					'MetricReportDefinitionCollection',
					'Metric Definition Collection',
					all().map(one => String(one.Id)),
				),
			{ schema: 'MetricReportDefinition' },
		),
		act('POST', DEFINITIONS, CONFIGURE_MANAGER, call => {
			const read = call.values(DEFINITION, ['Id', 'MetricReportDefinitionType', 'ReportActions', 'Metrics']);
			if (!read.ok) return read.outcome;
			const id = String(read.value.get('Id'));
			if (all().some(one => one.Id === id)) return exists('MetricReportDefinition', id);
			if (device.state.reportDefinitions.length >= MAX_KEPT) return failed(503, 'ResourceInUse');
			device.state.reportDefinitions.push({
				...builtIn,
				...Object.fromEntries([...read.value].filter(([path]) => !path.includes('/'))),
				'@odata.id': `${DEFINITIONS}/${id}`,
				MetricReport: link(`${REPORTS}/${id}`),
			});
			return created(`${DEFINITIONS}/${id}`);
		}),
		...resource(`${DEFINITIONS}/{}`, ({ params: [id] }) => all().find(one => one.Id === id), {
			schema: 'MetricReportDefinition',
		}),
		act(
			'PATCH',
			`${DEFINITIONS}/{}`,
			CONFIGURE_MANAGER,
			call => {
				const found = find(call);
				if (!found) return missing(call);
				const read = call.values({
					MetricReportDefinitionEnabled: flag,
					ReportActions: listOf(oneOf('RedfishEvent', 'LogToMetricReportsCollection')),
					ReportUpdates: oneOf('Overwrite', 'AppendWrapsWhenFull', 'AppendStopsWhenFull'),
					Metrics: listOf(object),
				});
				if (!read.ok) return read.outcome;
				Object.assign(found, Object.fromEntries(read.value));
				return done();
			},
			{ schema: 'MetricReportDefinition' },
		),
		act('DELETE', `${DEFINITIONS}/{}`, CONFIGURE_MANAGER, call => {
			const found = find(call);
			if (!found) return missing(call);
			device.state.reportDefinitions = device.state.reportDefinitions.filter(one => one !== found);
			return done();
		}),
	];
}

function triggerRoutes(device: Device): Route[] {
	const find = (call: Call) => device.state.triggers.find(one => one.Id === call.params[0]);
	return [
		...resource(TRIGGERS, () =>
			collection(
				TRIGGERS,
				'TriggersCollection',
				'Triggers Collection',
				device.state.triggers.map(one => String(one.Id)),
			),
		),
		act('POST', TRIGGERS, CONFIGURE_MANAGER, call => {
			const read = call.values(TRIGGER, ['Id', 'MetricType', 'TriggerActions']);
			if (!read.ok) return read.outcome;
			const id = String(read.value.get('Id'));
			if (device.state.triggers.some(one => one.Id === id)) return exists('Triggers', id);
			if (device.state.triggers.length >= MAX_KEPT) return failed(503, 'ResourceInUse');
			device.state.triggers.push({
				...Object.fromEntries([...read.value].filter(([path]) => !path.includes('/'))),
				'@odata.id': `${TRIGGERS}/${id}`,
				'@odata.type': '#Triggers.v1_2_0.Triggers',
				Id: id,
				Status: { Health: 'OK', State: 'Enabled' },
			});
			return created(`${TRIGGERS}/${id}`);
		}),
		...resource(`${TRIGGERS}/{}`, find, { type: 'Triggers' }),
		act('DELETE', `${TRIGGERS}/{}`, CONFIGURE_MANAGER, call => {
			const found = find(call);
			if (!found) return notFound('Triggers', call.params[0] ?? '');
			device.state.triggers = device.state.triggers.filter(one => one !== found);
			return done();
		}),
	];
}

function exists(type: string, id: string): Outcome {
	return failed(400, 'ResourceAlreadyExists', type, 'Id', id);
}
