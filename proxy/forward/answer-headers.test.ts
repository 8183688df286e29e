import test from 'ava';
import { describeResource, passHeaders } from './answer-headers.ts';

const headers = { 'content-type': 'application/json' };
const linkOf = (text: string, status = 200, sent: Record<string, string> = headers) =>
	passHeaders(sent, Buffer.from(text), { status, prefix: '/bmc/n1', allow: () => 'GET, HEAD' }).link;
const chassis = '</bmc/n1/redfish/v1/JsonSchemas/Chassis/Chassis.json>; rel=describedby';

test('an answer that is passed on says what is allowed and names its schema, where the BMC does not', t => {
	const start = '{\n  "@odata.id": "/redfish/v1/Chassis/c",\n  "@odata.type": "#Chassis.v1_22_0.Chassis",';
	t.is(linkOf(start), chassis);
	t.is(linkOf(start, 404), undefined);
	t.is(linkOf(start, 200, { 'content-type': 'text/plain' }), undefined);
	const link = '</redfish/v1/JsonSchemas/Chassis/Chassis.v1.json>; rel=describedby';
	const own = { ...headers, link, allow: 'GET' };
	const passed = passHeaders(own, Buffer.from(start), { status: 200, prefix: '', allow: () => 'GET, HEAD' });
	t.is(passed.link, own.link);
	t.is(passed.allow, 'GET');
	const other = '</redfish/v1/JsonSchemas/Fan/Fan.json>; rel=describedby';
	t.is(linkOf(start, 200, { ...headers, link: other }), `${chassis}, ${other.replace('<', '</bmc/n1')}`);
});

test('the type of a part is never taken for that of the resource', t => {
	for (const text of [
		'{"Status": {"@odata.type": "#Chassis.v1_22_0.Chassis"}, "@odata.type": "#Thermal.v1_0_0.Thermal"}',
		'{"Members": [], "@odata.type": "#Thermal.v1_0_0.Thermal"}',
		'["@odata.type", "#Chassis.v1_22_0.Chassis"]',
		String.raw`{"Name": "a\", \"@odata.type\": \"#Chassis.v1_22_0.Chassis\", \"b"}`,
		'{"@odata.type": "#../../evil>; rel=x.Chassis"}',
		`{"Name": "${'x'.repeat(600)}", "@odata.type": "#Chassis.v1_22_0.Chassis"}`,
		'',
	])
		t.is(linkOf(text), undefined, text);
});

test('a resource that was made anew is described the same', t => {
	const options = { prefix: '/bmc/n1', allow: () => 'GET, HEAD, PATCH' };
	const described = describeResource(headers, { '@odata.type': '#Chassis.v1_22_0.Chassis' }, options);
	t.deepEqual(described, { ...headers, allow: 'GET, HEAD, PATCH', link: chassis });
	t.deepEqual(describeResource({ allow: 'GET' }, undefined, options), { allow: 'GET' });
});
