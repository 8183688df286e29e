import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { plain } from '../../redfish/outcome.ts';
import { OPEN } from '../../redfish/privileges.ts';
import { resource } from '../../redfish/route-kinds.ts';
import type { Route } from '../../redfish/route-table.ts';
import type { Device } from '../device.ts';
import { SCHEMAS } from './schema-names.ts';

const ROOT = '/redfish/v1';

export function serviceRootRoutes(device: Device): Route[] {
	return [
		...resource('/redfish', () => ({ v1: `${ROOT}/` }), { requirement: OPEN }),
		...resource(ROOT, () => serviceRoot(device), { requirement: OPEN, schema: 'ServiceRoot' }),
		...resource(`${ROOT}/odata`, odataDocument, { requirement: OPEN, outside: true }),
		{
			method: 'GET',
			pattern: `${ROOT}/$metadata`,
			requirement: OPEN,
			outside: true,
			handle: () => plain('application/xml', metadata()),
		},
		...jsonSchemaRoutes(),
		...registryRoutes(),
		...resource(`${ROOT}/Cables`, () =>
			collection(`${ROOT}/Cables`, 'CableCollection', 'Cable Collection', [], 'Collection of Cable Entries'),
		),
		...fabricRoutes(),
	];
}

function serviceRoot(device: Device): JsonObject {
	const services = [
		'AccountService',
		'Cables',
		'CertificateService',
		'Chassis',
		'EventService',
		'Fabrics',
		'JsonSchemas',
		'Managers',
		'Registries',
		'SessionService',
		'Systems',
		'TelemetryService',
		'UpdateService',
	];
	return {
		'@odata.id': ROOT,
		'@odata.type': '#ServiceRoot.v1_15_0.ServiceRoot',
		Id: 'RootService',
		Name: 'Root Service',
		RedfishVersion: '1.17.0',
		UUID: device.identity.uuid,
		...Object.fromEntries(services.map(name => [name, link(`${ROOT}/${name}`)])),
		Tasks: link(`${ROOT}/TaskService`),
		Links: {
			ManagerProvidingService: link(`${ROOT}/Managers/bmc`),
			Sessions: link(`${ROOT}/SessionService/Sessions`),
		},
		ProtocolFeaturesSupported: {
			DeepOperations: { DeepPATCH: false, DeepPOST: false },
			ExcerptQuery: false,
			...(device.hasQuery && {
				ExpandQuery: { ExpandAll: true, Levels: true, Links: true, MaxLevels: 6, NoLinks: true },
			}),
			// Of the options of OpenBMC's query parameters, filtering is the one left off here.
			FilterQuery: false,
			OnlyMemberQuery: device.hasQuery,
			SelectQuery: device.hasQuery,
		},
	};
}

function fabricRoutes(): Route[] {
	const all = `${ROOT}/Fabrics`;
	const uri = `${all}/fabric`;
	return [
		...resource(all, () => collection(all, 'FabricCollection', 'Fabric Collection', ['fabric'])),
		...resource(
			`${all}/{}`,
			({ params: [id] }) =>
				id === 'fabric'
					? {
							'@odata.id': uri,
							'@odata.type': '#Fabric.v1_2_0.Fabric',
							Id: 'fabric',
							Name: 'fabric Fabric',
							Switches: link(`${uri}/Switches`),
						}
					: undefined,
			{ type: 'Fabric' },
		),
		...resource(
			`${all}/{}/Switches`,
			({ params: [id] }) =>
				id === 'fabric'
					? collection(`${uri}/Switches`, 'SwitchCollection', 'fabric Switch Collection', [])
					: undefined,
			{ type: 'Fabric' },
		),
	];
}

