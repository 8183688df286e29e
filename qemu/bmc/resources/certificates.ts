import { X509Certificate } from 'node:crypto';
import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { created, done, failed, notFound, type Outcome, ok } from '../../redfish/outcome.ts';
import { CONFIGURE_MANAGER, LOGIN, type Requirement } from '../../redfish/privileges.ts';
import { listOf, oneOf, text, wholeNumber } from '../../redfish/request-body.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { type Device, timestamp } from '../device.ts';
import { makeSigningRequest } from '../signing-request.ts';
import { CHASSIS } from './chassis.ts';

const SERVICE = '/redfish/v1/CertificateService';
const HTTPS = '/redfish/v1/Managers/bmc/NetworkProtocol/HTTPS/Certificates';
const TRUSTSTORE = '/redfish/v1/Managers/bmc/Truststore/Certificates';
const LDAP = '/redfish/v1/AccountService/LDAP/Certificates';
const CLIENT = '/redfish/v1/AccountService/MultiFactorAuth/ClientCertificate/Certificates';

/** A place where certificates stand. */
interface Place {
	readonly uri: string;
	readonly what: string;
	readonly name?: string;
	readonly description?: string;
	/** Privilege to read a member; the collections need a log-in only. */
	readonly read: Requirement;
	readonly mayAdd: boolean;
	readonly mayDelete: boolean;
	readonly head?: boolean;
}

const PLACES: readonly Place[] = [
	{ uri: HTTPS, what: 'HTTPS', read: CONFIGURE_MANAGER, mayAdd: true, mayDelete: false },
	{ uri: TRUSTSTORE, what: 'TrustStore', read: CONFIGURE_MANAGER, mayAdd: true, mayDelete: true },
	{ uri: LDAP, what: 'LDAP', read: CONFIGURE_MANAGER, mayAdd: true, mayDelete: true },
	{
		uri: CLIENT,
		what: 'Client',
		name: 'Certificates Collection',
		description: 'Multi-factor Authentication Client Certificates',
		read: CONFIGURE_MANAGER,
		mayAdd: false,
		mayDelete: false,
		head: true,
	},
	{ uri: `${CHASSIS}/Certificates`, what: 'Chassis', read: LOGIN, mayAdd: false, mayDelete: false },
];

export function certificateRoutes(device: Device): Route[] {
	return [
		...resource(SERVICE, certificateService),
		...resource(`${SERVICE}/CertificateLocations`, () => locations(device)),
		act('POST', `${SERVICE}/Actions/CertificateService.GenerateCSR`, CONFIGURE_MANAGER, generateRequest),
		act('POST', `${SERVICE}/Actions/CertificateService.ReplaceCertificate`, CONFIGURE_MANAGER, call =>
			replace(device, call),
		),
		...PLACES.flatMap(place => placeRoutes(device, place)),
	];
}

function certificateService(): JsonObject {
	const actions = `${SERVICE}/Actions`;
	return {
		'@odata.id': SERVICE,
		'@odata.type': '#CertificateService.v1_0_0.CertificateService',
		Id: 'CertificateService',
		Name: 'Certificate Service',
		Description: 'Actions available to manage certificates',
		CertificateLocations: link(`${SERVICE}/CertificateLocations`),
		Actions: {
			'#CertificateService.GenerateCSR': { target: `${actions}/CertificateService.GenerateCSR` },
			'#CertificateService.ReplaceCertificate': {
				target: `${actions}/CertificateService.ReplaceCertificate`,
				'CertificateType@Redfish.AllowableValues': ['PEM'],
			},
		},
	};
}

function locations(device: Device): JsonObject {
	const all = PLACES.flatMap(place =>
		standing(device, place.uri).map(certificate => link(`${place.uri}/${certificate.id}`)),
	);
	return {
		'@odata.id': `${SERVICE}/CertificateLocations`,
		'@odata.type': '#CertificateLocations.v1_0_0.CertificateLocations',
		Id: 'CertificateLocations',
		Name: 'Certificate Locations',
		Description: 'Where the certificates of this service stand',
		Links: { Certificates: all, 'Certificates@odata.count': all.length },
	};
}

/** What stands in a place: what was put there, or else the certificate that HTTPS shows. */
function standing(device: Device, uri: string): readonly { id: string; pem: string }[] {
	const kept = device.state.certificates[uri];
	if (kept) return kept;
	const own = uri === HTTPS || uri === `${CHASSIS}/Certificates`;
	return own && device.httpsCertificate ? [{ id: '1', pem: device.httpsCertificate }] : [];
}

