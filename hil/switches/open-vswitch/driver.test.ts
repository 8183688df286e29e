import { testNeeding } from '../../../test/debian/test-needing.ts';
import { driverContract } from '../contract.ts';
import { openVswitchType } from './driver.ts';
import { startTestVswitch } from './open-vswitch.fixture.ts';

const test = testNeeding('openvswitch-switch');

driverContract(test, 'Open vSwitch', async () => {
	const { settings, restart, close } = await startTestVswitch();
	return {
		type: openVswitchType({ ca: undefined }),
		settings,
		ports: ['p1', 'p2'],
		noPort: 'p3',
		restart,
		close,
	};
});
