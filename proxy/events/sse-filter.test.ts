import test from 'ava';
import { eventView, gapView, reportView } from './event-message.ts';
import { compileSseFilter } from './sse-filter.ts';

const envelope = { '@odata.type': '#Event.v1_4_0.Event', Name: 'Event Log' };
const power = {
	MessageId: 'OpenBMC.0.5.PowerOn',
	OriginOfCondition: { '@odata.id': '/redfish/v1/Systems/system' },
};
const task = { MessageId: 'TaskEvent.1.0.TaskStarted', OriginOfCondition: '/redfish/v1/TaskService/Tasks/1' };
const view = eventView('4', envelope, [power, task, {}]);
const report = reportView('5', {
	'@odata.type': '#MetricReport.v1_3_0.MetricReport',
	MetricReportDefinition: {
		'@odata.id': '/redfish/v1/TelemetryService/MetricReportDefinitions/PowerMetrics',
	},
});
const kept = (filter: string) =>
	((compileSseFilter(filter)(view)?.body.Events ?? []) as { MessageId?: string }[]).map(
		({ MessageId }) => MessageId,
	);

for (const [filter, expected] of [
	["MessageId eq 'OpenBMC.0.5.PowerOn'", [power.MessageId]],
	['MessageId eq OpenBMC.PowerOn', [power.MessageId]],
	["RegistryPrefix eq 'TaskEvent'", [task.MessageId]],
	['(RegistryPrefix eq TaskEvent) or (RegistryPrefix eq OpenBMC)', [power.MessageId, task.MessageId]],
	['ResourceType eq Task', [task.MessageId]],
	['ResourceType eq ComputerSystem', [power.MessageId]],
	['OriginResource eq /redfish/v1/Systems/system', [power.MessageId]],
	['EventFormatType eq Event and RegistryPrefix ne OpenBMC', [task.MessageId, undefined]],
	['not (RegistryPrefix eq OpenBMC)', [task.MessageId, undefined]],
	['EventFormatType eq MetricReport', []],
] as const) {
	test(filter, t => t.deepEqual(kept(filter), [...expected]));
}

test('records that are left are numbered anew, and counted', t => {
	const { body } = compileSseFilter('RegistryPrefix eq TaskEvent')(view) ?? {};
	t.deepEqual(body?.Events, [{ ...task, MemberId: '0' }]);
	t.is(body?.['Events@odata.count'], 1);
});

test('metric reports, and gaps, which come through whatever is asked for', t => {
	const definition = '/redfish/v1/TelemetryService/MetricReportDefinitions/PowerMetrics';
	t.is(compileSseFilter(`MetricReportDefinition eq '${definition}'`)(report), report);
	t.is(compileSseFilter('EventFormatType eq Event')(report), undefined);
	const gap = gapView('1', { bmc: 'node1', since: undefined, until: 0 });
	t.is(compileSseFilter('EventFormatType eq MetricReport')(gap), gap);
});

test('what events cannot be filtered by, and what is no filter, is refused', t => {
	for (const filter of [
		"Severity eq 'OK'",
		"Message eq 'x'",
		'EventFormatType',
		'',
		'EventFormatType eq',
		"x'",
		'constructor eq 1',
	])
		t.throws(() => compileSseFilter(filter), { code: 'QueryParameterValueFormatError' }, filter);
});
