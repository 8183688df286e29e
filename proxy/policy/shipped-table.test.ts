import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';
import { compileClassifier } from '../classify/classify.ts';
import { loadPolicies } from './load-policies.ts';

const folder = fileURLToPath(new URL('../../policies', import.meta.url));
const policies = await loadPolicies({ folder, parties: ['HSO', 'CP'], externalSources: ['Servers', 'PDU'] });
const classify = compileClassifier(policies);

/** The rows that a request falls under, by the p2c of each; undefined when it is unknown, so denied. */
function p2cOf(line: string): string[] | undefined {
	const [method = '', short = '', ...body] = line.split(' ');
	const path = short
		.replace(/^R/, '/redfish/v1')
		.replace(/^S/, '/redfish/v1/Systems/system')
		.replace(/^M/, '/redfish/v1/Managers/bmc')
		.replace(/^C/, '/redfish/v1/Chassis/chassis');
	const request: CanonicalRequest = {
		method: method as CanonicalRequest['method'],
		path,
		segments: path.slice(1).split('/'),
		query: [],
		ifMatch: undefined,
		ifNoneMatch: undefined,
		body: body.length > 0 ? (JSON.parse(body.join(' ')) as JsonValue) : undefined,
		bytes: undefined,
		contentType: undefined,
	};
	const found = classify(request);
	return found.kind === 'known'
		? found.operations.map(operation => operation.authorization.source)
		: undefined;
}

const power = '(HSO and cp) or (CP and hso)';
const both = 'HSO and CP';
const either = 'HSO or CP';
const provider = 'CP and hso';
const boot = 'CP or (HSO and cp)';
const hardware = 'HSO or (CP and hso)';

