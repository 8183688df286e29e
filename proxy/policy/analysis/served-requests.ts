import type { CanonicalRequest } from '../../canonicalise/canonical-request.ts';
import { requestOf } from './sample-request.ts';

/**
 * What OpenBMC's Redfish server offers, as our emulated BMC has it (a test holds the two together): methods and
 * path, `{}` being any name. HEAD is decided on like GET.
 */
const served: readonly string[] = [
	'GET /redfish',
	'GET /redfish/v1',
	'GET /redfish/v1/$metadata',
	'GET,PATCH /redfish/v1/AccountService',
	'GET,POST /redfish/v1/AccountService/Accounts',
	'DELETE,GET,PATCH /redfish/v1/AccountService/Accounts/{}',
	'GET,POST /redfish/v1/AccountService/LDAP/Certificates',
	'DELETE,GET /redfish/v1/AccountService/LDAP/Certificates/{}',
	'GET /redfish/v1/AccountService/MultiFactorAuth/ClientCertificate/Certificates',
	'GET /redfish/v1/AccountService/MultiFactorAuth/ClientCertificate/Certificates/{}',
	'GET /redfish/v1/AccountService/Roles',
	'GET /redfish/v1/AccountService/Roles/{}',
	'GET /redfish/v1/Cables',
	'GET /redfish/v1/CertificateService',
	'POST /redfish/v1/CertificateService/Actions/CertificateService.GenerateCSR',
	'POST /redfish/v1/CertificateService/Actions/CertificateService.ReplaceCertificate',
	'GET /redfish/v1/CertificateService/CertificateLocations',
	'GET /redfish/v1/Chassis',
	'GET /redfish/v1/Chassis/chassis/Certificates',
	'GET /redfish/v1/Chassis/chassis/Certificates/{}',
	'GET,PATCH /redfish/v1/Chassis/{}',
	'POST /redfish/v1/Chassis/{}/Actions/Chassis.Reset',
	'GET,PATCH /redfish/v1/Chassis/{}/Assembly',
	'GET,PATCH /redfish/v1/Chassis/{}/EnvironmentMetrics',
	'GET /redfish/v1/Chassis/{}/NetworkAdapters',
	'GET /redfish/v1/Chassis/{}/PowerSubsystem',
	'GET /redfish/v1/Chassis/{}/PowerSubsystem/PowerSupplies',
	'GET,PATCH /redfish/v1/Chassis/{}/PowerSubsystem/PowerSupplies/{}',
	'GET /redfish/v1/Chassis/{}/ResetActionInfo',
	'GET /redfish/v1/Chassis/{}/Sensors',
	'GET /redfish/v1/Chassis/{}/Sensors/{}',
	'GET /redfish/v1/Chassis/{}/ThermalSubsystem',
	'GET /redfish/v1/Chassis/{}/ThermalSubsystem/Fans',
	'GET,PATCH /redfish/v1/Chassis/{}/ThermalSubsystem/Fans/{}',
	'GET /redfish/v1/Chassis/{}/ThermalSubsystem/ThermalMetrics',
	'GET,PATCH /redfish/v1/EventService',
	'POST /redfish/v1/EventService/Actions/EventService.SubmitTestEvent',
	'GET /redfish/v1/EventService/SSE',
	'GET,POST /redfish/v1/EventService/Subscriptions',
	'DELETE,GET,PATCH /redfish/v1/EventService/Subscriptions/{}',
	'GET /redfish/v1/Fabrics',
	'GET /redfish/v1/Fabrics/{}',
	'GET /redfish/v1/Fabrics/{}/Switches',
	'GET /redfish/v1/JsonSchemas',
	'GET /redfish/v1/JsonSchemas/{}',
	'GET /redfish/v1/Managers',
	'GET,POST /redfish/v1/Managers/bmc/NetworkProtocol/HTTPS/Certificates',
	'GET /redfish/v1/Managers/bmc/NetworkProtocol/HTTPS/Certificates/{}',
	'GET,POST /redfish/v1/Managers/bmc/Truststore/Certificates',
	'DELETE,GET /redfish/v1/Managers/bmc/Truststore/Certificates/{}',
	'GET,PATCH /redfish/v1/Managers/{}',
	'POST /redfish/v1/Managers/{}/Actions/Manager.Reset',
	'POST /redfish/v1/Managers/{}/Actions/Manager.ResetToDefaults',
	'GET,POST /redfish/v1/Managers/{}/EthernetInterfaces',
	'DELETE,GET,PATCH /redfish/v1/Managers/{}/EthernetInterfaces/{}',
	'GET /redfish/v1/Managers/{}/LogServices',
	'GET /redfish/v1/Managers/{}/LogServices/Dump',
	'POST /redfish/v1/Managers/{}/LogServices/Dump/Actions/LogService.ClearLog',
	'POST /redfish/v1/Managers/{}/LogServices/Dump/Actions/LogService.CollectDiagnosticData',
	'GET /redfish/v1/Managers/{}/LogServices/Dump/Entries',
	'DELETE,GET /redfish/v1/Managers/{}/LogServices/Dump/Entries/{}',
	'GET /redfish/v1/Managers/{}/LogServices/Dump/Entries/{}/attachment',
	'GET /redfish/v1/Managers/{}/LogServices/FaultLog',
	'POST /redfish/v1/Managers/{}/LogServices/FaultLog/Actions/LogService.ClearLog',
	'GET /redfish/v1/Managers/{}/LogServices/FaultLog/Entries',
	'GET /redfish/v1/Managers/{}/LogServices/Journal',
	'GET /redfish/v1/Managers/{}/LogServices/Journal/Entries',
	'GET /redfish/v1/Managers/{}/LogServices/Journal/Entries/{}',
	'GET /redfish/v1/Managers/{}/ManagerDiagnosticData',
	'GET,PATCH /redfish/v1/Managers/{}/NetworkProtocol',
	'GET /redfish/v1/Managers/{}/ResetActionInfo',
	'GET /redfish/v1/Registries',
	'GET /redfish/v1/Registries/{}',
	'GET,PATCH /redfish/v1/SessionService',
	'GET,POST /redfish/v1/SessionService/Sessions',
	'POST /redfish/v1/SessionService/Sessions/Members',
	'DELETE,GET /redfish/v1/SessionService/Sessions/{}',
	'GET /redfish/v1/Systems',
	'GET,PATCH /redfish/v1/Systems/{}',
	'POST /redfish/v1/Systems/{}/Actions/ComputerSystem.Reset',
	'GET /redfish/v1/Systems/{}/Bios',
	'POST /redfish/v1/Systems/{}/Bios/Actions/Bios.ResetBios',
	'GET /redfish/v1/Systems/{}/FabricAdapters',
	'GET /redfish/v1/Systems/{}/LogServices',
	'GET /redfish/v1/Systems/{}/LogServices/Dump',
	'POST /redfish/v1/Systems/{}/LogServices/Dump/Actions/LogService.ClearLog',
	'POST /redfish/v1/Systems/{}/LogServices/Dump/Actions/LogService.CollectDiagnosticData',
	'GET /redfish/v1/Systems/{}/LogServices/Dump/Entries',
	'DELETE,GET /redfish/v1/Systems/{}/LogServices/Dump/Entries/{}',
	'GET /redfish/v1/Systems/{}/LogServices/Dump/Entries/{}/attachment',
	'GET /redfish/v1/Systems/{}/LogServices/EventLog',
	'POST /redfish/v1/Systems/{}/LogServices/EventLog/Actions/LogService.ClearLog',
	'GET /redfish/v1/Systems/{}/LogServices/EventLog/Entries',
	'DELETE,GET,PATCH /redfish/v1/Systems/{}/LogServices/EventLog/Entries/{}',
	'GET /redfish/v1/Systems/{}/LogServices/HostLogger',
	'GET /redfish/v1/Systems/{}/LogServices/HostLogger/Entries',
	'GET /redfish/v1/Systems/{}/LogServices/HostLogger/Entries/{}',
	'GET /redfish/v1/Systems/{}/LogServices/PostCodes',
	'POST /redfish/v1/Systems/{}/LogServices/PostCodes/Actions/LogService.ClearLog',
	'GET /redfish/v1/Systems/{}/LogServices/PostCodes/Entries',
	'GET /redfish/v1/Systems/{}/LogServices/PostCodes/Entries/{}',
	'GET /redfish/v1/Systems/{}/Memory',
	'GET,PATCH /redfish/v1/Systems/{}/Memory/{}',
	'GET /redfish/v1/Systems/{}/Processors',
	'GET,PATCH /redfish/v1/Systems/{}/Processors/{}',
	'GET,PATCH /redfish/v1/Systems/{}/Processors/{}/EnvironmentMetrics',
	'GET /redfish/v1/Systems/{}/Processors/{}/SubProcessors',
	'GET /redfish/v1/Systems/{}/ResetActionInfo',
	'GET /redfish/v1/Systems/{}/Storage',
	'GET /redfish/v1/Systems/{}/Storage/{}',
	'GET /redfish/v1/Systems/{}/Storage/{}/Drives/{}',
	'GET /redfish/v1/TaskService',
	'GET /redfish/v1/TaskService/TaskMonitors/{}',
	'GET /redfish/v1/TaskService/Tasks',
	'GET /redfish/v1/TaskService/Tasks/{}',
	'GET /redfish/v1/TelemetryService',
	'GET,POST /redfish/v1/TelemetryService/MetricReportDefinitions',
	'DELETE,GET,PATCH /redfish/v1/TelemetryService/MetricReportDefinitions/{}',
	'GET /redfish/v1/TelemetryService/MetricReports',
	'GET /redfish/v1/TelemetryService/MetricReports/{}',
	'GET,POST /redfish/v1/TelemetryService/Triggers',
	'DELETE,GET /redfish/v1/TelemetryService/Triggers/{}',
	'GET /redfish/v1/UpdateService',
	'GET /redfish/v1/UpdateService/FirmwareInventory',
	'GET /redfish/v1/UpdateService/FirmwareInventory/{}',
	'POST /redfish/v1/UpdateService/update',
	'POST /redfish/v1/UpdateService/update-multipart',
	'GET /redfish/v1/odata',
	'WEBSOCKET /console/{}',
	'WEBSOCKET /console0',
	'WEBSOCKET /kvm/0',
	'WEBSOCKET /vm/0/0',
];

