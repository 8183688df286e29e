import { testImage } from '../../qemu/bmc/test-image.ts';

/** An upload: its target, what it says it is, and its bytes as Latin-1. */
export interface UploadShape {
	readonly start: string;
	readonly contentType: string;
	readonly body: string;
}

const raw = 'POST /redfish/v1/UpdateService/update';
const form = 'POST /redfish/v1/UpdateService/update-multipart';
const image = testImage(600).toString('latin1');
const parameters =
	'--b\r\nContent-Disposition: form-data; name="UpdateParameters"\r\nContent-Type: application/json\r\n\r\n';
const file =
	'--b\r\nContent-Disposition: form-data; name="UpdateFile"; filename="i.tar"\r\nContent-Type: application/octet-stream\r\n\r\n';
const type = 'multipart/form-data; boundary=b';
const usual = `${parameters}{"Targets":[]}\r\n${file}${image}\r\n--b--\r\n`;

/** Uploads as clients write them. */
export const goodUploads: readonly UploadShape[] = [
	{ start: raw, contentType: 'application/octet-stream', body: image },
	{ start: form, contentType: type, body: usual },
	{ start: form, contentType: 'multipart/form-data; boundary="b"', body: usual },
	{ start: form, contentType: type, body: `${file}${image}\r\n${parameters}{}\r\n--b--` },
	// What looks like a delimiter, or the beginning of one, within the image.
	{
		start: raw,
		contentType: 'application/octet-stream',
		body: `${image}\r\n--b--\r\nGET / HTTP/1.1\r\n\r\n`,
	},
	{
		start: form,
		contentType: type,
		body: usual.replace(image, `${image}\r\n--B\r\n-\r\n--\r\n--a\r--b\n--b`),
	},
];

const change = (from: string, to: string, contentType = type): UploadShape => ({
	start: form,
	contentType,
	body: usual.replace(from, to),
});

/** Uploads that two readers may read in two ways. */
export const oddUploads: readonly UploadShape[] = [
	{ start: form, contentType: type, body: `preamble\r\n${usual}` },
	{ start: form, contentType: type, body: `\r\n${usual}` },
	{ start: form, contentType: type, body: `${usual}${file}${image}x\r\n--b--\r\n` },
	{ start: form, contentType: type, body: usual.replaceAll('\r\n', '\n') },
	{ start: form, contentType: type, body: usual.replace('--b--\r\n', '') },
	{
		start: form,
		contentType: type,
		body: usual.replace('\r\n--b--\r\n', `\r\n${file}${image}y\r\n--b--\r\n`),
	},
	{ start: form, contentType: type, body: usual.replaceAll('--b', '--b ') },
	{ start: form, contentType: 'multipart/form-data; boundary=c; boundary=b', body: usual },
	{ start: form, contentType: 'multipart/form-data; boundary=b; boundary=c', body: usual },
	{ start: form, contentType: 'multipart/form-data; x=y; boundary=b', body: usual },
	{ start: form, contentType: 'multipart/form-data;boundary*=b', body: usual },
	{ start: form, contentType: 'multipart/form-data; BOUNDARY=b', body: usual },
	{ start: form, contentType: 'multipart/mixed; boundary=b', body: usual },
	{ start: form, contentType: 'application/json', body: '{"Targets":[]}' },
	{ start: form, contentType: 'application/octet-stream', body: image },
	{ start: raw, contentType: type, body: usual },
	{ start: raw, contentType: 'text/plain', body: image },
	change('name="UpdateParameters"', 'name="UpdateParameters"; name="UpdateFile"'),
	change('name="UpdateFile"', "name*=UTF-8''UpdateFile"),
	change('name="UpdateFile"', 'NAME="UpdateFile"'),
	change('name="UpdateFile"', 'name=UpdateFile'),
	change('filename="i.tar"', 'filename="../i.tar"'),
	change('filename="i.tar"', 'filename="i\\".tar"'),
	change('{"Targets":[]}', '{"Targets":["/redfish/v1/Managers/bmc"],"Targets":[]}'),
	change('{"Targets":[]}', '{"\\u0054argets":[]}'),
	change('{"Targets":[]}', ''),
	change('{"Targets":[]}', '{"a":"\r\n--b--"}'),
	change(
		'Content-Type: application/json',
		'Content-Type: application/json\r\nContent-Transfer-Encoding: base64',
	),
	change('Content-Type: application/json', 'Content-Length: 2'),
	change(
		'Content-Disposition: form-data; name="UpdateFile"',
		'Content-Disposition: form-data;\r\n name="UpdateFile"',
	),
	change('Content-Disposition', 'X: y\r\n\r\nContent-Disposition'),
];
