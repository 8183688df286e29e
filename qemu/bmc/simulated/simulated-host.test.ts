import test from 'ava';
import { testHostContract } from '../contract.ts';
import { createSimulatedHost } from './simulated-host.ts';

testHostContract(
	test,
	async () => context =>
		createSimulatedHost(context, {
			postTimeMs: 20,
			shutdownTimeMs: 20,
			kvmInput: { keys: [], pointers: 0 },
		}),
	/login:/,
);