function odataDocument(): JsonObject {
	const names = [
		'/$metadata',
		'/odata',
		'/JsonSchemas',
		'',
		'/ServiceRoot',
		'/Systems',
		'/Chassis',
		'/Managers',
		'/SessionService',
		'/AccountService',
		'/UpdateService',
	];
	return {
		'@odata.context': `${ROOT}/$metadata`,
		value: names.map(name => ({ kind: 'Singleton', name: '$metadata', url: `${ROOT}${name}` })),
	};
}

function metadata(): string {
	const references = SCHEMAS.map(
		name =>
			`    <edmx:Reference Uri="${ROOT}/schema/${name}_v1.xml">\n` +
			`        <edmx:Include Namespace="${name}"/>\n    </edmx:Reference>\n`,
	).join('');
	return (
		'<?xml version="1.0" encoding="UTF-8"?>\n' +
		'<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">\n' +
		`${references}    <edmx:DataServices>\n` +
		'        <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">\n' +
		'            <EntityContainer Name="Service" Extends="ServiceRoot.v1_15_0.ServiceContainer"/>\n' +
		'        </Schema>\n    </edmx:DataServices>\n</edmx:Edmx>\n'
	);
}

function jsonSchemaRoutes(): Route[] {
	const uri = `${ROOT}/JsonSchemas`;
	return [
		...resource(uri, () =>
			collection(
				uri,
				'JsonSchemaFileCollection',
				'JsonSchemaFile Collection',
				SCHEMAS,
				'Collection of JsonSchemaFiles',
			),
		),
		...resource(
			`${uri}/{}`,
			({ params: [name = ''] }) =>
				SCHEMAS.includes(name)
					? fileLocation('JsonSchemaFile.v1_0_2.JsonSchemaFile', `${uri}/${name}`, name, {
							Name: `${name} Schema File`,
							Description: `${name} Schema File Location`,
							Schema: `#${name}.${name}`,
							Location: [
								{
									Language: 'en',
									PublicationUri: `http://redfish.dmtf.org/schemas/v1/${name}.json`,
									Uri: `${uri}/${name}/${name}.json`,
								},
							],
						})
					: undefined,
			{ type: 'JsonSchemaFile' },
		),
	];
}

// Registries that messages and events refer to: name, version, publisher.
const REGISTRIES: readonly (readonly [string, string, string])[] = [
	['Base', '1.19', 'DMTF '],
	['HeartbeatEvent', '1.0', 'DMTF '],
	['OpenBMC', '0.5', ''],
	['ResourceEvent', '1.3', 'DMTF '],
	['TaskEvent', '1.0', 'DMTF '],
	['Telemetry', '1.0', 'DMTF '],
];

function registryRoutes(): Route[] {
	const uri = `${ROOT}/Registries`;
	const type = 'MessageRegistryFile.v1_1_0.MessageRegistryFile';
	return [
		...resource(uri, () =>
			collection(
				uri,
				'MessageRegistryFileCollection',
				'MessageRegistryFile Collection',
				REGISTRIES.map(([name]) => name),
				'Collection of MessageRegistryFiles',
			),
		),
		...resource(
			`${uri}/{}`,
			({ params: [id] }) => {
				const [name, version, publisher] = REGISTRIES.find(registry => registry[0] === id) ?? [];
				if (name === undefined) return undefined;
				return fileLocation(type, `${uri}/${name}`, name, {
					Name: `${name} Message Registry File`,
					Description: `${publisher}${name} Message Registry File Location`,
					Registry: `${name}.${version}`,
					Location: [
						{
							Language: 'en',
							PublicationUri: `https://redfish.dmtf.org/registries/${name}.${version}.0.json`,
							Uri: `${uri}/${name}/${name}`,
						},
					],
				});
			},
			{ type: 'MessageRegistryFile' },
		),
	];
}

function fileLocation(type: string, uri: string, id: string, rest: JsonObject): JsonObject {
	return {
		'@odata.id': uri,
		'@odata.type': `#${type}`,
		Id: id,
		Languages: ['en'],
		'Languages@odata.count': 1,
		'Location@odata.count': 1,
		...rest,
	};
}