/** Of a PATCH: the properties that can be changed, where they are not covered as a whole. */
const properties: Readonly<Record<string, readonly string[]>> = {
	'/redfish/v1/Systems/{}': [
		'Boot.BootSourceOverrideTarget',
		'Boot.BootSourceOverrideEnabled',
		'Boot.BootSourceOverrideMode',
		'Boot.StopBootOnFault',
		'Boot.AutomaticRetryConfig',
		'Boot.AutomaticRetryAttempts',
		'Boot.TrustedModuleRequiredToBoot',
		'PowerRestorePolicy',
		'PowerMode',
		'IdlePowerSaver.Enabled',
		'HostWatchdogTimer.FunctionEnabled',
		'LocationIndicatorActive',
		'IndicatorLED',
		'AssetTag',
	],
	'/redfish/v1/Managers/{}': [
		'DateTime',
		'Links.ActiveSoftwareImage.@odata.id',
		'LocationIndicatorActive',
		'ServiceIdentification',
		'Oem.OpenBmc.Fan.Profile',
	],
	'/redfish/v1/Chassis/{}': ['LocationIndicatorActive', 'IndicatorLED'],
	'/redfish/v1/SessionService': ['SessionTimeout'],
	'/redfish/v1/Chassis/{}/Assembly': ['Assemblies'],
	'/redfish/v1/Chassis/{}/EnvironmentMetrics': ['PowerLimitWatts.SetPoint'],
	'/redfish/v1/Chassis/{}/PowerSubsystem/PowerSupplies/{}': ['LocationIndicatorActive'],
	'/redfish/v1/Chassis/{}/ThermalSubsystem/Fans/{}': ['LocationIndicatorActive'],
	'/redfish/v1/Systems/{}/Memory/{}': ['LocationIndicatorActive'],
	'/redfish/v1/Systems/{}/Processors/{}': ['AppliedOperatingConfig.@odata.id'],
	'/redfish/v1/Systems/{}/Processors/{}/EnvironmentMetrics': ['PowerLimitWatts.SetPoint'],
	'/redfish/v1/Systems/{}/LogServices/EventLog/Entries/{}': ['Resolved'],
};