function placeRoutes(device: Device, place: Place): Route[] {
	const { uri } = place;
	const routes: Route[] = [
		...resource(
			uri,
			() =>
				collection(
					uri,
					'CertificateCollection',
					place.name ?? `${place.what} Certificates Collection`,
					standing(device, uri).map(certificate => certificate.id),
					place.description ?? `A Collection of ${place.what} certificate instances`,
				),
			{ head: place.head ?? false },
		),
		{
			method: 'GET',
			pattern: `${uri}/{}`,
			requirement: place.read,
			handle: call => {
				const found = standing(device, uri).find(certificate => certificate.id === call.params[0]);
				if (!found) return notFound('Certificate', call.params[0] ?? '');
				return ok(showCertificate(place, found), [['Location', `${uri}/${found.id}`]]);
			},
		},
	];
	if (place.mayAdd) routes.push(act('POST', uri, CONFIGURE_MANAGER, call => add(device, place, call)));
	if (place.mayDelete) {
		routes.push(
			act('DELETE', `${uri}/{}`, CONFIGURE_MANAGER, call => {
				const left = standing(device, uri).filter(certificate => certificate.id !== call.params[0]);
				if (left.length === standing(device, uri).length)
					return notFound('Certificate', call.params[0] ?? '');
				device.state.certificates[uri] = left;
				return done();
			}),
		);
	}
	return routes;
}

function showCertificate(place: Place, certificate: { id: string; pem: string }): JsonObject {
	const parsed = readCertificate(certificate.pem);
	return {
		'@odata.id': `${place.uri}/${certificate.id}`,
		'@odata.type': '#Certificate.v1_0_0.Certificate',
		Id: certificate.id,
		Name: `${place.what} Certificate`,
		Description: `${place.what} Certificate`,
		CertificateString: certificate.pem,
		Issuer: distinguishedName(parsed?.issuer),
		Subject: distinguishedName(parsed?.subject),
		KeyUsage: ['KeyEncipherment'],
		ValidNotBefore: parsed ? timestamp(Date.parse(parsed.validFrom)) : '',
		ValidNotAfter: parsed ? timestamp(Date.parse(parsed.validTo)) : '',
	};
}

function readCertificate(pem: string): X509Certificate | undefined {
	try {
		return new X509Certificate(pem);
	} catch {
		return undefined;
	}
}

const NAME_PARTS: Readonly<Record<string, string>> = {
	CN: 'CommonName',
	C: 'Country',
	O: 'Organization',
	OU: 'OrganizationalUnit',
	L: 'City',
	ST: 'State',
};

function distinguishedName(name: string | undefined): JsonObject {
	const result: JsonObject = {};
	for (const line of name?.split('\n') ?? []) {
		const [key = '', value] = line.split('=');
		const property = NAME_PARTS[key];
		if (property !== undefined && value !== undefined) result[property] = value;
	}
	return result;
}

function add(device: Device, place: Place, call: Call): Outcome {
	const read = call.values({ CertificateString: text, CertificateType: oneOf('PEM') }, ['CertificateString']);
	if (!read.ok) return read.outcome;
	const pem = String(read.value.get('CertificateString'));
	if (!readCertificate(pem)) return failed(400, 'PropertyValueFormatError', '"…"', 'CertificateString');
	const present = standing(device, place.uri);
	const id = String(present.reduce((most, one) => Math.max(most, Number(one.id)), 0) + 1);
	const certificate = { id, pem };
	device.state.certificates[place.uri] = [...present, certificate];
	return created(`${place.uri}/${id}`, showCertificate(place, certificate));
}

function replace(device: Device, call: Call): Outcome {
	const read = call.values(
		{ CertificateString: text, CertificateType: oneOf('PEM'), CertificateUri: { '@odata.id': text } },
		['CertificateString', 'CertificateType', 'CertificateUri/@odata.id'],
	);
	if (!read.ok) return read.outcome;
	const pem = String(read.value.get('CertificateString'));
	const uri = String(read.value.get('CertificateUri/@odata.id'));
	const place = PLACES.find(candidate => uri.startsWith(`${candidate.uri}/`));
	const id = place ? uri.slice(place.uri.length + 1) : '';
	const present = place ? standing(device, place.uri) : [];
	if (!place || !present.some(one => one.id === id))
		return notFound('Certificate', uri.split('/').at(-1) ?? '');
	if (!readCertificate(pem)) return failed(400, 'PropertyValueFormatError', '"…"', 'CertificateString');
	device.state.certificates[place.uri] = present.map(one => (one.id === id ? { id, pem } : one));
	return done();
}

async function generateRequest(call: Call): Promise<Outcome> {
	const read = call.values(
		{
			CertificateCollection: { '@odata.id': text },
			CommonName: text,
			Country: text,
			State: text,
			City: text,
			Organization: text,
			OrganizationalUnit: text,
			AlternativeNames: listOf(text),
			ContactPerson: text,
			Email: text,
			GivenName: text,
			Initials: text,
			Surname: text,
			KeyUsage: listOf(text),
			KeyPairAlgorithm: oneOf('RSA', 'EC'),
			KeyBitLength: wholeNumber(2048, 2048),
			KeyCurveId: text,
		},
		['CertificateCollection/@odata.id', 'CommonName', 'Country', 'Organization'],
	);
	if (!read.ok) return read.outcome;
	const uri = String(read.value.get('CertificateCollection/@odata.id'));
	if (!PLACES.some(place => place.uri === uri && place.mayAdd)) {
		return failed(400, 'ActionParameterNotSupported', uri, 'CertificateCollection');
	}
	return ok({
		CSRString: await makeSigningRequest({
			commonName: String(read.value.get('CommonName')),
			countryName: String(read.value.get('Country')),
			organizationName: String(read.value.get('Organization')),
		}),
		CertificateCollection: link(uri),
	});
}
