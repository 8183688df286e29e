import test from 'ava';
import { openVswitchSettings, placeOf } from './settings.ts';

const pem = (what: string) => `-----BEGIN ${what}-----\nAAAA\n-----END ${what}-----\n`;
const tls = { certificate: pem('CERTIFICATE'), key: pem('PRIVATE KEY') };

test("HIL's own settings are enough for the switch of this machine", t => {
	// As HIL's command line sends them.
	t.deepEqual(placeOf({ hostname: 'br0', username: 'u', password: 'p' }), {
		connected: 'br0',
		isolated: 'br0-off',
		remote: { kind: 'unix', path: '/var/run/openvswitch/db.sock' },
		control: undefined,
		certificate: undefined,
		key: undefined,
	});
});

test('what does not fit is said', t => {
	const refused = (given: object, message: RegExp) => {
		const { error } = openVswitchSettings.safeParse({ hostname: 'br0', ...given });
		t.regex(
			error?.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`).join('; ') ?? '',
			message,
		);
	};
	refused({ hostname: 'a/b' }, /hostname: expected the name of a bridge/);
	refused({ hostname: 'twelve-chars' }, /isolated: twelve-chars-off is too long/);
	refused({ isolated: 'br0' }, /isolated: expected another bridge/);
	refused({ database: 'db.sock' }, /database: expected unix:/);
	refused({ database: 'tcp:10.0.0.1:6640' }, /database: whoever is on the way/);
	refused({ database: 'ssl:tor.example:6640' }, /certificate: the switch asks for one.*key: the switch asks/);
	refused({ database: 'ssl:tor.example:6640', ...tls, control: '/x.ctl' }, /control: another machine/);
	refused(tls, /certificate: there is no TLS/);
	refused({ database: 'ssl:tor.example:6640', ...tls, key: 'secret' }, /key: expected a private key as PEM$/);
	refused({ colour: 'red' }, /colour/);
	t.true(openVswitchSettings.safeParse({ hostname: 'twelve-chars', isolated: 'off' }).success);
	t.true(
		openVswitchSettings.safeParse({ hostname: 'br0', database: 'ssl:tor.example:6640', ...tls }).success,
	);
	t.true(openVswitchSettings.safeParse({ hostname: 'br0', database: 'tcp:127.0.0.1:6640' }).success);
});
