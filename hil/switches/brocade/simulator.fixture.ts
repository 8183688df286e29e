import type { PortState } from '../../core/actions.ts';
import { parseXml, textOf, type XmlElement, XmlError } from '../netconf/xml.ts';
import {
	type HttpsSimulator,
	type SimulatedRequest,
	type SimulatedResponse,
	startHttpsSimulator,
} from '../transport/https-simulator.fixture.ts';
import { formatVlanRanges } from '../vlan-ranges.ts';
import { assertThat, createNosModel, type NosModel, Refusal } from './model.fixture.ts';

/** A VDX 6740 with Network OS 7 in logical chassis mode and its REST interface, as far as ports and VLANs go. */
export interface VdxSimulator extends HttpsSimulator {
	readonly model: NosModel;
	/** What passed the port after each change of anything. */
	readonly history: { readonly port: string; readonly state: PortState }[];
	/** Requests that are answered with this error, by `METHOD path/after/the/port`. */
	readonly refuses: Map<string, string>;
	/** Off and on again. In this mode the switch keeps its configuration by itself. */
	restart(): void;
}

const mediaType = 'application/vnd.configuration.resource+xml';
const root = '/rest/config/running/interface';

export async function startVdx(): Promise<VdxSimulator> {
	const names = ['1/0/1', '1/0/2', '1/0/3', '1/4'];
	const model = createNosModel(names);

	function show(name: string, below: string, self: string): string | undefined {
		const port = model.ports.get(name);
		if (!port) return undefined;
		const { isShut, channel, switchport } = port;
		const wrap = (tag: string, inside: string) =>
			`<${tag} xmlns="urn:brocade.com:mgmt:brocade-interface" xmlns:y="http://brocade.com/ns/rest" y:self="${self}">\r\n${inside}</${tag}>\r\n`;
		if (below === '') {
			return wrap(
				'TenGigabitEthernet',
				`<name>${name}</name>${isShut ? '<shutdown>true</shutdown>' : ''}<fabric y:self="${self}/fabric"><trunk y:self="${self}/fabric/trunk"/></fabric>${
					channel === null
						? ''
						: `<channel-group y:self="${self}/channel-group"><port-int>${channel}</port-int><mode>active</mode></channel-group>`
				}${switchport ? `<switchport y:self="${self}/switchport"></switchport>` : ''}`,
			);
		}
		if (!switchport) return undefined;
		const { mode, access, native, isTagged, allowed, isAll } = switchport;
		if (below === 'switchport/mode')
			return wrap('mode', `<vlan-mode>${mode}</vlan-mode><private-vlan><trunk/></private-vlan>`);
		if (below === 'switchport/access' && mode === 'access') return wrap('access', `<vlan>${access}</vlan>`);
		if (below !== 'switchport/trunk' || mode === 'access') return undefined;
		const list = allowed.size > 0 ? `<add>${formatVlanRanges(allowed)}</add>` : '';
		return wrap(
			'trunk',
			`<allowed y:self="${self}/allowed"><rspan-vlan/><vlan y:self="${self}/allowed/vlan">${isAll ? '<all>true</all>' : list}</vlan></allowed>${
				mode === 'trunk' && isTagged ? '<tag><native-vlan>true</native-vlan></tag>' : '<tag/>'
			}${mode === 'trunk' && native !== 1 ? `<native-vlan>${native}</native-vlan>` : ''}`,
		);
	}

	function change(method: string, name: string, below: string, given: XmlElement | undefined): number {
		const port = model.ports.get(name);
		assertThat(port !== undefined, 404, 'uri keypath not found');
		const value = (tag: string): string => {
			const text = given?.name === tag ? given.text.trim() : '';
			assertThat(text !== '', 400, 'malformed XML in the request body');
			return text;
		};
		switch (`${method} ${below}`) {
			case 'POST ':
				assertThat(given?.name === 'switchport', 400, `unknown element ${given?.name}`);
				model.createSwitchport(name);
				return 201;
			case 'DELETE switchport':
				model.removeSwitchport(name);
				return 204;
			case 'PUT shutdown':
				assertThat(value('shutdown') === 'true', 400, 'malformed XML in the request body');
				port.isShut = true;
				return 204;
			case 'DELETE shutdown':
				assertThat(port.isShut, 404, 'uri keypath not found');
				port.isShut = false;
				return 204;
			case 'PUT switchport/mode':
				assertThat(given?.name === 'mode', 400, 'malformed XML in the request body');
				model.setMode(name, textOf(given, 'vlan-mode') ?? '');
				return 204;
			case 'PUT switchport/trunk/native-vlan':
				model.setNative(name, value('native-vlan'));
				return 204;
			case 'DELETE switchport/trunk/native-vlan':
				model.resetNative(name);
				return 204;
			case 'DELETE switchport/trunk/tag/native-vlan':
				model.setTagged(name, false);
				return 204;
			case 'PUT switchport/trunk/allowed/vlan': {
				const [verb, ...others] = given?.name === 'vlan' ? given.children : [];
				assertThat(verb !== undefined && others.length === 0, 400, 'malformed XML in the request body');
				assertThat(/^(add|remove|none|all)$/.test(verb.name), 400, `unknown element ${verb.name}`);
				model.allow(name, verb.name, verb.text.trim());
				return 204;
			}
			default:
				throw new Refusal(405, 'method is not allowed');
		}
	}

	function serve({ method, path, headers, body }: SimulatedRequest): SimulatedResponse {
		if (method !== 'GET') {
			const isXml = method === 'DELETE' || headers['content-type'] === mediaType;
			assertThat(isXml, 415, 'the media type of the request is not supported');
		}
		const given = body === '' ? undefined : parseXml(body);
		if (path === root && method === 'POST') {
			assertThat(given?.name === 'Vlan', 400, `unknown element ${given?.name}`);
			model.createVlan(textOf(given, 'name') ?? '');
			return { status: 201 };
		}
		const [, name = '', below = ''] =
			/^\/rest\/config\/running\/interface\/TenGigabitEthernet\/%22([\w%]+)%22(?:\/([\w/-]+))?$/.exec(path) ??
			[];
		const port = decodeURIComponent(name);
		const refusal = simulator.refuses.get(`${method} ${below}`);
		assertThat(refusal === undefined, 400, refusal ?? '');
		if (method !== 'GET') return { status: change(method, port, below, given) };
		const shown = show(port, below, path);
		assertThat(shown !== undefined, 404, 'uri keypath not found');
		return { status: 200, headers: { 'content-type': mediaType }, body: shown };
	}

	function handle(request: SimulatedRequest): SimulatedResponse {
		try {
			const answer = serve(request);
			if (request.method !== 'GET')
				for (const port of names) simulator.history.push({ port, state: model.carries(port) });
			return answer;
		} catch (fault) {
			if (!(fault instanceof Refusal || fault instanceof XmlError)) throw fault;
			const status = fault instanceof Refusal ? fault.status : 400;
			return {
				status,
				headers: { 'content-type': mediaType, server: 'NOS Wave WWW' },
				body: `<?xml version="1.0" encoding="UTF-8"?>\r\n<errors xmlns="http://brocade.com/ns/rest"><error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-message>${fault.message.replaceAll('<', '&lt;')}</error-message></error></errors>`,
			};
		}
	}

	const https = await startHttpsSimulator(handle);
	const simulator: VdxSimulator = Object.assign(https, {
		model,
		history: [] as VdxSimulator['history'],
		refuses: new Map<string, string>(),
		restart: () => https.endConnections(),
	});
	return simulator;
}
