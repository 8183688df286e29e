import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readConfig } from '../../common/config/read-config.ts';
import { externalSources } from './external-source.ts';

const read = (text: string, folder = '.') =>
	readConfig({ file: join(folder, 'site.yaml'), schema: externalSources, text });

const servers = `
Servers:
  from: redfish
  path: /redfish/v1/Systems/system
  fields: { Name: {target: true}, State: {path: $.PowerState, values: {On: Up}, otherwise: Down} }
  whenUnreachable: {State: Down}
  maxAge: 5s
`;

test('the sources of the slides are declared as the documents show', t => {
	const sources = read(`${servers}
PDU: { from: mqtt, topic: bimetal/pdu/outlets/+, expect: 8, under: Outlets, maxAge: 10s, fields: { Id: $.Id, Power: {path: $.PowerWatts, type: number} } }
`);
	t.like(sources.Servers, {
		from: 'redfish',
		maxAge: 5000,
		timeout: 2000,
		whenUnreachable: { State: 'Down' },
	});
	t.like(sources.PDU, { from: 'mqtt', expect: 8, under: 'Outlets' });
	t.like(read('A: {from: mqtt, topic: a/b, maxAge: 1s, fields: {x: $}}').A, { expect: 1 });
});

test('what is declared wrongly is refused with its place', t => {
	const cases: readonly [text: string, message: RegExp][] = [
		[servers.replace('$.PowerState', "'$[?(@.x)]'"), /site\.yaml:5:49: .*filters and scripts are refused/],
		[servers.replace('{State: Down}', '{Name: x}'), /expected a value for the field State too/],
		[servers.replace('{State: Down}', '{State: Down, Stat: x}'), /Stat is not one of the fields/],
		[servers.replace('values: {On: Up}, ', ''), /otherwise needs values/],
		[servers.replace('path: /redfish', 'path: http://elsewhere/redfish'), /expected a path/],
		[`${servers}  timeout: 6s\n`, /site\.yaml:8:12: .*timeout must not be longer than maxAge/],
		[servers.replace('Servers:', 'my-servers:'), /the key "my-servers" is wrong/],
		['A: {from: mqtt, topic: a/#/b, maxAge: 1s, fields: {x: $}}', /expected a topic pattern/],
		['A: {from: mqtt, topic: a/b, maxAge: 1s, fields: {x: {target: true}}}', /target/],
		['A: {from: mqtt, topic: a/b, maxAge: 1s, fields: {}}', /one field or more/],
		[
			'A: {from: http, url: "http://u:p@x/", maxAge: 9s, fields: {x: $}}',
			/credentials do not stand in a URL/,
		],
		['A: {from: http, url: "file:///etc/passwd", maxAge: 9s, fields: {x: $}}', /http or https/],
		['A: {from: sql, maxAge: 9s}', /redfish.*http.*mqtt|mqtt/],
	];
	for (const [text, message] of cases) t.throws(() => read(text), { code: 'ConfigInvalid', message }, text);
});

test('a password is in a file of its own and never travels in clear', t => {
	const folder = mkdtempSync(join(tmpdir(), 'bimetal-external-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	writeFileSync(join(folder, 'password'), 'hunter2\n', { mode: 0o600 });
	const text = (url: string) =>
		`A: {from: http, url: "${url}", credentials: {username: u, password: password}, maxAge: 9s, fields: {x: $}}`;
	t.notThrows(() => read(text('https://example.org/'), folder));
	t.notThrows(() => read(text('http://127.0.0.1:8080/'), folder));
	t.throws(() => read(text('http://example.org/'), folder), { message: /must not travel in clear/ });
});