const known: Readonly<Record<string, string>> = { Systems: 'system', Managers: 'bmc', Chassis: 'chassis' };

/** One request for each method and path that OpenBMC serves, and for each property that it lets be changed. */
export const servedRequests: readonly CanonicalRequest[] = served.flatMap(line => {
	const [methods = '', path = ''] = line.split(' ');
	const segments = path.slice(1).split('/');
	const names = segments.map((text, i) => (text === '{}' ? (known[segments[i - 1] ?? ''] ?? '1') : text));
	return methods.split(',').flatMap(method => {
		const bodies = (method === 'PATCH' && properties[path]) || [undefined];
		return bodies.map(property =>
			requestOf(
				method as CanonicalRequest['method'],
				names,
				property === undefined ? undefined : nested(property),
			),
		);
	});
});

/** The same, as `GET /redfish/v1/Systems/{}` each: to be compared with what a BMC really serves. */
export const servedRoutes: readonly string[] = served.flatMap(line => {
	const [methods = '', path = ''] = line.split(' ');
	return methods.split(',').map(method => `${method} ${path}`);
});

/** `Links.ActiveSoftwareImage.@odata.id` as an object: an annotation's name is one name. */
function nested(property: string): NonNullable<CanonicalRequest['body']> {
	const path = property.split(/\.(?!id$)/);
	return path.reduceRight<NonNullable<CanonicalRequest['body']>>((value, name) => ({ [name]: value }), true);
}