/** What bmcweb serves, by category, with who is needed: R the service root, S a system, M a manager, C a chassis. */
const served: readonly (readonly [string, readonly string[]])[] = [
	[
		power,
		[
			'POST S/Actions/ComputerSystem.Reset',
			'POST C/Actions/Chassis.Reset',
			'GET S/ResetActionInfo',
			'GET C/ResetActionInfo',
			'GET M/ResetActionInfo',
			'PATCH C/EnvironmentMetrics {"PowerLimitWatts":{"SetPoint":1}}',
			'PATCH S/Processors/cpu0/EnvironmentMetrics {"PowerLimitWatts":{"SetPoint":1}}',
			'PATCH S {"PowerRestorePolicy":"AlwaysOn"}',
			'PATCH S {"PowerMode":"Static"}',
			'PATCH S {"IdlePowerSaver":{"Enabled":true}}',
			'PATCH S {"HostWatchdogTimer":{"FunctionEnabled":true}}',
			'PATCH M {"Oem":{"OpenBmc":{"Fan":{"Profile":"Acoustic"}}}}',
			'GET R/TelemetryService/MetricReports/r',
			'GET S/LogServices/EventLog/Entries',
			'GET S/LogServices/EventLog/Entries/1',
			'GET M/LogServices/EventLog/Entries',
			'GET S/LogServices/PostCodes/Entries',
			'GET M/LogServices/Journal/Entries/1',
			'GET R/EventService/SSE',
			'GET R/TaskService/Tasks/1',
		],
	],
	[
		both,
		[
			'POST M/Actions/Manager.Reset',
			'POST M/Actions/Manager.ResetToDefaults',
			'POST R/UpdateService/update',
			'POST R/UpdateService/update-multipart',
			'POST R/UpdateService/Actions/UpdateService.SimpleUpdate',
			'PATCH M {"Links":{"ActiveSoftwareImage":{"@odata.id":"/x"}}}',
			'PATCH S {"Boot":{"TrustedModuleRequiredToBoot":"Disabled"}}',
			'POST S/LogServices/EventLog/Actions/LogService.ClearLog',
			'POST S/LogServices/PostCodes/Actions/LogService.ClearLog',
			'POST M/LogServices/Dump/Actions/LogService.ClearLog',
			'DELETE S/LogServices/EventLog/Entries/1',
			'PATCH S/LogServices/EventLog/Entries/1 {"Resolved":true}',
			'GET S/LogServices/EventLog/Entries/1/attachment',
			'PATCH M/NetworkProtocol {"SSH":{"ProtocolEnabled":true}}',
			'POST M/EthernetInterfaces',
			'PATCH M/EthernetInterfaces/eth0 {"DHCPv4":{"DHCPEnabled":false}}',
			'DELETE M/EthernetInterfaces/eth0',
			'PATCH M {"DateTime":"2026-01-01T00:00:00Z"}',
			'POST R/CertificateService/Actions/CertificateService.ReplaceCertificate',
			'POST R/CertificateService/Actions/CertificateService.GenerateCSR',
			'POST M/NetworkProtocol/HTTPS/Certificates',
			'GET M/NetworkProtocol/HTTPS/Certificates/1',
			'POST M/Truststore/Certificates',
			'DELETE M/Truststore/Certificates/1',
			'DELETE R/AccountService/LDAP/Certificates/1',
			'POST R/AccountService/Accounts',
			'DELETE R/AccountService/Accounts/root',
			'PATCH R/AccountService/Accounts/root {"Password":"x"}',
			'PATCH R/AccountService {"Oem":{"OpenBMC":{"AuthMethods":{"BasicAuth":true}}}}',
		],
	],
	[
		boot,
		['PATCH S {"Boot":{"BootSourceOverrideTarget":"Pxe"}}', 'PATCH S {"Boot":{"AutomaticRetryAttempts":3}}'],
	],
	[
		provider,
		[
			'GET M/VirtualMedia/1',
			'POST M/VirtualMedia/1/Actions/VirtualMedia.InsertMedia',
			'POST M/VirtualMedia/1/Actions/VirtualMedia.EjectMedia',
			'GET S/Bios',
			'POST S/Bios/Actions/Bios.ResetBios',
			'PATCH S/Processors/cpu0 {"AppliedOperatingConfig":{"@odata.id":"/x"}}',
			'POST M/LogServices/Dump/Actions/LogService.CollectDiagnosticData',
			'POST S/LogServices/Dump/Actions/LogService.CollectDiagnosticData',
			'GET M/LogServices/Dump/Entries/1/attachment',
			'DELETE M/LogServices/Dump/Entries/1',
			'GET M/ManagerDiagnosticData',
		],
	],
	['CP', ['GET S/LogServices/HostLogger/Entries', 'GET S/LogServices/HostLogger/Entries/1']],
	[
		hardware,
		[
			'GET C',
			'GET C/Sensors/temperature_cpu0',
			'GET C/PowerSubsystem/PowerSupplies/powersupply0',
			'GET C/ThermalSubsystem/Fans/fan0',
			'GET C/Assembly',
			'GET C/Drives/1',
			'GET C/NetworkAdapters/1/Ports/1',
			'GET C/PCIeSlots',
			'GET S/PCIeDevices/1/PCIeFunctions/1',
			'GET S/Memory/dimm0',
			'GET S/Processors/cpu0/SubProcessors/core0',
			'GET S/Storage/1/Drives/1',
			'GET R/Fabrics/fabric/Switches/1',
			'GET R/Cables/1',
		],
	],
	[
		either,
		[
			'PATCH C {"LocationIndicatorActive":true}',
			'PATCH S {"LocationIndicatorActive":true}',
			'PATCH M {"LocationIndicatorActive":true}',
			'PATCH C/ThermalSubsystem/Fans/fan0 {"LocationIndicatorActive":true}',
			'PATCH C/Assembly {"Assemblies":[{"LocationIndicatorActive":true}]}',
			'PATCH S {"AssetTag":"x"}',
			'POST R/TelemetryService/MetricReportDefinitions',
			'DELETE R/TelemetryService/Triggers/1',
			'PATCH R/EventService {"DeliveryRetryAttempts":3}',
			'POST R/EventService/Actions/EventService.SubmitTestEvent',
			'POST R/EventService/Subscriptions',
			'DELETE R/EventService/Subscriptions/1',
			'POST R/EventService/Subscriptions/1/Actions/EventDestination.ResumeSubscription',
			'GET R/UpdateService/FirmwareInventory/1',
			'POST R/SessionService/Sessions',
			'PATCH R/SessionService {"SessionTimeout":60}',
			'POST R/SessionService/Sessions/Members',
			'DELETE R/SessionService/Sessions/1',
			'GET R',
			'GET /redfish',
			'GET R/odata',
			'GET R/$metadata',
			'GET R/JsonSchemas/LogEntry',
			'GET R/Registries/Base',
			'GET R/Systems',
			'GET S',
			'GET M',
			'GET R/AccountService/Roles/Operator',
		],
	],
	[
		'closed',
		['POST R/AggregationService/AggregationSources', 'DELETE R/AggregationService/AggregationSources/1'],
	],
];
for (const [p2c, lines] of served) {
	test(`the shipped table asks for ${p2c}`, t => {
		for (const line of lines) t.deepEqual(p2cOf(line), [p2c], line);
	});
}

test('what the shipped table does not name is unknown', t => {
	for (const line of [
		'GET R/Nothing',
		'GET R/Systems/system/Nothing',
		'DELETE S',
		'PUT S',
		'PATCH S {"Nothing":1}',
		'PATCH S {"Boot":null}',
		'PATCH S {"Boot":{"Nothing":1}}',
		'PATCH S {"PowerMode":"Static","Nothing":1}',
		'PATCH S {}',
		'PATCH M {"Oem":{"OpenBmc":{"Other":1}}}',
		'PATCH C/Sensors/1 {"Reading":1}',
		'POST R',
		'POST S/Actions/Oem/Other.Reset',
		'POST C/Sensors',
	]) {
		t.is(p2cOf(line), undefined, line);
	}
});

test('one PATCH that spans power, boot and TPM needs all that each of them needs', t => {
	const line =
		'PATCH S {"PowerMode":"Static","Boot":{"BootSourceOverrideTarget":"Pxe","TrustedModuleRequiredToBoot":"Disabled"}}';
	t.deepEqual(p2cOf(line), [power, boot, both]);
});
